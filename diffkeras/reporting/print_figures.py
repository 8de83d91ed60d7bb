"""Figures for print: one or two columns wide, in small type, as SVG."""

from contextlib import AbstractContextManager
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

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


TICKS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))  # of each decade, ever closer


def log_ticks(axis: Axes, along: Literal["x", "y"], fewest: int = 3) -> None:
    """Ticks of a logarithmic axis at round values such as 0.05, at least `fewest` of them.

    Call it after everything is drawn: it keeps the limits of the axis.
    """
    low, high = axis.get_xlim() if along == "x" else axis.get_ylim()
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    candidates = [np.outer(decades, places).ravel() for places in TICKS]
    candidates.append(
        np.asarray(MaxNLocator(fewest + 1, steps=[1, 2, 5, 10]).tick_values(low, high))
    )
    for ticks in candidates:
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if ticks.size >= fewest:
            break
    part = axis.xaxis if along == "x" else axis.yaxis
    part.set_major_locator(FixedLocator(ticks.tolist()))
    part.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    part.set_minor_locator(NullLocator())
    axis.set(**{f"{along}lim": (low, high)})


def print_svg(figure: Figure) -> bytes:
    """The figure as an SVG image: vectors, with its text as text."""
    return to_image(figure, "svg", 100, PRINT_STYLE)
