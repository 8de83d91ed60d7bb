import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_an_old_setuptools_is_told_what_is_needed(tmp_path: Path) -> None:
    """Python 3.11 ships setuptools 65, which can't read the license in pyproject.toml."""
    stub = "__version__ = '65.5.0'\ndef find_packages(): ...\ndef setup(): ...\n"
    (tmp_path / "setuptools.py").write_text(stub)
    done = subprocess.run(
        [sys.executable, "setup.py", "--version"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert "needs setuptools 77 or newer, and this is 65.5.0" in line
