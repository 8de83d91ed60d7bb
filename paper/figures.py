"""The figures of the pages on the paper, one for each finding, from the rows of studies."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkeras.reporting.figures import legend_above
from paper.drawing import COLORS, STYLE, forest, log_axis, panels, style
from paper.prediction import (
    LAST_STEP,
    PAPERS_RATE,
    RATE,
    ROWS,
    known_prediction,
    rows_of,
)
from paper.statistics.shares import shares_of
from paper.statistics.spread import spread_of
from paper.study_data import LOSS, SIZE, VARIANT, StudyData
from paper.study_data import read_study as read
from paper.two_readings import REGIONS as READ_REGIONS
from paper.two_readings import TABLE
from paper.verdicts.claims import EPOCHS, HARD_EXAMPLES, STEPS, hard_examples, sampled, times
from paper.verdicts.comparisons import (
    by_count,
    hard_by_region,
    placements,
    subset_parts,
    variants,
    weighted_losses,
)
from paper.verdicts.others import beyond_the_test_set
from paper.verdicts.sizes import laws_of, line_of, plain

RESULTS = Path(__file__).parent / "results"
BENCHMARKS = Path(__file__).parents[1] / "benchmarks" / "results"
BUDGETS = {"equal epochs": EPOCHS, "equal steps": STEPS}
REGIONS = {"lattice": "lattice", "sources": "sources", "field": "field", "r1": "R1", "r2": "R2"}
REGIONS |= {"r3": "R3"}
TANH = " × tanh"


@cache
def study(name: str) -> StudyData:
    """The rows of a study."""
    return read(RESULTS / "studies" / name)


def by_budget(
    draw: Callable[[Axes, StudyData, int, str], None], label: str, **subplots: Any
) -> Figure:
    """Two panels, equal epochs and equal steps, with both lattices in each."""
    figure, axes = panels(2, **subplots)
    for axis, (budget, names) in zip(axes, BUDGETS.items(), strict=True):
        for index, (lattice, name) in enumerate(names.items()):
            draw(axis, study(name), index, lattice.partition(",")[0])
        axis.set_title(budget, loc="right")
        log_axis(axis, "x")
        log_axis(axis, "y")
    figure.supxlabel("training examples", fontsize=10)
    figure.supylabel(label, fontsize=10)
    return figure


def more_data() -> Figure:
    """The error against the size, relative to a field of zeros."""

    def draw(axis: Axes, data: StudyData, index: int, lattice: str) -> None:
        found = plain(data)
        relative = found.overall["mae"] / data.zeros()
        axis.plot(found.overall[SIZE], relative, ".", color=COLORS[index], alpha=0.5)
        means = found.ln_errors(SIZE)[found.sizes].mean()
        axis.plot(found.sizes, np.exp(means) / data.zeros(), color=COLORS[index], label=lattice)

    return legend_above(by_budget(draw, "lattice MAE / that of zeros", height=2.1, sharey=True))


def fluctuation() -> Figure:
    """The standard deviation over seeds against the size."""

    def draw(axis: Axes, data: StudyData, index: int, lattice: str) -> None:
        found = spread_of(data, relative=False)
        table = found.by_size
        reach = [table["sd"] - table["low"], table["high"] - table["sd"]]
        label = f"{lattice}: N^{found.exponent:.2f} [{found.low:.2f}, {found.high:.2f}]"
        axis.errorbar(table.index, table["sd"], reach, capsize=2, label=label, **style(index))
        axis.legend(loc="lower left", bbox_to_anchor=(0, 0.96))

    return by_budget(draw, "standard deviation of the MAE", sharex=True)


def size_first() -> Figure:
    """The shares of the variance of the four studies."""
    figure, axes = panels(1, height=2.4)
    axis, labels, colors = axes[0], [], dict[str, str]()
    for place, (label, name) in enumerate((EPOCHS | STEPS).items()):
        labels.append(label)
        table, left = shares_of(study(name)).table, 0.0
        for row in table[~table["factor"].str.contains(", ")].to_dict("records"):
            kind = "draw and seed" if row["factor"] in ("seed", "draw and seed") else row["factor"]
            color = colors.setdefault(kind, COLORS[len(colors)])
            first = kind if kind not in axis.get_legend_handles_labels()[1] else None
            axis.barh(place, row["share"], left=left, color=color, label=first)
            left += row["share"]
    axis.set_yticks(range(len(labels)), labels)
    axis.invert_yaxis()
    axis.set(xlim=(0, 1), xlabel="share of the variance of ln MAE")
    axis.grid(False)
    return legend_above(figure)


def logarithm() -> Figure:
    """Both laws with the means of the sizes, equal epochs."""
    figure, axes = panels(2, height=2.1, sharey=True)
    for axis, (label, name) in zip(axes, EPOCHS.items(), strict=True):
        found, laws = plain(study(name)), laws_of(study(name))
        axis.plot(found.overall[SIZE], found.overall["mae"], ".", color="0.5", label="networks")
        for index, (law, words) in enumerate((("log", "a − b ln N"), ("power", "power of N"))):
            axis.plot(
                found.sizes, laws.curves[law], ("-", "--")[index], c=COLORS[index], label=words
            )
        axis.set_title(label)
        log_axis(axis, "x")
    log_axis(axes[0], "y")
    axes[0].set_ylabel("lattice MAE")
    figure.supxlabel("training examples", fontsize=10)
    return legend_above(figure, 3)


def training_time() -> Figure:
    """The time of the steps against the size, with the line, and what is left."""
    data = study("training_time_reduced")
    line, runs = line_of(data), data.overall
    figure, axes = panels(2, sharex=True)
    on_it = line.start + line.slope * runs[SIZE]
    axes[0].plot(runs[SIZE], runs["step_seconds"], "o", color=COLORS[0])
    axes[0].plot([0, 1200], [line.start, line.start + 1200 * line.slope], color=COLORS[1])
    axes[0].set(ylabel="seconds in steps", ylim=(0, None))
    axes[1].plot(runs[SIZE], 100 * (runs["step_seconds"] / on_it - 1), "o", color=COLORS[0])
    axes[1].axhline(0, color=COLORS[1])
    axes[1].set(xlabel="training examples", ylabel="off the line [%]")
    return figure


def source_counts() -> Figure:
    """The error of each surrogate on each number of sources, relative to the best one."""
    figure, axes = panels(2, height=2.2, sharey=True)
    titles = {"production": "source_counts_production_reduced"}
    titles |= {"fixed values": "source_counts_reduced"}
    for axis, (title, name) in zip(axes, titles.items(), strict=True):
        data = study(name)
        tables = {n: data.ln_errors(VARIANT, runs=rows).mean() for n, rows in by_count(data)}
        for index, variant in enumerate(data.factors[VARIANT]):
            ratios = [np.exp(table[variant] - table.min()) for table in tables.values()]
            label = variant if variant == "joint" else variant.removeprefix("only ")
            axis.plot(list(tables), ratios, label=f"on {label}", **style(index))
        axis.set_title(title)
        log_axis(axis, "y")
    axes[0].set_ylabel("MAE / that of the best")
    figure.supxlabel("sources in the test images", fontsize=10)
    return legend_above(figure, 4)


def subsets() -> Figure:
    """The standard deviation between subsets and between seeds."""
    figure, axes = panels(1)
    names = {"subsets_production_64": "64², paper's recipe"}
    names |= {"disjoint_subsets_production_reduced": "own recipe"}
    labels: list[str] = []
    for study_name, words in names.items():
        for size, table in subset_parts(study(study_name)).items():
            for index, part in enumerate(("subset", "seed")):
                row, place = 100 * table.loc[part], len(labels) + 0.2 * index - 0.1
                axes[0].hlines(place, row["low"], row["high"], color=COLORS[index])
                first = None if labels else part
                axes[0].plot(row["sd"], place, ls="", label=first, **style(index))
            labels.append(f"{size:,} examples,\n{words}")
    axes[0].set_yticks(range(len(labels)), labels)
    axes[0].set(xlim=(0, None), xlabel="standard deviation [% of the MAE]")
    axes[0].invert_yaxis()
    return legend_above(figure)


def edge_cases() -> Figure:
    """What searches and random images reach, relative to the test set."""
    figure, axes = panels(1)
    place, labels = 0, list[str]()
    for name, words in (("_production", "production"), ("", "fixed values")):
        for _, row in beyond_the_test_set(study(f"worst_cases{name}_reduced")).iterrows():
            for index, kind in enumerate(("search", "random")):
                label = {"search": "search", "random": "2,000 random images"}[kind]
                axes[0].plot(row[kind], place, ls="", label=label * (not place), **style(index))
            labels.append(f"{words}, seed {place % 3}")
            place += 1
    axes[0].axvline(1, color="0.2", linewidth=0.8)
    axes[0].set_yticks(range(place), labels)
    axes[0].set(xlabel="largest error / largest of the test set")
    return legend_above(figure)


def architecture() -> Figure:
    """The errors of other architectures, relative to the encoder-decoder."""
    figure, axes = panels(2, height=1.4, sharey=True)
    for axis, budget in zip(axes, ("parameters", "time"), strict=True):
        forest(axis, variants(study(f"architectures_production_{budget}_64")))
        equal = "epochs" if budget == "parameters" else "CPU time"
        axis.set_title(f"equal weights\nand {equal}")
        log_axis(axis, "x")
    figure.supxlabel("MAE / encoder-decoder's", fontsize=10)
    return figure


def speed() -> Figure:
    """The time of one image, of the paper's problem and below it of a tissue."""
    found, bars = times(BENCHMARKS), dict[str, float]()
    for label, (network, solvers, _) in found.items():
        where = label.partition(", ")[0]
        bars |= {f"{name} ({where})": s for name, s in solvers.items()}
        bars[f"{'U-Net' if 'tissue' in where else 'paper’s network'} ({where})"] = network
    ordered = sorted(bars, key=lambda name: ("tissue" in name, bars[name]))
    figure, axes = panels(1, height=3.0)
    colors = [COLORS["network" in name or "U-Net" in name] for name in ordered]
    axes[0].barh(ordered, [1e3 * bars[name] for name in ordered], color=colors)
    axes[0].set_xlabel("one image [ms]")
    log_axis(axes[0], "x")
    axes[0].invert_yaxis()
    axes[0].grid(axis="y", visible=False)
    return figure


