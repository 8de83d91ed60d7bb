"""The errors of each setting, over seeds."""

import math
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from diffkeras.evaluation.errors import ERRORS, MAES
from diffkeras.reporting.print_figures import log_ticks, print_axes, series_style
from diffkeras.representation.regions import REGIONS
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.drawing import (
    baseline_errors,
    draw_panel_baselines,
    reach_near,
)
from diffkeras.studies.labels import REGION_TITLES, in_lines, label_of
from diffkeras.studies.statistics.run_groups import grouped
from diffkeras.studies.study_data import ALL, SIZE, SIZE_KEYS, StudyData

STATISTICS = ("mean", "min", "max", "count")


def summarise(runs: pd.DataFrame, keys: list[str], error: str) -> pd.DataFrame:
    """Mean, minimum, maximum and number of an error for each value of the keys."""
    if not keys:
        return runs[error].agg(STATISTICS).to_frame().T.reset_index(drop=True)
    found = runs.groupby(keys, sort=False, dropna=False)[error].agg(list(STATISTICS))
    return found.reset_index()


def table(data: StudyData) -> pd.DataFrame:
    """Mean and range over seeds of each setting, test set and error; the best mean is marked."""
    overall = data.runs[data.runs["sources"] == ALL]
    settings = data.settings()
    parts = []
    for error in ERRORS:
        found = summarise(overall, [*settings, SIZE, "test_set"], error)
        smallest = found.groupby("test_set")["mean"].transform("min")
        found.insert(len(settings) + 2, "error", error)
        parts.append(found.assign(best=found["mean"] == smallest))
    joined = pd.concat(parts, ignore_index=True).rename(columns={"count": "runs"})
    return joined.astype({"runs": int})


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A panel for each region, of the main test set."""
    shown = table[table["test_set"] == data.test_sets[0]]
    if any(data.varies(key) for key in SIZE_KEYS):
        return _against_size(shown, data)
    return _by_setting(shown, data)


def _against_size(table: pd.DataFrame, data: StudyData) -> Figure:
    """Error against size, a line for each of the other settings."""
    others = data.settings(without=SIZE_KEYS)
    labels = [in_lines(label) for label, _ in labelled(table[table["error"] == "mae"], others)]
    legend = 0.13 * max(label.count("\n") for label in labels) * math.ceil(len(labels) / 3)
    drawn, axes = print_axes(2, 3, height=4.6 + legend, sharex=True)
    for axis, region, error in zip(axes.flat, REGIONS, MAES, strict=True):
        of_region = table[table["error"] == error]
        for index, (label, lines) in enumerate(labelled(of_region, others)):
            style = series_style(index)
            lines = lines.sort_values(SIZE)
            axis.plot(lines[SIZE], lines["mean"], label=in_lines(label), **style)
            axis.fill_between(
                lines[SIZE], lines["min"], lines["max"], color=style["color"], alpha=0.18, lw=0
            )
        axis.set(xscale="log", yscale="log", title=REGION_TITLES[region])
        reach_near(axis, baseline_errors(data, error).values())
        log_ticks(axis, "y")
        log_ticks(axis, "x")
    draw_panel_baselines(zip(axes.flat, MAES, strict=True), data)
    for axis in axes[1]:
        axis.set_xlabel("training examples")
    for axis in axes[:, 0]:
        axis.set_ylabel("mean absolute error")
    if others:
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return drawn


def _by_setting(table: pd.DataFrame, data: StudyData) -> Figure:
    """Mean and range of each setting, one below the other."""
    settings = data.settings()
    rows = len(table[table["error"] == "mae"])
    drawn, axes = print_axes(2, 3, height=1.4 + 2 * max(0.22 * rows, 0.6), sharey=True)
    for axis, region, error in zip(axes.flat, REGIONS, MAES, strict=True):
        of_region = list(labelled(table[table["error"] == error], settings))
        for index, (_, row) in enumerate(of_region):
            mean, low, high = (float(row[name].iloc[0]) for name in ("mean", "min", "max"))
            reach: Any = [[mean - low], [high - mean]]
            axis.errorbar([mean], [index], xerr=reach, capsize=2, **series_style(index))
        axis.set(xscale="log", title=REGION_TITLES[region])
        axis.set_yticks(range(rows), [in_lines(label) for label, _ in of_region])
        axis.set_ylim(rows - 0.5, -0.5)
        reach_near(axis, baseline_errors(data, error).values(), along="x")
        log_ticks(axis, "x", fewest=2)
    draw_panel_baselines(zip(axes.flat, MAES, strict=True), data, along="x")
    for axis in axes[1]:
        axis.set_xlabel("mean absolute error")
    return drawn


def labelled(table: pd.DataFrame, names: list[str]) -> list[tuple[str, pd.DataFrame]]:
    """The rows of each combination of settings, with its label."""
    return [(label_of(setting) or "surrogate", rows) for setting, rows in grouped(table, names)]


ANALYSIS = Analysis(
    "errors",
    "Errors in each region",
    "Mean absolute errors over all nodes of a region in all test images, on the linear scale; the "
    "relative L2 error is a mean over the images, and the maximum error the largest of all. Dots "
    "are means over seeds; bars and bands are the range from the smallest to the largest, which is "
    "no confidence interval. The figure is about the main test set. Dotted lines are methods "
    "without a network on the same images.",
    lambda data: True,
    table,
    figure,
)
