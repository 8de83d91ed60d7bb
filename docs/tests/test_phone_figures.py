"""Figures for phones: one panel a row."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from diffkeras.reporting.style import new_figure
from docs import phone_figures
from docs.phone_figures import WIDTH, stack, write_pictures


def boxes(figure: Figure, panels) -> list:
    """Where panels lie in a figure after it was made one for phones."""
    figure.draw_without_rendering()
    stack(figure)
    figure.draw_without_rendering()
    return [panel.get_position() for panel in panels]


def test_panels_lie_below_each_other():
    figure = Figure(figsize=(11, 3), layout="constrained")
    panels = figure.subplots(1, 3)
    shown = [panel.imshow(np.eye(4)) for panel in panels]
    figure.colorbar(shown[0], ax=panels)
    found = boxes(figure, panels)
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
    assert abs(narrow[0] - WIDTH * phone_figures.RESOLUTION) < 0.1 * narrow[0]
    assert dict(mpl.rcParams) == before