def number_of_sources() -> Figure:
    """The error against the number of sources."""
    figure, axes = panels(2, height=2.1, sharey=True)
    for axis, (budget, names) in zip(axes, BUDGETS.items(), strict=True):
        data = study(names["128², " + budget])
        runs = plain(data).runs
        for index, size in enumerate((data.sizes[-1], data.sizes[3])):
            chosen = StudyData(data.factors, runs[runs[SIZE] == size], data.baselines)
            means = {n: rows["mae"].mean() for n, rows in by_count(chosen)}
            label = f"{size:,} examples"
            axis.plot(list(means), list(means.values()), label=label, **style(index))
        axis.set(title=f"128², {budget}", ylim=(0, None))
        axis.locator_params(axis="x", integer=True)
    axes[0].set_ylabel("lattice MAE")
    figure.supxlabel("sources", fontsize=10)
    return legend_above(figure)


def near_the_sources() -> Figure:
    """The error on the sources against that on the lattice, both relative to zeros."""
    figure, axes = panels(2, height=2.1, sharey=True)
    for axis, (budget, names) in zip(axes, BUDGETS.items(), strict=True):
        for index, (lattice, name) in enumerate(names.items()):
            data = study(name)
            runs = data.overall[data.overall[SIZE] == data.sizes[-1]]
            for filled, rows in runs.groupby(runs[LOSS].str.contains(TANH, regex=False)):
                look = style(index) | ({} if filled else {"markerfacecolor": "none"})
                x, y = (rows[name] / data.zeros(name) for name in ("mae", "mae_sources"))
                label = lattice.partition(",")[0] + (", tanh weight" if filled else "")
                axis.plot(x, y, ls="", label=label, **look)
        axis.set_title(budget)
        log_axis(axis, "x")
        log_axis(axis, "y")
    figure.supxlabel("lattice MAE / that of zeros", fontsize=10)
    figure.supylabel("MAE on the sources / that of zeros", fontsize=10)
    return legend_above(figure)


