import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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


@pytest.mark.slow
def test_the_wheel_has_all_data_and_building_it_gives_no_warning(tmp_path: Path) -> None:
    data = ("configs", "diffkeras/surrogates/shipped_models", "diffkeras/reporting/templates")
    for name in ("diffkeras", "tfds_builders", "configs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--verbose", "--no-deps", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    printed = done.stdout + done.stderr
    if "No matching distribution found for setuptools" in printed:
        pytest.skip("pip can't download setuptools")
    assert done.returncode == 0, printed
    assert "Package would be ignored" not in printed
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = [path.relative_to(ROOT) for part in data for path in (ROOT / part).rglob("*.*")]
    assert len(files) > 50
    for file in files:
        assert (f"diffkeras/{file}" if file.parts[0] == "configs" else str(file)) in packed
