"""Which loss is better, and by how much, on the same test images."""

import re

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.shared.print_style import PALETTE, log_ticks
from paper.analysis import Analysis, rows_of_first
from paper.drawing import baseline_errors, draw_lines, in_lines, region_panels
from paper.statistics.comparison import (
    FEWEST_SEEDS,
    ImageErrors,
    holm,
)
from paper.study_data import (
    LOSS,
    REGION_ERRORS,
    SIZE,
    SIZE_KEYS,
    StudyData,
    TooFewRunsError,
)

PLAIN = "absolute"
WEIGHTED = " × "  # between the error and its weight, in the name of a loss
# options of the weight, which the name of a weighted loss has among those of the error
OF_THE_WEIGHT = re.compile(r"(?:, )?weight_(?:from|gradient)=\w+")
COLUMNS = (
    *("region", "loss", "reference", "error", "reference_error", "ratio", "low", "high", "seeds"),
    *("seeds_agree", "images", "rank_biserial", "p", "p_holm"),
)


def unweighted(loss: str) -> str:
    """The name of the same error without its weight; "" for a loss without one."""
    error, _, weight = loss.partition(WEIGHTED)
    return OF_THE_WEIGHT.sub("", error).replace("(, ", "(").replace("()", "") if weight else ""


def reference_loss(data: StudyData, loss: str = "") -> str:
    """The loss that a loss is compared with.

    The same error without a weight, if the loss has a weight and the study has that error; else the
    plain absolute error, or else the study's first loss.
    """
    losses = data.factors[LOSS]
    plain = unweighted(loss)
    if plain in losses:
        return plain
    return PLAIN if PLAIN in losses else losses[0]


def table(data: StudyData) -> pd.DataFrame:
    """Each loss against a reference, which the column names."""
    settings = [SIZE, *data.settings(without=(LOSS, *SIZE_KEYS))]
    rows = []
    for region, error in REGION_ERRORS.items():
        errors = ImageErrors.of(data, error)
        for setting in errors.settings(settings):
            for loss in data.factors[LOSS]:
                reference = reference_loss(data, loss)
                plain = errors.select({**setting, LOSS: reference})
                group = errors.select({**setting, LOSS: loss})
                if loss != reference and len(group) and len(plain):
                    names = {"region": region, "loss": loss, "reference": reference}
                    rows.append({**setting, **names, **errors.compare(group, plain)})
    most = max((row["common_seeds"] for row in rows), default=0)
    if most < FEWEST_SEEDS:
        raise TooFewRunsError(
            f"at most {most} seeds were trained with two losses at the same size; at least "
            f"{FEWEST_SEEDS} are needed"
        )
    result = pd.DataFrame(rows).sort_values(settings, kind="stable", ignore_index=True)
    result["p_holm"] = holm(result["p"])
    result["seeds"] = result["common_seeds"]
    return result[[*settings, *COLUMNS]].rename(columns={SIZE: "size"})


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A forest plot for each region, at the largest size."""
    shown = table[table["size"] == table["size"].max()]
    shown = rows_of_first(shown, data, (LOSS, *SIZE_KEYS))
    losses = list(dict.fromkeys(shown["loss"]))
    names = [in_lines(loss) for loss in losses]
    row = 0.07 + 0.1 * max(2, *(name.count("\n") + 1 for name in names))  # inches
    reference, size = reference_loss(data), int(shown["size"].iloc[0])
    drawn, panels = region_panels("", height=1.7 + 2 * max(row * len(losses), 0.5), sharey=True)
    plain = data.overall[(data.overall[LOSS] == reference) & (data.overall[SIZE] == size)]
    for region, axis in panels.items():
        error = REGION_ERRORS[region]
        rows = shown[shown["region"] == region].set_index("loss").reindex(losses)
        axis.set_yticks(range(len(losses)), names, fontsize=6)
        axis.set_ylim(len(losses) - 0.5, -0.5)
        _draw_ratios(axis, rows)
        divisor = float(plain[error].mean())
        baselines = {name: value / divisor for name, value in baseline_errors(data, error).items()}
        draw_lines(axis, baselines, "x")
    panels["r2"].set_xlabel(f"error / error with the reference, {size} training examples")
    return drawn


def _draw_ratios(axis: Axes, rows: pd.DataFrame) -> None:
    """Ratios with intervals, one row below the other; full marks for clear differences."""
    places = np.arange(len(rows))
    axis.axvline(1, color="0.2", linewidth=1)
    ends = np.append(rows[["ratio", "low", "high"]].to_numpy(float), 1.0)
    lowest, highest = np.nanmin(ends), np.nanmax(ends)
    margin = 0.15 * np.log(highest / lowest) + 0.01
    axis.set_xscale("log")
    axis.set_xlim(lowest * np.exp(-margin), highest * np.exp(margin))
    color = PALETTE[0]
    axis.hlines(places, rows["low"], rows["high"], color=color, linewidth=1.4)
    beyond = (rows["low"] > 1) | (rows["high"] < 1)
    clear = ((rows["p_holm"] < 0.05) & beyond).to_numpy()
    for chosen, fill in ((clear, color), (~clear, "white")):
        axis.plot(rows["ratio"][chosen], places[chosen], "o", color=color, mfc=fill, markersize=4.5)
    log_ticks(axis, "x")


ANALYSIS = Analysis(
    name="loss_comparisons",
    explains=(
        "Each loss against a reference, which the column names. Of a loss with a weight, the "
        "reference is the same error without it, so that the ratio is what the weight does; of "
        "others, or if the study has no such loss, the plain absolute error, or the study's first "
        "loss. On the same test images and with the same seeds. The error of a region is the mean "
        "over images of each image's mean absolute error there; images without nodes of the "
        "region are left out. `ratio` is the geometric mean over seeds of (mean error with the "
        "loss) / (mean error with the reference): below 1 the loss is better. `low` and `high` "
        "are its 95 % interval for other seeds and other images: of Student's t, with the "
        "variance of both to first order, and degrees of freedom by Satterthwaite (1946). Few "
        "seeds make it wide. `p` is the two-sided p-value of Wilcoxon's signed-rank test of the "
        "images' errors, averaged over the seeds; `p_holm` is corrected by Holm's method for all "
        "rows of the table. This test is about other images, for the runs that were trained; what "
        "other seeds would give is shown by the intervals and by `seeds_agree`, the number of "
        "seeds whose own ratio lies on the same side of 1. `rank_biserial` is the effect size of "
        "the test: 1 if the loss is worse on every image, −1 if it is better on every image. "
        "Cells are empty below 2 common seeds or 10 images. The figure shows the largest size. "
        "Circles are full where p_holm < 0.05 and the interval excludes 1. Dotted lines are "
        "baselines within the axes."
    ),
    applies=lambda data: data.varies(LOSS),
    table=table,
    figure=figure,
)
