import re
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from diffkeras.reporting.figures import log_ticks
from diffkeras.reporting.style import PALETTE, print_axes, print_svg, series_style


def drawn() -> Figure:
    figure, axes = print_axes(1, 2, width=3.5, height=2.0)
    axes[0, 0].errorbar([1, 10], [0.1, 0.2], [0.01, 0.02], label="a label", **series_style(0))
    axes[0, 0].set(xscale="log", yscale="log", xlabel="training examples")
    axes[0, 0].fill_between([1, 10], [0.1, 0.2], clip_on=True)
    axes[0, 1].imshow(np.eye(3))
    return figure


def test_the_same_figure_is_the_same_svg():
    first, second = print_svg(drawn()), print_svg(drawn())
    assert first == second
    assert b"clip" in first, "the names that matplotlib draws from random numbers are there"
    assert not re.search(rb"<dc:date>|20\d\d-\d\d", first)


def test_figures_have_the_width_of_a_column_and_small_type_that_stays_text():
    figure = drawn()
    svg = print_svg(figure).decode()
    assert re.search(r'width="252pt"', svg)  # 3.5 in
    assert re.search(r"font-size: 8px[^\"]*\"[^>]*>training examples</text>", svg)
    assert "sans-serif" in svg, "a family that every reader has"
    assert not figure.axes[0].spines["top"].get_visible()


def test_nine_series_differ_in_colour_and_marker():
    styles: list[dict[str, Any]] = [series_style(index) for index in range(len(PALETTE))]
    assert len({style["color"] for style in styles}) == 9
    assert len({style["marker"] for style in styles}) == 9
    assert series_style(9) == series_style(0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-4, 1.0, ["0.0001", "0.001", "0.01", "0.1", "1"]),
        (0.02, 0.4, ["0.03", "0.1", "0.3"]),
        (0.015, 0.12, ["0.02", "0.05", "0.1"]),
        (0.031, 0.062, ["0.04", "0.05"]),
        (0.05, 0.055, ["0.05", "0.052", "0.054"]),
        (100, 1.2e4, ["100", "1000", "10000"]),
    ],
)
def test_logarithmic_ticks_are_round_numbers(low, high, expected):
    figure, axes = print_axes()
    axis = axes[0, 0]
    axis.set(yscale="log", ylim=(low, high))
    log_ticks(axis, "y", fewest=2 if low == 0.031 else 3)
    assert axis.get_ylim() == (low, high)
    figure.canvas.draw()
    assert [text.get_text() for text in axis.get_yticklabels()] == expected
