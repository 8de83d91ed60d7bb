"""How much fluctuation comes from the choice of training examples, and how much from seeds."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.report import HEADINGS
from diffkeras.reporting.print_figures import print_axes, series_style
from diffkeras.studies.analyses.analysis import Analysis
from diffkeras.studies.analyses.comparisons.variants import TRAIN_PART
from diffkeras.studies.analyses.seed_sources import components
from diffkeras.studies.statistics.complete_designs import CompleteDesign
from diffkeras.studies.statistics.image_errors import seed_texts
from diffkeras.studies.statistics.too_few_runs import TooFewRunsError
from diffkeras.studies.study_data import ORDER_SEED, SEED, StudyData

FEWEST_SUBSETS, FEWEST_SEEDS = 3, 2
NAMES = ("subset", "seed", "subset × seed")


def _applies(data: StudyData) -> bool:
    return data.varies(TRAIN_PART) and (data.varies(SEED) or data.varies(ORDER_SEED))


def table(data: StudyData) -> pd.DataFrame:
    """The components of the variance of ln error, for each error and each of the other settings.

    Raises:
        TooFewRunsError: there are fewer than three subsets with the same two seeds.
    """
    runs = data.overall.assign(seed=seed_texts(data.overall))
    names = data.settings(without=(TRAIN_PART,))
    rows: list[dict[str, Any]] = []
    most = (0, 0)
    for values, group in runs.groupby(names, sort=False) if names else [((), runs)]:
        setting = dict(zip(names, values, strict=True))
        for error in ERRORS:
            design = CompleteDesign.of(group, error, [TRAIN_PART], ["seed"])
            numbers = {"subsets": design.levels[0], "seeds": design.seeds}
            most = max(most, (design.levels[0], design.seeds))
            if design.levels[0] >= FEWEST_SUBSETS and design.seeds >= FEWEST_SEEDS:
                found = zip(NAMES, components(design), strict=True)
                rows += [
                    {**setting, "error": error, **numbers, **row, "component": name}
                    for name, row in found
                ]
    if not rows:
        raise TooFewRunsError(
            f"There are {most[0]} subsets with {most[1]} seeds that all of them share; at least "
            f"{FEWEST_SUBSETS} subsets with {FEWEST_SEEDS} seeds are needed."
        )
    return pd.DataFrame(rows)


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The standard deviation of each component, for each error."""
    shown = table
    for name in data.settings(without=(TRAIN_PART,)):
        shown = shown[shown[name].astype(str) == data.factors[name][0]]
    errors = list(dict.fromkeys(shown["error"]))
    drawn, axes = print_axes(height=2.6)
    axis = axes[0, 0]
    for index, name in enumerate(NAMES):
        rows = shown[shown["component"] == name].set_index("error").loc[errors]
        places = np.arange(len(errors)) + 0.22 * (index - 1)
        centre, low, high = (100 * rows[part].to_numpy(float) for part in ("sd", "low", "high"))
        style = series_style(index)
        axis.vlines(places, low, high, color=style["color"], linewidth=1.4)
        axis.plot(places, centre, linestyle="", label=name, **style)
    names = dict(zip(ERRORS, HEADINGS, strict=True))
    axis.set_xticks(range(len(errors)), [names[error] for error in errors])
    most = 100 * float(shown["sd"].max())  # limits of few seeds go far beyond
    axis.set_ylim(-0.05 * most, 2.5 * most)
    axis.set_ylabel("standard deviation [% of the error]")
    drawn.legend(*axis.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return drawn


ANALYSIS = Analysis(
    "disjoint_subsets",
    "Disjoint subsets of the training set",
    "Every seed was trained on every one of several disjoint subsets of equal size. The variance "
    "of ln error over all images has three parts, as in an analysis of variance with two crossed "
    "random factors (Searle, Casella and McCulloch 1992): which subset, which seed (initial "
    "weights and order, alike for all subsets), and subset × seed, what neither explains alone. "
    "The runs of one subset differ by the last two together. sd is the root of a part: about its "
    "relative standard deviation. A part that comes out negative is reported as 0. low and high "
    "are 95 % generalized limits of sd (Weerahandi 1993) for normal ln errors; with a handful of "
    "subsets and seeds they are wide. F and p test whether a part is 0, against subset × seed.",
    _applies,
    table,
    figure,
)
