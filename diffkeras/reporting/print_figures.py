"""Figures for print: one or two columns wide, in small type, as SVG."""

from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from diffkeras.reporting.figures import STYLE, new_figure, to_image

PAGE = 7.0  # inches, the width of two columns of a journal
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
# "muted" of Paul Tol's palettes, which colour-blind people can tell apart
# (https://personal.sron.nl/~pault/); the pale ones come last
PALETTE = (
    "#332288",
    "#cc6677",
    "#117733",
    "#44aa99",
    "#882255",
    "#999933",
    "#aa4499",
    "#88ccee",
    "#ddcc77",
)
SERIES_MARKERS = "os^DvP<X>"


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


def series_style(index: int) -> dict[str, Any]:
    """Colour and marker of a series without an order, for `Axes.plot` and `Axes.errorbar`."""
    place = index % len(PALETTE)
    return {"color": PALETTE[place], "marker": SERIES_MARKERS[place]}


def print_svg(figure: Figure) -> bytes:
    """The figure as an SVG image: vectors, with its text as text."""
    return to_image(figure, "svg", 100, PRINT_STYLE)
