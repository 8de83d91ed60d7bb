"""The worked examples: each runs by itself, and its own assertions hold. Figures for phones."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
from docutils import nodes
from docutils.utils import new_document
from matplotlib.figure import Figure
from PIL import Image

from diffkeras.reporting.style import new_figure
from docs.pictures import phone
from docs.pictures.phone import WIDTH, stack, write_pictures

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


def test_pictures_for_phones_join_those_that_have_one(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(GALLERY.parent / "_ext")
    import phone_pictures as extension

    for name in ("two.png", "two_phone.png", "one.png"):
        (tmp_path / name).touch()
    document, section = new_document(""), nodes.section()
    document.settings.env = SimpleNamespace(relfn2path=lambda path: (path, str(tmp_path / path)))
    section += [nodes.image(uri="two.png", width="90%"), nodes.image(uri="one.png")]
    document += section
    extension.PhonePictures(document).apply()
    shown = [[image["uri"] for image in frame.children] for frame in section.children]
    assert shown == [["two.png", "two_phone.png"], ["one.png"]]
    assert section[0][1]["classes"] == [extension.PHONE]
    assert "width" not in section[0][1]


def test_panels_lie_below_each_other():
    figure = Figure(figsize=(11, 3), layout="constrained")
    panels = figure.subplots(1, 3)
    shown = [panel.imshow(np.eye(4)) for panel in panels]
    figure.colorbar(shown[0], ax=panels)
    figure.draw_without_rendering()
    stack(figure)
    figure.draw_without_rendering()
    found = [panel.get_position() for panel in panels]
    assert all(upper.y0 > lower.y1 for upper, lower in pairwise(found))
    assert all(box.width > 0.6 for box in found)  # the bar and the labels take the rest
    assert figure.get_size_inches()[0] == WIDTH


def test_both_pictures_are_written_in_the_style_of_the_figure(tmp_path):
    figure = new_figure(8, 3)
    for panel in figure.subplots(1, 2):
        panel.plot([1, 2])
    before = dict(mpl.rcParams)
    paths = write_pictures(figure, tmp_path / "errors.png", dpi=50)
    assert [path.name for path in paths] == ["errors.png", "errors_phone.png"]
    wide, narrow = (Image.open(path).size for path in paths)
    assert wide == (400, 150)
    assert narrow[1] > narrow[0]
    assert abs(narrow[0] - WIDTH * phone.RESOLUTION) < 0.1 * narrow[0]
    assert dict(mpl.rcParams) == before
