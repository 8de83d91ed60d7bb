import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HIDE_TORCH = """
import importlib.util, runpy, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else found(name, *rest)
runpy.run_module("benchmarks.training", run_name="__main__")
"""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_training_says_in_one_line_that_it_needs_torch() -> None:
    done = run("-c", HIDE_TORCH)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "pip install --target" in line


def test_children_answer_and_tell_why_they_failed() -> None:
    done = run(
        "-c",
        "from benchmarks.children import Child\n"
        "with Child('children', {}, threads=1) as child:\n"
        "    try: child.ask('anything')\n"
        "    except RuntimeError as error: print(f'told: {error}')\n",
    )
    assert done.stdout.startswith("told: "), done.stderr
