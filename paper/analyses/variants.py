"""What the variants of a study differ in, on each of its test sets."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.shared.print_style import print_axes, series_style
from diffkeras.evaluation.errors import MAES
from paper.analysis import Analysis, rows_of_first
from paper.drawing import baseline_errors, legend_above, scale_error_axis
from paper.statistics.comparison import (
    FEWEST_SEEDS,
    Floats,
    ImageErrors,
    Statistic,
    holm,
)
from paper.study_data import (
    ALL,
    TRAINED_SOURCES,
    VARIANT,
    StudyData,
    TooFewRunsError,
    with_seed,
)

PERCENTILE, LARGEST = "mae_99_percent", "max_error"
DRAWN = {"mae": "lattice MAE", LARGEST: "maximum error"}  # rows of the figure
TICK_CHARACTERS = 24  # longer labels of variants are turned
COLUMNS = (
    *("variant", "mean", "smallest", "largest", "seeds", "reference", "ratio", "low", "high"),
    *("t_low", "t_high", "p", "common_seeds", "seeds_agree", "p_holm"),
)


def percentile_99(values: Floats) -> Floats:
    """(runs,), the smallest error that 99 % of the images of (runs, images) do not exceed."""
    return np.asarray(np.quantile(values, 0.99, axis=1, method="inverted_cdf"))


# error → its column of single images, and its statistic over images, by default the mean
STATISTICS: dict[str, tuple[str, Statistic | None]] = {
    **{error: (error, None) for error in MAES},
    PERCENTILE: ("mae", percentile_99),
    LARGEST: (LARGEST, lambda values: values.max(axis=1)),
}


def table(data: StudyData) -> pd.DataFrame:
    """Each variant on each test set: the mean over seeds of an error."""
    settings = data.settings(without=(VARIANT,))
    first = data.factors[VARIANT][0]
    rows = []
    for test_set in data.test_sets:
        for error, (column, statistic) in STATISTICS.items():
            errors = ImageErrors.of(data, column, test_set)
            for setting in errors.settings(settings):
                reference = errors.select({**setting, VARIANT: first})
                for value in data.factors[VARIANT]:
                    group = errors.select({**setting, VARIANT: value})
                    if len(group):
                        names = {"test_set": test_set, "error": error, "variant": value}
                        found = errors.compare(group, reference, statistic)
                        rows.append({**found, **setting, **names})
    result = pd.DataFrame(rows).assign(reference=first)
    compared = result["variant"] != first
    most = result["common_seeds"][compared].max() if compared.any() else 0
    if most < FEWEST_SEEDS:
        raise TooFewRunsError(
            f"at most {most} seeds were trained with two variants; at least {FEWEST_SEEDS} are "
            "needed"
        )
    result["p"] = result["t_p"]
    result.loc[~compared, ["ratio", "low", "high", "t_low", "t_high", "p"]] = np.nan
    result.loc[~compared, "seeds_agree"] = 0
    result["p_holm"] = result.groupby("error")["p"].transform(holm)
    return result[["test_set", "error", *settings, *COLUMNS]]


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """The errors of all seeds by variant, a column for each test set."""
    runs = with_seed(data.runs[data.runs["sources"] == ALL])
    runs = rows_of_first(runs, data, (VARIANT,))
    sets = data.test_sets
    width = min(7.0, 2.2 + 1.7 * len(sets))
    drawn, axes = print_axes(len(DRAWN), len(sets), height=4.6, width=width, sharex=True)
    for row, (error, label) in zip(axes, DRAWN.items(), strict=True):
        for axis, test_set in zip(row, sets, strict=True):
            _draw_seeds(axis, runs[runs["test_set"] == test_set], data.factors[VARIANT], error)
            axis.set_title(f"{label}, {test_set}" if len(sets) > 1 else label)
            scale_error_axis(axis, baseline_errors(data, error, test_set=test_set))
    legend_above(drawn, axes[0, 0], columns=6, title="seed")
    return drawn


def _draw_seeds(axis: Axes, runs: pd.DataFrame, values: list[str], error: str) -> None:
    """A mark for each seed, and a line at their mean."""
    seeds = list(dict.fromkeys(runs["seed"]))
    axis.set_yscale("log")
    for index, seed in enumerate(seeds):
        of_seed = runs[runs["seed"] == seed].set_index(VARIANT)[error].reindex(values)
        apart = 0.3 * ((index + 0.5) / len(seeds) - 0.5)
        axis.plot(np.arange(len(values)) + apart, of_seed, ls="", label=seed, **series_style(index))
    means = runs.groupby(VARIANT)[error].mean().reindex(values)
    places = np.arange(len(values))
    axis.hlines(means, places - 0.28, places + 0.28, color="0.2", lw=1)
    turned = sum(map(len, values)) > TICK_CHARACTERS
    axis.set_xticks(range(len(values)), values, rotation=30 if turned else 0)
    axis.set_xlim(-0.5, len(values) - 0.5)


ANALYSIS = Analysis(
    name="variants",
    explains=(
        "Each variant on each test set: the mean over seeds of an error. With the smallest and "
        "the largest of a seed. The errors are the means over images of each image's mean "
        "absolute error in a region; mae_99_percent, the 99th percentile of the images' lattice "
        "MAE; and max_error, the largest error of a node in all images. `ratio` is the geometric "
        "mean over seeds of (error / error of the first variant), on the same images and with the "
        "same seeds. low and high are its 95 % interval for other seeds and other images: of "
        "Student's t, with the variance of both to first order, and degrees of freedom by "
        "Satterthwaite (1946). mae_99_percent and max_error have no such interval. t_low and "
        "t_high are the 95 % interval of `ratio` for other seeds on these images, of a t test of "
        "the seeds' ln errors, paired by seed; p is the p of that test, and p_holm is corrected "
        "by Holm's method for all rows of the same error. With three seeds only differences far "
        "above the fluctuation over seeds can be significant. seeds_agree counts the seeds whose "
        "ratio lies on the same side of 1. Cells are empty below 2 common seeds or 10 images. In "
        "the figure marks are seeds, lines their means, and dotted lines methods without a "
        "network on the same images."
    ),
    applies=lambda data: data.varies(VARIANT) and not data.varies(TRAINED_SOURCES),
    table=table,
    figure=figure,
)
