"""Figures for phones: one panel a row."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from diffkeras.reporting.style import new_figure
from docs import phone_figures
from docs.phone_figures import MANY, WIDTH, stack, write_pictures


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


def test_many_images_lie_two_a_row():
    figure = Figure(layout="constrained")
    panels = figure.subplots(1, MANY + 1)
    for panel in panels:
        panel.imshow(np.eye(4))
    found = boxes(figure, panels)
    assert found[0].y0 == pytest.approx(found[1].y0)
    assert found[0].x1 < found[1].x0
    assert found[1].y0 > found[2].y1


def test_panels_that_shared_labels_and_a_legend_have_their_own_and_one_below():
    figure = Figure(figsize=(9, 3), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for panel in (left, right):
        panel.plot([1, 2], label="error")
    left.set_ylabel("MAE")
    left.set_xticks(
        [0, 0.5, 1], ["needs more room to be read", "than is between these", "such long words here"]
    )
    handles = left.get_lines()
    figure.legend(handles, ["first"], loc="outside upper left", ncols=3)
    figure.legend(handles, ["second"], loc="outside upper right")
    found = boxes(figure, [left, right])
    assert right.get_ylabel() == "MAE"
    assert any(label.get_visible() for label in right.get_yticklabels())
    assert {label.get_rotation() for label in left.get_xticklabels()} == {90}
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["first", "second"]
    assert legend.get_window_extent().transformed(figure.transFigure.inverted()).y1 < found[1].y0


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
