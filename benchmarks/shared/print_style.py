"""The style of figures for print: two columns of a journal are 7 inches wide."""

from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from diffkeras.reporting.figures import log_ticks, new_axis
from diffkeras.reporting.style import PALETTE, STYLE, new_figure, series_style, to_image

__all__ = [
    "PAGE",
    "PALETTE",
    "PRINT_STYLE",
    "log_ticks",
    "new_axis",
    "print_axes",
    "print_style",
    "print_svg",
    "series_style",
]

PAGE = 7.0  # inches
PRINT_STYLE: Any = {
    **STYLE,
    "font.size": 8,
    "axes.titlesize": 7.5,
    "axes.labelsize": 8,
    "axes.linewidth": 0.7,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "grid.linewidth": 0.5,
    "svg.fonttype": "none",  # text stays text, which can be searched
    "font.family": ["DejaVu Sans", "sans-serif"],
}


def print_style() -> AbstractContextManager[None]:
    """The style, for a block that draws: matplotlib sizes titles and legends when it adds them."""
    return matplotlib.rc_context(PRINT_STYLE)


def print_axes(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = PAGE,
    height: float = 2.8,
    **subplots: Any,
) -> tuple[Figure, Any]:
    """A figure [inches] for print and its axes, with a grid, as an array (rows, columns).

    Save it with `print_svg`: it sets the same style, by which matplotlib draws.
    """
    with print_style():
        figure = new_figure(width, height, PRINT_STYLE)
        axes = figure.subplots(rows, columns, squeeze=False, **subplots)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    return figure, axes


def print_svg(figure: Figure) -> bytes:
    """The figure as an SVG image: vectors, with its text as text."""
    return to_image(figure, "svg", 100, PRINT_STYLE)
