"""Figures that compare the runs of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from diffkeras.reporting.figures import COLORS, MARKERS, new_figure
from diffkeras.representation.regions import REGIONS

if TYPE_CHECKING:
    from diffkeras.studies.report import Group


def size_figure(groups: Sequence[Group], key: str, baselines: dict[str, float]) -> Figure:
    """Error, and its spread over seeds, against the number of training examples."""
    figure = new_figure(10.5, 4.2)
    left, right = figure.subplots(1, 2)
    series: dict[str, list[Group]] = {}
    for group in groups:
        others = {k: v for k, v in group.values.items() if k != key}
        series.setdefault(repr(others), []).append(group)
    for index, members in enumerate(series.values()):
        members = sorted(members, key=lambda g: g.results[0].training_examples)
        sizes = [g.results[0].training_examples for g in members]
        values = [np.array(g.figures()) for g in members]
        color = f"C{index}"
        label = _without(members[0].label, key)
        left.plot(sizes, [v.mean() for v in values], "o-", color=color, label=label)
        left.fill_between(
            sizes, [v.min() for v in values], [v.max() for v in values], color=color, alpha=0.2
        )
        for size, errors in zip(sizes, values, strict=True):
            left.plot([size] * errors.size, errors, ".", color=color, alpha=0.6)
        if all(v.size > 1 for v in values):
            spread = [v.std(ddof=1) for v in values]
            right.plot(sizes, spread, "o-", color=color, label=label)
    for name, value in baselines.items():
        left.axhline(value, color=COLORS.get(name), linestyle=":", label=name)
    left.set(
        xscale="log",
        yscale="log",
        xlabel="training examples",
        ylabel="lattice MAE",
        title="mean, and range over seeds",
    )
    right.set(
        xscale="log",
        yscale="log",
        xlabel="training examples",
        ylabel="standard deviation",
        title="fluctuation of the lattice MAE over seeds",
    )
    if not right.lines:
        right.text(0.5, 0.5, "needs two seeds", ha="center", transform=right.transAxes)
        right.set(xscale="linear", yscale="linear")
    for axis in (left, right):
        axis.grid(alpha=0.3)
    left.legend(fontsize=8)
    return figure


def loss_figure(groups: Sequence[Group]) -> Figure:
    """Error of each loss in each region: the mean over seeds, with the range."""
    figure = new_figure(10.5, 4.4)
    axis = figure.subplots()
    names = ["mae" if region == "lattice" else f"mae_{region}" for region in REGIONS]
    width = 0.8 / len(groups)
    for index, group in enumerate(groups):
        values = [np.array(group.figures(name) or [np.nan]) for name in names]
        means = np.array([v.mean() for v in values])
        reach = np.array([[m - v.min(), v.max() - m] for m, v in zip(means, values, strict=True)]).T
        axis.bar(
            np.arange(len(names)) + (index - (len(groups) - 1) / 2) * width,
            means,
            width,
            yerr=reach,
            capsize=2,
            label=group.label,
            color=_shade(index, len(groups)),
        )
    axis.set_xticks(range(len(names)), [label.replace(" (", "\n(") for label in REGIONS.values()])
    axis.tick_params(axis="x", labelsize=8)
    axis.set(yscale="log", ylabel="mean absolute error")
    axis.grid(axis="y", alpha=0.3)
    axis.legend(fontsize=8, ncols=1 + len(groups) // 8)
    return figure


def counts_figure(
    groups: Sequence[Group], counts: Sequence[str], baselines: dict[str, Any]
) -> Figure:
    """Error against the number of sources, a line per combination of factors."""
    figure = new_figure(8.5, 4.4)
    axis = figure.subplots()
    numbers = [int(count) for count in counts]
    drawn: list[float] = []
    for index, group in enumerate(groups):
        values = [np.array(group.figures("mae", count)) for count in counts]
        color = _shade(index, len(groups))
        axis.plot(numbers, [v.mean() for v in values], "o-", color=color, label=group.label)
        axis.fill_between(
            numbers, [v.min() for v in values], [v.max() for v in values], color=color, alpha=0.15
        )
        drawn += [float(v.min()) for v in values]
    floor = min(drawn) / 3
    for name, by_count in baselines.items():
        axis.plot(
            numbers,
            np.maximum([by_count[count]["mae"] for count in counts], floor),
            marker=MARKERS.get(name),
            color=COLORS.get(name),
            linestyle=":",
            label=name,
        )
    axis.set(yscale="log", xlabel="number of sources", ylabel="lattice MAE")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(axis="y", alpha=0.3)
    axis.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _shade(index: int, total: int) -> Any:
    return matplotlib.colormaps["viridis"](0.9 * index / max(total - 1, 1))


def _without(label: str, key: str) -> str:
    prefix = key.split(".")[-1].replace("_", " ")
    kept = [part for part in label.split(", ") if not part.startswith(prefix)]
    return ", ".join(kept) or "surrogate"
