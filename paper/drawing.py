"""The style of the figures, and what several of them share."""

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from diffkeras.reporting.style import STYLE as PAGES
from diffkeras.reporting.style import WIDTH, new_figure
from paper.statistics.ratios import Ratio

STYLE: Any = {
    **PAGES,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
}
# of Paul Tol's palettes, which colour-blind people can tell apart (https://personal.sron.nl/~pault/)
COLORS = ("#332288", "#cc6677", "#117733", "#44aa99", "#882255", "#999933", "#aa4499", "#88ccee")
MARKERS = "os^DvP<X"
TICKS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))  # of each decade, ever closer


def style(index: int) -> dict[str, Any]:
    """Colour and marker of a series."""
    return {"color": COLORS[index % len(COLORS)], "marker": MARKERS[index % len(MARKERS)]}


def panels(count: int, *, height: float = 1.7, **subplots: Any) -> tuple[Figure, list[Axes]]:
    """A figure of panels so high [inches], as wide as a phone can show.

    They lie below each other, or beside each other if they share the vertical axis.
    """
    rows = 1 if subplots.get("sharey") else count
    with matplotlib.rc_context(STYLE):
        figure = new_figure(WIDTH, height * rows + 0.6, STYLE)
        axes = figure.subplots(rows, count // rows, squeeze=False, **subplots)
    return figure, [*axes.flat]


def log_axis(axis: Axes, which: str, fewest: int = 3) -> None:
    """Make an axis logarithmic, with ticks at round values."""
    axis.set(**{f"{which}scale": "log"})
    low, high = axis.get_xlim() if which == "x" else axis.get_ylim()
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for parts in TICKS:
        ticks = [part * 10.0**decade for decade in decades for part in parts]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= fewest:
            break
    of_axis = axis.xaxis if which == "x" else axis.yaxis
    of_axis.set_major_locator(FixedLocator(ticks))
    of_axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    of_axis.set_minor_locator(NullLocator())


def forest(
    axis: Axes, ratios: Mapping[str, Ratio], index: int = 0, apart: float = 0.0, label: str = ""
) -> None:
    """Ratios with their intervals, one below the other."""
    places = np.arange(len(ratios)) + apart
    low, high = (np.array([getattr(r, end) for r in ratios.values()]) for end in ("low", "high"))
    look = style(index)
    axis.hlines(places, low, high, color=look["color"], linewidth=1.4)
    axis.plot([r.value for r in ratios.values()], places, ls="", label=label or None, **look)
    axis.axvline(1, color="0.2", linewidth=0.8)
    axis.set_yticks(range(len(ratios)), list(ratios))
    axis.set_ylim(len(ratios) - 0.5, -0.5)
