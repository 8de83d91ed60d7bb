"""The errors of each setting, over seeds: in each region, and for each number of sources."""

import math
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.shared.print_style import log_ticks, print_axes, series_style
from diffkeras.evaluation.errors import ERRORS
from paper.analysis import Analysis, grouped
from paper.drawing import (
    STYLE,
    TEXT,
    baseline_errors,
    in_lines,
    legend_above,
    region_panels,
    scale_error_axis,
    widen,
)
from paper.study_data import (
    ALL,
    REGION_ERRORS,
    SIZE,
    SIZE_KEYS,
    StudyData,
    label_of,
)


def summarise(runs: pd.DataFrame, keys: list[str], error: str) -> pd.DataFrame:
    """Mean, minimum, maximum and number (`runs`) of an error for each value of the keys."""
    groups = runs.groupby(keys, sort=False, dropna=False)[error]
    summary = groups.agg(["mean", "min", "max", "count"])
    return summary.reset_index().rename(columns={"count": "runs"})


def _table(data: StudyData) -> pd.DataFrame:
    """Mean absolute errors over all nodes of a region in all test images, on the linear scale."""
    overall = data.runs[data.runs["sources"] == ALL]
    keys = [*data.settings(), SIZE, "test_set", "error"]
    parts = []
    for error in ERRORS:
        summary = summarise(overall.assign(error=error, value=overall[error]), keys, "value")
        smallest = summary.groupby("test_set")["mean"].transform("min")
        parts.append(summary.assign(best=summary["mean"] == smallest))
    return pd.concat(parts, ignore_index=True)


def _labelled(table: pd.DataFrame, names: list[str]) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each combination of settings, with its label."""
    return [
        (in_lines(label_of(setting) or "surrogate"), rows)
        for setting, rows in grouped(table, names)
    ]


def _figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A panel for each region, of the main test set."""
    shown = table[table["test_set"] == data.test_sets[0]]
    if any(data.varies(key) for key in SIZE_KEYS):
        return _against_size(shown, data)
    return _by_setting(shown, data)


def _against_size(table: pd.DataFrame, data: StudyData) -> Figure:
    """Error against size, a line for each of the other settings."""
    others = data.settings(without=SIZE_KEYS)
    labels = [label for label, _ in _labelled(table[table["error"] == "mae"], others)]
    legend = 0.13 * max(label.count("\n") for label in labels) * math.ceil(len(labels) / 3)
    drawn, panels = region_panels(y_label="mean absolute error", height=4.6 + legend, sharex=True)
    for region, axis in panels.items():
        error = REGION_ERRORS[region]
        axis.set_xscale("log")
        for index, (label, lines) in enumerate(_labelled(table[table["error"] == error], others)):
            _draw_range(axis, lines, SIZE, label, **series_style(index))
        log_ticks(axis, "x")
        scale_error_axis(axis, baseline_errors(data, error))
    if others:
        legend_above(drawn, panels["lattice"])
    return drawn


def _by_setting(table: pd.DataFrame, data: StudyData) -> Figure:
    """Mean and range of each setting, one below the other."""
    rows = len(table[table["error"] == "mae"])
    height = 1.4 + 2 * max(0.22 * rows, 0.6)
    drawn, panels = region_panels("mean absolute error", height=height, sharey=True)
    for region, axis in panels.items():
        error = REGION_ERRORS[region]
        of_region = _labelled(table[table["error"] == error], data.settings())
        for index, (_, row) in enumerate(of_region):
            mean, low, high = (float(row[name].iloc[0]) for name in ("mean", "min", "max"))
            reach: Any = [[mean - low], [high - mean]]
            axis.errorbar([mean], [index], xerr=reach, capsize=2, **series_style(index))
        axis.set_yticks(range(rows), [label for label, _ in of_region])
        axis.set_ylim(rows - 0.5, -0.5)
        scale_error_axis(axis, baseline_errors(data, error), "x", fewest=2)
    return drawn


def _draw_range(
    axis: Axes, lines: pd.DataFrame, x: str, label: str, *, color: str, marker: str
) -> None:
    """A line of means against a column, and a band from the smallest to the largest error."""
    lines = lines.sort_values(x)
    axis.plot(lines[x], lines["mean"], label=label, color=color, marker=marker)
    axis.fill_between(lines[x], lines["min"], lines["max"], color=color, alpha=0.18, linewidth=0)


def _count_table(data: StudyData) -> pd.DataFrame:
    """Mean absolute error over the whole lattice for test images with each number of sources."""
    single = data.runs[data.runs["sources"] != ALL]
    keys = [*data.settings(), SIZE, "test_set", "sources"]
    return summarise(single, keys, "mae").astype({"sources": int})


def _count_figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A line for each setting; where sizes vary too, for the largest."""
    table = table[table["test_set"] == data.test_sets[0]]
    drawn, axes = print_axes(width=5.0)
    axis = axes[0, 0]
    if data.size_varies:
        table = table[table[SIZE] == table[SIZE].max()]
        axis.set_title(f"{table[SIZE].max()} training examples")
    for index, (label, lines) in enumerate(_labelled(table, data.settings(without=SIZE_KEYS))):
        _draw_range(axis, lines, "sources", label, **series_style(index))
    axis.set(yscale="log", xlabel="sources in the test images", ylabel="lattice MAE")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    widen(axis, baseline_errors(data).values())
    log_ticks(axis, "y")
    _draw_baselines(axis, data)
    legend_above(drawn, axis)
    return drawn


def _draw_baselines(axis: Axes, data: StudyData) -> None:
    """The baselines of each count, where they lie within the axes."""
    low, high = axis.get_ylim()
    counts = sorted({int(count) for count in data.runs["sources"] if count != ALL})
    by_count = pd.DataFrame({n: baseline_errors(data, sources=str(n)) for n in counts})
    for method, errors in by_count.where((by_count >= low) & (by_count <= high)).iterrows():
        if errors.notna().any():
            axis.plot(errors.index, errors, marker=".", markersize=3, **STYLE)
            last = errors.last_valid_index()
            offset: Any = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right"}
            axis.annotate(str(method), (last, errors[last]), **offset, **TEXT)
    axis.set_ylim(low, high)


IN_REGIONS = Analysis(
    name="errors",
    title="Errors in each region",
    explains=(
        "Mean absolute errors over all nodes of a region in all test images, on the linear scale. "
        "The relative L2 error is a mean over the images, and the maximum error the largest of "
        "all. Dots are means over seeds; bars and bands are the range from the smallest to the "
        "largest, which is no confidence interval. The figure is about the main test set. Dotted "
        "lines are methods without a network on the same images; those far off the axes are only "
        "in the table of baselines."
    ),
    applies=lambda data: True,
    table=_table,
    figure=_figure,
)
BY_COUNT = Analysis(
    name="source_counts",
    title="Error against the number of sources",
    explains=(
        "Mean absolute error over the whole lattice for test images with each number of sources. "
        "Lines are means over seeds, bands the range; where sizes vary, of the largest. Dotted "
        "lines are methods without a network on the same images, where they lie within the axes."
    ),
    applies=lambda data: data.runs["sources"].nunique() > 2,
    table=_count_table,
    figure=_count_figure,
)
