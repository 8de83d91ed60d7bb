"""The worked examples: each runs by itself, and its own assertions hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GALLERY = Path(__file__).parents[1] / "gallery"
QUICK = {"find_sources", "place_vessels"}
NEEDS = {"train_in_jax": "jax", "train_in_pytorch": "torch"}  # page → what may not be installed


def pages() -> list[pytest.ParameterSet]:
    names = [page.stem.removeprefix("plot_") for page in sorted(GALLERY.rglob("*.py"))]
    return [
        pytest.param(name, marks=[] if name in QUICK | {*NEEDS} else pytest.mark.slow)
        for name in names
    ]


@pytest.mark.parametrize("name", pages())
def test_a_page_shows_what_it_claims(name, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    [page] = [*GALLERY.rglob(f"plot_{name}.py"), *GALLERY.rglob(f"{name}.py")]
    environment = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(GALLERY.parents[1])}
    run = subprocess.run(
        [sys.executable, page], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout  # it prints the figures that it claims
    assert list(tmp_path.iterdir()) == []