def weights() -> Figure:
    """What the tanh weight does to the error in each region."""
    figure, axes = panels(2, height=2.1, sharey=True)
    for axis, (budget, names) in zip(axes, BUDGETS.items(), strict=True):
        for index, (lattice, name) in enumerate(names.items()):
            found = weighted_losses(study(name))
            shown = {REGIONS[region]: ratio for (_, region), ratio in found.items()}
            forest(axis, shown, index, 0.2 * index - 0.1, lattice.partition(",")[0])
        axis.set(title=budget, xscale="log", xlim=(0.4, 2.5))
        log_axis(axis, "x")
    figure.supxlabel("MAE with the tanh weight / without", fontsize=10)
    return legend_above(figure)


def losses_and_transforms() -> Figure:
    """The errors of other losses and transforms, relative to the plain loss."""
    figure, axes = panels(1)
    forest(axes[0], variants(study("losses_production_64")))
    axes[0].set_xlabel("lattice MAE / that of the absolute error")
    log_axis(axes[0], "x")
    return figure


def placements_of_sources() -> Figure:
    """The errors outside of the placement trained on."""
    figure, axes = panels(2, height=2.0, sharey=True)
    for axis, name in zip(axes, ("placements_production", "placements"), strict=True):
        found = placements(study(f"{name}_reduced"))
        forest(axis, {f"{trained} on {tested}": r for (trained, tested), r in found.items()})
        title = "production" if "production" in name else "fixed values"
        axis.set_title(title)
        log_axis(axis, "x")
    figure.supxlabel("MAE / that of the one trained there", fontsize=10)
    return figure


