"""The error against the number of sources in the test images."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from diffkeras.reporting.print_figures import log_ticks, ordered_color, print_axes, series_style
from diffkeras.studies.analyses.errors import labelled, summarise
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.drawing import (
    STYLE,
    TEXT,
    baseline_errors,
    draw_panel_lines,
    reach_near,
)
from diffkeras.studies.labels import in_lines
from diffkeras.studies.study_data import ALL, SIZE, SIZE_KEYS, StudyData


def table(data: StudyData) -> pd.DataFrame:
    """Mean and range over seeds of the lattice MAE, for each setting, test set and count."""
    single = data.runs[data.runs["sources"] != ALL]
    keys = [*data.settings(), SIZE, "test_set", "sources"]
    found = summarise(single, keys, "mae").rename(columns={"count": "runs"})
    return found.astype({"sources": int, "runs": int})


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A line for each setting: where sizes vary too, the largest, and a panel for all sizes."""
    table = table[table["test_set"] == data.test_sets[0]]
    others = data.settings(without=SIZE_KEYS)
    by_size = any(data.varies(key) for key in SIZE_KEYS)
    drawn, axes = print_axes(1, 1 + by_size, width=7.0 if by_size else 5.0, sharey=True)
    largest = table[table[SIZE] == table[SIZE].max()] if by_size else table
    left = axes[0, 0]
    for index, (label, lines) in enumerate(labelled(largest, others)):
        _draw(left, lines, in_lines(label), **series_style(index))
    if by_size:
        left.set_title(f"{table[SIZE].max()} training examples")
        first = labelled(table, others)[0]
        _draw_sizes(axes[0, 1], first[1])
        axes[0, 1].set_title(first[0] if others else "sizes of the training set")
    for axis in axes[0]:
        axis.set(yscale="log", xlabel="sources in the test images")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.set_ylabel("lattice MAE")
    reach_near(left, baseline_errors(data).values())
    log_ticks(left, "y")
    _draw_baselines(left, data)
    drawn.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    if by_size:
        axes[0, 1].legend(title="training examples", loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def _draw_sizes(axis: Axes, table: pd.DataFrame) -> None:
    sizes = sorted(table[SIZE].unique())
    for index, size in enumerate(sizes):
        color = ordered_color(index, len(sizes))
        _draw(axis, table[table[SIZE] == size], str(size), color=color, marker="o")


def _draw(axis: Axes, lines: pd.DataFrame, label: str, *, color: str, marker: str) -> None:
    lines = lines.sort_values("sources")
    axis.plot(lines["sources"], lines["mean"], label=label, color=color, marker=marker)
    axis.fill_between(
        lines["sources"], lines["min"], lines["max"], color=color, alpha=0.18, linewidth=0
    )


def _draw_baselines(axis: Axes, data: StudyData) -> None:
    """The baselines of each count, as far as they lie within the axes; the others are named."""
    low, high = axis.get_ylim()
    counts = sorted({int(count) for count in data.runs["sources"] if count != ALL})
    by_count = [baseline_errors(data, sources=str(count)) for count in counts]
    outside: dict[str, float] = {}
    for method in by_count[0]:
        errors = [found[method] for found in by_count]
        inside = [(n, e) for n, e in zip(counts, errors, strict=True) if low <= e <= high]
        if not inside:
            outside[method] = max(errors)
            continue
        axis.plot(*zip(*inside, strict=True), marker=".", markersize=3, **STYLE)
        offset: Any = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right"}
        axis.annotate(method, inside[-1], **offset, **TEXT)
    axis.set_ylim(low, high)
    draw_panel_lines([(axis, outside)])


ANALYSIS = Analysis(
    "source_counts",
    "Error against the number of sources",
    "Mean absolute error over the whole lattice for test images with each number of sources. Lines "
    "are means over seeds, bands the range. Dotted lines are methods without a network on the "
    "same images.",
    lambda data: data.runs["sources"].nunique() > 2,
    table,
    figure,
)
