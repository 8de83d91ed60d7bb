import re

import numpy as np
from matplotlib.figure import Figure

from benchmarks.shared.print_style import print_axes, print_svg, series_style


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
