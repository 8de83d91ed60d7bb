"""What the variants of a study differ in, on each of its test sets."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkeras.evaluation.errors import MAES
from diffkeras.reporting.print_figures import log_ticks, print_axes, series_style
from diffkeras.studies.analyses.trained_counts import counts_vary
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.drawing import baseline_errors, draw_panel_lines, reach_near
from diffkeras.studies.statistics.bootstrap import (
    Floats,
    mean,
    percentile_99,
    resampled,
    seed_ratio,
)
from diffkeras.studies.statistics.comparison import holm
from diffkeras.studies.statistics.image_errors import (
    FEWEST_SEEDS,
    ImageErrors,
    common_seeds,
    image_errors,
    seed_texts,
)
from diffkeras.studies.statistics.run_groups import rows_of_first
from diffkeras.studies.study_data import ALL, TRAIN_PART, VARIANT, StudyData, TooFewRunsError

PERCENTILE, LARGEST = "mae_99_percent", "max_error"
STATISTICS = (*MAES, PERCENTILE, LARGEST)
DRAWN = {"mae": "lattice MAE", LARGEST: "maximum error"}  # rows of the figure
TICK_CHARACTERS = 24  # longer labels of variants are turned


def _applies(data: StudyData) -> bool:
    return varied(data) is not None and not counts_vary(data)


def varied(data: StudyData) -> str | None:
    """The factor whose values are compared."""
    return next((name for name in (VARIANT, TRAIN_PART) if data.varies(name)), None)


def table(data: StudyData) -> pd.DataFrame:
    """One row for each test set, error and variant, and for each of the other settings.

    Raises:
        TooFewRunsError: there are no errors of single images, or no variant shares two seeds with
            the first one.
    """
    name = varied(data)
    assert name is not None
    rows: list[dict[str, Any]] = []
    for test_set in data.test_sets:
        errors = image_errors(data, (*MAES, LARGEST), test_set)
        for statistic in STATISTICS:
            place = {"test_set": test_set, "error": statistic}
            rows += [place | row for row in _compared(data, errors, name, statistic)]
    found = pd.DataFrame(rows)
    compared = found["variant"] != found["reference"]
    most = found["common_seeds"][compared].max() if compared.any() else 0
    if most < FEWEST_SEEDS:
        raise TooFewRunsError(
            f"At most {most} seeds were trained with two variants; at least {FEWEST_SEEDS} are "
            "needed."
        )
    found["p_holm"] = found.groupby("error")["p"].transform(holm)
    return found


def _compared(
    data: StudyData, errors: ImageErrors, name: str, statistic: str
) -> list[dict[str, Any]]:
    """The rows of one error on one test set."""
    exact, drawn, images = _over_images(errors, statistic)
    first, *_ = values = data.factors[name]
    rows = []
    for setting in errors.settings(data.settings(without=(name,))):
        groups = {value: errors.select({**setting, name: value}) for value in values}
        reference = groups[first]
        for value, group in groups.items():
            if len(group):
                seeds = exact[group.to_numpy()]
                row = {"variant": value, "mean": seeds.mean(), "smallest": seeds.min()}
                row |= {"largest": seeds.max(), "seeds": seeds.size, "reference": first}
                rows.append({**setting, **row, **_ratio((exact, drawn), group, reference, images)})
    return rows


def _over_images(errors: ImageErrors, statistic: str) -> tuple[Floats, Floats | None, int]:
    """A statistic of the images for each run, of resampled images if possible, and their number."""
    if statistic == LARGEST:
        values = errors.values[LARGEST]
        return np.nanmax(values, axis=1), None, values.shape[1]
    kept = errors.keep_defined("mae" if statistic == PERCENTILE else statistic)
    (values,) = kept.values.values()
    over_images = percentile_99 if statistic == PERCENTILE else mean
    return *resampled(values, kept.sources, over_images), values.shape[1]


def _ratio(
    statistic: tuple[Floats, Floats | None], group: pd.Series, reference: pd.Series, images: int
) -> dict[str, Any]:
    exact, drawn = statistic
    one, other = common_seeds(group, reference)
    numbers = dict.fromkeys(("ratio", "low", "high", "t_low", "t_high", "t_p"), np.nan)
    agree = 0
    if group is not reference and one.size >= FEWEST_SEEDS:
        over = np.tile(exact, (2, 1)) if drawn is None else drawn
        found = seed_ratio((exact[one], over[:, one]), (exact[other], over[:, other]), images)
        numbers, agree = {name: getattr(found, name) for name in numbers}, found.seeds_agree
    if drawn is None:
        numbers |= {"low": np.nan, "high": np.nan}
    p = numbers.pop("t_p")
    return {**numbers, "p": p, "common_seeds": one.size, "seeds_agree": agree}


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The errors of all seeds by variant, a column for each test set."""
    name = varied(data)
    assert name is not None
    runs = data.runs[data.runs["sources"] == ALL].assign(seed=seed_texts(data.runs))
    runs = rows_of_first(runs, data, (name,))
    sets = data.test_sets
    drawn, axes = print_axes(
        len(DRAWN), len(sets), height=4.6, width=min(7.0, 2.2 + 1.7 * len(sets)), sharex=True
    )
    panels = []
    for row, (error, label) in zip(axes, DRAWN.items(), strict=True):
        for axis, test_set in zip(row, sets, strict=True):
            _draw_seeds(axis, runs[runs["test_set"] == test_set], name, data.factors[name], error)
            axis.set_title(f"{label}, {test_set}" if len(sets) > 1 else label)
            baselines = baseline_errors(data, error, test_set=test_set)
            reach_near(axis, baselines.values())
            log_ticks(axis, "y")
            panels.append((axis, baselines))
    draw_panel_lines(panels)
    handles = axes[0, 0].get_legend_handles_labels()
    drawn.legend(*handles, loc="outside upper center", ncols=6, title="seed")
    return drawn


