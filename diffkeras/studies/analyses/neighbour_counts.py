"""What a surrogate of one source count does on one source more and on one less."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkeras.config import parse_counts
from diffkeras.reporting.print_figures import log_ticks, print_axes, series_style
from diffkeras.studies.analyses.trained_counts import (
    INTERVAL,
    counts_vary,
    training_groups,
)
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.statistics.bootstrap import Floats, resampled, seed_ratio
from diffkeras.studies.statistics.comparison import compare, holm
from diffkeras.studies.statistics.image_errors import FEWEST_SEEDS, ImageErrors, image_errors
from diffkeras.studies.study_data import TRAINED_SOURCES, StudyData, TooFewRunsError


def _applies(data: StudyData) -> bool:
    return counts_vary(data) and any(len(parse_counts(t)) == 1 for t in data.runs[TRAINED_SOURCES])


def table(data: StudyData) -> pd.DataFrame:
    """One row for each surrogate of a single source count n, and for each of n − 1 and n + 1.

    Raises:
        TooFewRunsError: there are no errors of single images, or no surrogate of a single count
            has two seeds and was tested on that count and on the next.
    """
    errors = image_errors(data, ["mae"])
    groups = training_groups(data, errors)
    single = _single_counts(errors, groups)
    statistics = {
        count: resampled(errors.values["mae"][:, errors.sources == count], np.full(number, count))
        for count, number in zip(*np.unique(errors.sources, return_counts=True), strict=True)
    }
    specialists = {count: groups[label] for label, count in reversed(single.items())}
    rows = []
    for label, count in single.items():
        for tested in (count - 1, count + 1):
            if {count, tested} <= statistics.keys() and len(groups[label]) >= FEWEST_SEEDS:
                own, other = statistics[count], statistics[tested]
                row = {"trained": label, "count": count, "tested": tested}
                values = errors.values["mae"][:, errors.sources == tested]
                row |= _to_own_count(own, other, groups[label], values.shape[1])
                row |= _to_specialist(values, other, groups[label], specialists.get(tested))
                rows.append(row)
    if not rows:
        raise TooFewRunsError(
            f"No surrogate of a single source count has {FEWEST_SEEDS} seeds and was tested on "
            "that count and on one more or one fewer."
        )
    found = pd.DataFrame(rows)
    found["p_holm"] = holm(found["p"])
    return found


def _single_counts(errors: ImageErrors, groups: dict[str, pd.Series]) -> dict[str, int]:
    """Label → source count of the trainings on a single one."""
    trained = {g: parse_counts(errors.runs[TRAINED_SOURCES][r.iloc[0]]) for g, r in groups.items()}
    return {label: counts[0] for label, counts in trained.items() if len(counts) == 1}


Statistic = tuple[Floats, Floats]


def _to_own_count(own: Statistic, other: Statistic, rows: pd.Series, images: int) -> dict[str, Any]:
    """The error on other images over that on images of the count trained on."""
    chosen = rows.to_numpy()
    there, here = ((exact[chosen], drawn[:, chosen]) for exact, drawn in (other, own))
    found = seed_ratio(there, here, images)
    errors = {"mae": there[0].mean(), "own_mae": here[0].mean()}
    return {**errors, "seeds": chosen.size, **{n: getattr(found, n) for n in ("ratio", *INTERVAL)}}


def _to_specialist(
    values: Floats, statistic: Statistic, rows: pd.Series, specialist: pd.Series | None
) -> dict[str, Any]:
    """The error over that of the surrogate which was trained on this count, on the same images."""
    nothing = pd.Series([], index=[], dtype=int)
    found = compare(values, statistic, rows, nothing if specialist is None else specialist)
    names = ("ratio", *INTERVAL)
    return {
        "specialist_mae": found["reference_error"],
        **{f"specialist_{name}": found[name] for name in names},
        **{name: found[name] for name in ("rank_biserial", "p")},
    }


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """Both ratios against the source count trained on."""
    drawn, axes = print_axes(1, 2, height=2.7)
    left, right = axes[0]
    _draw(left, table, "")
    _draw(right, table, "specialist_")
    left.set(ylabel="error / error on n sources", title="against the count trained on")
    right.set(ylabel="error / error of that surrogate", title="against the surrogate of that count")
    drawn.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return drawn


def _draw(axis: Axes, table: pd.DataFrame, prefix: str) -> None:
    axis.axhline(1, color="0.2", linewidth=0.8)
    axis.set_yscale("log")
    known = table[table[f"{prefix}ratio"].notna()]
    for index, (step, words) in enumerate(((-1, "one source fewer"), (1, "one source more"))):
        rows = known[known["tested"] - known["count"] == step]
        places = rows["count"] + 0.12 * step
        style = series_style(index)
        axis.plot(places, rows[f"{prefix}ratio"], linestyle="", label=words, **style)
        low, high = (rows[f"{prefix}{end}"] for end in INTERVAL)
        axis.vlines(places, low, high, color=style["color"], linewidth=1.4)
    marks = known[[f"{prefix}{name}" for name in ("ratio", "low", "high")]].to_numpy(float)
    if marks.size:
        axis.set_ylim(min(marks.min(), 1) / 1.15, max(marks.max(), 1) * 1.15)
    axis.set_xticks(sorted(set(table["count"])))
    axis.set_xlim(table["count"].min() - 0.5, table["count"].max() + 0.5)
    axis.set_xlabel("sources in the training images (n)")
    log_ticks(axis, "y")


ANALYSIS = Analysis(
    "neighbour_counts",
    "Surrogates of n sources on n − 1 and n + 1",
    "Surrogates that were trained on images of n sources only, tested on n − 1 and n + 1. `ratio` "
    "is the lattice MAE there over that on n sources (geometric mean over seeds). As images with "
    "more sources have larger errors with any training, it is not 1 even for a surrogate that "
    "generalises perfectly. `specialist_ratio` therefore compares, on the same images, with the "
    "surrogate that was trained on exactly their number: what it costs to use the neighbour's. "
    "low and high (specialist_low, specialist_high) are 95 % intervals for other seeds and other "
    "images: of Student's t, with the standard deviation over a bootstrap that resamples seeds and "
    "images independently of each other (Owen 2007; n − 1 of n, Rao and Wu 1988) and degrees of "
    "freedom by Satterthwaite (1946). `p` is of Wilcoxon's signed-rank test against that surrogate "
    "on the images, averaged over seeds; `p_holm` is corrected by Holm's method for all rows. "
    "Cells are empty where no surrogate was trained on that number.",
    _applies,
    table,
    figure,
)
