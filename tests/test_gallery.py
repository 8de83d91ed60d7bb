"""The worked examples: each runs by itself, and its own assertions hold."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"
QUICK = {"find_sources", "place_vessels"}
NEEDS = {"train_in_jax": "jax", "train_in_pytorch": "torch"}  # page → what may not be installed
LONGEST_PAGE = 60  # lines


def pages() -> list[pytest.ParameterSet]:
    names = [page.stem.removeprefix("plot_") for page in sorted(GALLERY.glob("*.py"))]
    return [
        pytest.param(name, marks=[] if name in QUICK | {*NEEDS} else pytest.mark.slow)
        for name in names
    ]


@pytest.mark.parametrize("name", pages())
def test_a_page_shows_what_it_claims(name, tmp_path):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    [page] = [*GALLERY.glob(f"plot_{name}.py"), *GALLERY.glob(f"{name}.py")]
    environment = os.environ | {"MPLBACKEND": "agg", "PYTHONPATH": str(GALLERY.parents[1])}
    run = subprocess.run(
        [sys.executable, page], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout  # it prints the figures that it claims
    assert list(tmp_path.iterdir()) == []


def test_on_a_phone_panels_lie_below_each_other(monkeypatch):
    monkeypatch.syspath_prepend(GALLERY.parent / "_ext")
    import phone_figures

    figure = Figure(figsize=(11, 3), layout="constrained")
    panels = figure.subplots(1, 3)
    shown = [panel.imshow(np.eye(4)) for panel in panels]
    figure.colorbar(shown[0], ax=panels)
    figure.draw_without_rendering()
    phone_figures.stack(figure)
    figure.draw_without_rendering()
    boxes = [panel.get_position() for panel in panels]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(boxes))
    assert all(box.width > 0.6 for box in boxes)  # the bar and the labels take the rest
    assert figure.get_size_inches()[0] == phone_figures.WIDTH


def test_pages_drawn_before_the_module_changed_run_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(GALLERY.parent / "_ext")
    import phone_figures

    changed = Path(phone_figures.__file__).stat().st_mtime
    for name, seconds in {"older": -1, "newer": 1}.items():
        stamp = tmp_path / f"plot_{name}.py.md5"
        stamp.touch()
        os.utime(stamp, (changed + seconds,) * 2)
    phone_figures.forget_older(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["plot_newer.py.md5"]


def test_pages_are_short():
    lengths = {
        page.name: len(page.read_text(encoding="utf-8").splitlines())
        for page in GALLERY.glob("*.py")
    }
    assert len(lengths) >= len(QUICK)
    assert {name: length for name, length in lengths.items() if length > LONGEST_PAGE} == {}