def hard() -> Figure:
    """What hard examples do to the error in each region."""
    figure, axes = panels(1, height=2.0)
    found = hard_by_region(hard_examples(RESULTS / HARD_EXAMPLES.studies["64², equal steps"]))
    forest(axes[0], {REGIONS[region]: ratio for region, ratio in found.items()})
    axes[0].set_xlabel("MAE with hard examples / with random ones")
    return figure


def scale() -> Figure:
    """The relative error against the steps, with the chosen rate and its prediction, and with the
    paper's rate."""
    figure, axes = panels(2, height=2.4, sharey=True)
    for axis, rate in zip(axes, (RATE, PAPERS_RATE), strict=True):
        rows = rows_of(RESULTS / ROWS, rate)
        rows = rows[rows["patches"] == rows["patches"].max()]
        for index, (side, group) in enumerate(rows.groupby("lattice")):
            for _, run in group.sort_values("step").groupby("seed"):
                axis.plot(run["step"], run["relative_mae"], **style(index))
            axis.plot([], [], label=f"{side}²", **style(index))
        axis.set_title(f"learning rate {rate:g}")
        log_axis(axis, "x")
        log_axis(axis, "y")
    *_, predicted = known_prediction()["relative_mae"].values()
    axes[0].vlines(
        LAST_STEP, predicted["low"], predicted["high"], color="0.2", linewidth=3, alpha=0.4
    )
    axes[0].set_ylabel("lattice MAE / that of zeros")
    figure.supxlabel("steps", fontsize=10)
    return legend_above(figure, 4)


def required_training() -> Figure:
    """The error on the paper's images against the steps, for each sampling in training."""
    found = sampled(RESULTS / ROWS)
    figure, axes = panels(len(found), sharex=True)
    for axis, (label, rows) in zip(axes, found.items(), strict=True):
        for index, (sources, group) in enumerate(rows.groupby("sources")):
            for _, run in group.sort_values("step").groupby("seed"):
                axis.plot(run["step"], run["relative_mae"], **style(index))
            axis.plot([], [], label=str(sources).replace("-", "–"), **style(index))
        tested = rows["tested"].iloc[0].replace("-", "–")
        axis.set_title(f"{label}: {tested} sources")
        log_axis(axis, "x")
        log_axis(axis, "y")
        beside: Any = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        axis.legend(title="sources\nin training", title_fontsize=9.5, **beside)
    axes[-1].set_xlabel("steps")
    figure.supylabel("lattice MAE / that of zeros", fontsize=10)
    return figure


def two_readings() -> Figure:
    """The shares of the lattice in each region against the number of sources."""
    figure, [axis] = panels(1, height=2.6)
    table = pd.read_csv(TABLE)
    looks = {"production": ("-", "production"), "fixed": ("--", "fixed values")}
    looks["plot"] = "o", "authors' plot"
    for region, color in zip(READ_REGIONS, COLORS, strict=False):
        for kind, (look, _) in looks.items():
            axis.plot(table["n"], table[f"{region}: {kind}"], look, color=color)
        end = (table["n"].iloc[-1], table[f"{region}: production"].iloc[-1])
        axis.annotate(region, end, (8, -4), textcoords="offset points", color=color)
    for look, words in looks.values():
        axis.plot([], [], look, color="black", label=words)
    axis.set(xlabel="number of sources n", ylabel="share of the lattice", yscale="log")
    axis.set(xticks=[1, 5, 10, 15, 20], xlim=(0, 22.8))
    axis.legend(loc="lower right")
    return figure


def draw(name: str) -> Figure:
    """A figure in the style, by which matplotlib sizes titles and legends when it adds them."""
    with matplotlib.rc_context(STYLE):
        return FIGURES[name]()


FIGURES: dict[str, Callable[[], Figure]] = {
    "more-data": more_data,
    "size-first": size_first,
    "logarithm": logarithm,
    "fluctuation": fluctuation,
    "training-time": training_time,
    "source-counts": source_counts,
    "subsets": subsets,
    "edge-cases": edge_cases,
    "architecture": architecture,
    "speed": speed,
    "number-of-sources": number_of_sources,
    "near-the-sources": near_the_sources,
    "weights": weights,
    "losses-and-transforms": losses_and_transforms,
    "placements": placements_of_sources,
    "hard-examples": hard,
    "scale": scale,
    "required-training": required_training,
    "two-readings": two_readings,
}