def _draw_seeds(axis: Axes, runs: pd.DataFrame, name: str, values: list[str], error: str) -> None:
    """A mark for each seed, and a line at their mean."""
    seeds = list(dict.fromkeys(runs["seed"]))
    axis.set_yscale("log")
    for index, seed in enumerate(seeds):
        of_seed = runs[runs["seed"] == seed].set_index(name)[error].reindex(values)
        apart = 0.3 * ((index + 0.5) / len(seeds) - 0.5)
        axis.plot(np.arange(len(values)) + apart, of_seed, ls="", label=seed, **series_style(index))
    means = runs.groupby(name)[error].mean().reindex(values)
    axis.hlines(
        means, np.arange(len(values)) - 0.28, np.arange(len(values)) + 0.28, color="0.2", lw=1
    )
    turned = sum(map(len, values)) > TICK_CHARACTERS
    axis.set_xticks(range(len(values)), values, rotation=30 if turned else 0)
    axis.set_xlim(-0.5, len(values) - 0.5)


ANALYSIS = Analysis(
    "variants",
    "Variants against each other",
    "Each variant (or disjoint subset) on each test set: the mean over seeds of an error, with the "
    "smallest and the largest of a seed. The errors are the means over images of each image's mean "
    "absolute error in a region; mae_99_percent, the 99th percentile of the images' lattice MAE; "
    "and max_error, the largest error of a node in all images. `ratio` is the geometric mean over "
    "seeds of (error / error of the first variant), on the same images and with the same seeds. "
    "low and high are its 95 % interval for other seeds and other images: of Student's t, with "
    "the standard deviation over a bootstrap that resamples seeds and images independently of each "
    "other (Owen 2007; n − 1 of n, Rao and Wu 1988) and degrees of freedom by Satterthwaite "
    "(1946). A maximum can't be bootstrapped (Bickel and Freedman 1981), so max_error has no such "
    "interval. t_low and t_high are its 95 % interval for other seeds on these images, of a t test "
    "of the seeds' ln errors, paired by seed; p is the p of that test, and p_holm is corrected by "
    "Holm's method for all rows of the same error. With three seeds only differences far above the "
    "fluctuation over seeds can be significant. seeds_agree counts the seeds whose ratio lies on "
    "the same side of 1. In the figure marks are seeds, lines their means, and dotted lines "
    "methods without a network on the same images.",
    _applies,
    table,
    figure,
)
