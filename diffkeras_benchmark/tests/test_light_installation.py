"""Without TensorFlow the benchmark has its data, scores predictions, and compares what it can."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_needs_no_tensorflow_works_without_it(tmp_path, python):
    """`test_setup.py` installs it in bare environments, where a test takes minutes."""
    full = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    absent = {re.split(r"[^\w.-]", line)[0] for line in full["project"]["dependencies"]}
    for name in ("solver", "benchmark"):
        file = ROOT / "distributions" / name / "pyproject.toml"
        absent -= {
            *tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["diffkeras"]["requires"]
        }
    absent = {name.replace("-", "_") for name in absent}
    assert {"keras", "tensorflow", "tensorflow_datasets"} <= absent
    python(
        f"""
import sys
sys.modules.update(dict.fromkeys({sorted(absent)}))  # to import one of them raises ImportError
from pathlib import Path
from click.testing import CliRunner
import diffkeras_benchmark
from diffkeras_benchmark.commands import main

def run(line):
    result = CliRunner().invoke(main, line.split())
    assert result.exit_code == 0, result.output
    return result.output

assert "fixed_values_64" in run("data")
split = diffkeras_benchmark.load("fixed_values_64", "edges", data_dir="data", show_progress=False)
assert len(split) == 200 and split.bounds.max() < 1e-6
split.write_predictions(Path("mine/fixed_values_64/edges_0.npz"), 0.5 * split.fields)
manifest = "model: mine\\nauthors: me\\nhardware: none\\ntuning: none\\nseeds: [0]\\n"
manifest += "parameters: 0\\ntraining_seconds: 0\\ntraining_images: 0\\n"
Path("mine/manifest.yaml").write_text(manifest)
[own] = [line for line in run("leaderboard mine -o table").splitlines() if "*mine*" in line]
assert own.split()[:2] == ["*mine*", "0.5"]
words = "--problem fixed_values --side 16 --images 1 --rounds 1 --batch 1 --processes 1"
printed = run("compare -o board " + words)
assert "exact solver" in printed and "TensorSolver" not in printed
""",
        cwd=tmp_path,
    )
