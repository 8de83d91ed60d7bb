"""The figure of a study: the error in each region against what explains it most."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkeras.evaluation.errors import MAES
from diffkeras.reporting.figures import log_ticks
from diffkeras.reporting.style import STYLE, new_figure, series_style, to_image
from diffkeras.studies.answer import mean_and_ends, numbers_of
from diffkeras.studies.plan import label_of, name_of
from diffkeras.studies.results import StudyData, by_setting
from diffkeras.view.target import REGIONS

WIDTH = 10.0  # inches, in which the style has 12 pt
LONGEST = 30  # characters of a line of a label
MOST_LINES = 9  # of a second factor; further ones are averaged over


def draw(data: StudyData, factors: Sequence[str]) -> bytes:
    """The errors of the main test set as an SVG image, a panel for each region.

    The first factor is the axis, the second one has a line for each value, and further ones are
    averaged over.
    """
    return to_image(_figure(data, factors), "svg", style={**STYLE, "svg.fonttype": "none"})


def _figure(data: StudyData, factors: Sequence[str]) -> Figure:
    across, *others = factors or [""]
    lines = [name for name in others[:1] if len(data.factors[name]) <= MOST_LINES]
    values = data.factors.get(across, [""])
    has_numbers = numbers_of(values) is not None and len(values) > 1
    rows = data.overall()
    height = 6.5 if has_numbers else 2.5 + 2 * max(0.35 * len(values), 1.0)
    legend = math.ceil(rows[lines[0]].nunique() / 3) if lines else 0  # its rows
    figure = new_figure(WIDTH, height + 0.3 * legend)
    grid = figure.subplots(2, 3, sharex=has_numbers, sharey=not has_numbers)
    for (region, title), error, axis in zip(REGIONS.items(), MAES, grid.flat, strict=True):
        axis.set_title(title if region in ("lattice", "sources", "field") else title.split(" (")[0])
        axis.grid(alpha=0.3)
        _draw(axis, rows, error, across, values, lines, has_numbers)
    for axis in grid[1] if has_numbers else ():
        axis.set_xlabel(textwrap.fill(name_of(across), LONGEST))
    for axis in grid[:, 0] if has_numbers else grid[1]:
        axis.set(**{"ylabel" if has_numbers else "xlabel": "mean absolute error"})
    if lines:
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _draw(
    axis: Axes,
    rows: pd.DataFrame,
    error: str,
    across: str,
    values: Sequence[str],
    lines: Sequence[str],
    has_numbers: bool,
) -> None:
    """Geometric means over seeds with their intervals, or ranges if there is a single seed."""
    if not (rows[error] > 0).any():
        axis.text(0.5, 0.5, "no nodes", ha="center", va="center", transform=axis.transAxes)
        return
    groups = list(by_setting(rows, lines))
    for index, (setting, group) in enumerate(groups):
        shift = 0 if has_numbers else 0.6 * ((index + 0.5) / len(groups) - 0.5)
        points = []
        for place, value in enumerate(values):
            own = group[group[across] == value] if across else group
            mean, low, high = mean_and_ends(own, error)
            at = float(value) if has_numbers else place + shift
            points.append((at, mean, *np.nan_to_num([mean - low, high - mean])))
        places, means, below, above = np.transpose(points)  # NaN isn't drawn
        style = series_style(index) | {"linestyle": "-" if has_numbers else "", "capsize": 3}
        label = textwrap.fill(label_of(setting), LONGEST)
        if has_numbers:
            axis.errorbar(places, means, yerr=[below, above], label=label, **style)
        else:
            axis.errorbar(means, places, xerr=[below, above], label=label, **style)
    if has_numbers:
        if min(map(float, values)) > 0:
            axis.set_xscale("log")
            log_ticks(axis, "x")
        axis.set_yscale("log")
        log_ticks(axis, "y")
    else:
        labels = [textwrap.fill(value, LONGEST) for value in values]
        axis.set_yticks(range(len(values)), labels)
        axis.set_ylim(len(values) - 0.5, -0.5)
        axis.set_xscale("log")
        log_ticks(axis, "x", fewest=2)
