"""Which loss is better, and by how much, on the same test images."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkeras.evaluation.errors import MAES
from diffkeras.reporting.print_figures import PALETTE, log_ticks, print_axes
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.drawing import baseline_errors, draw_panel_lines
from diffkeras.studies.labels import REGION_TITLES, in_lines
from diffkeras.studies.statistics.bootstrap import resampled
from diffkeras.studies.statistics.comparison import compare, holm
from diffkeras.studies.statistics.image_errors import (
    FEWEST_IMAGES,
    FEWEST_SEEDS,
    ImageErrors,
    common_seeds,
    image_errors,
)
from diffkeras.studies.statistics.run_groups import REGION_ERRORS, rows_of_first
from diffkeras.studies.study_data import LOSS, SIZE, SIZE_KEYS, StudyData, TooFewRunsError

PLAIN = "absolute"


def _applies(data: StudyData) -> bool:
    return data.varies(LOSS)


def reference_loss(data: StudyData) -> str:
    """The loss that the others are compared with: the plain absolute error, or else the first."""
    losses = data.factors[LOSS]
    return PLAIN if PLAIN in losses else losses[0]


def other_settings(data: StudyData) -> list[str]:
    """The varied settings other than the loss and the size."""
    return data.settings(without=(LOSS, *SIZE_KEYS))


def table(data: StudyData) -> pd.DataFrame:
    """One row for each size, region and loss other than the reference.

    Raises:
        TooFewRunsError: there are no errors of single images, or no two losses share two seeds.
    """
    errors = image_errors(data, MAES)
    pairs = _pairs(data, errors)
    most = max((len(common_seeds(*groups)[0]) for *_, groups in pairs), default=0)
    if most < FEWEST_SEEDS:
        raise TooFewRunsError(
            f"At most {most} seeds were trained with two losses at the same size; at least "
            f"{FEWEST_SEEDS} are needed."
        )
    rows = []
    for region, name in REGION_ERRORS.items():
        kept = errors.keep_defined(name)
        statistic = resampled(kept.values[name], kept.sources)
        for setting, loss, groups in pairs:
            names = {"region": region, "loss": loss, "reference": reference_loss(data)}
            rows.append({**setting, **names, **compare(kept.values[name], statistic, *groups)})
    found = pd.DataFrame(rows)
    found["p_holm"] = holm(found["p"])
    order = [SIZE, *other_settings(data)]
    return found.sort_values(order, kind="stable", ignore_index=True).rename(columns={SIZE: "size"})


def _pairs(
    data: StudyData, errors: ImageErrors
) -> list[tuple[dict[str, Any], str, tuple[pd.Series, pd.Series]]]:
    """Each setting and loss, with the runs of that loss and of the reference."""
    reference = reference_loss(data)
    pairs = []
    for setting in errors.settings([SIZE, *other_settings(data)]):
        plain = errors.select({**setting, LOSS: reference})
        for loss in data.factors[LOSS]:
            group = errors.select({**setting, LOSS: loss})
            if loss != reference and len(group) and len(plain):
                pairs.append((setting, loss, (group, plain)))
    return pairs


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A forest plot for each region, at the largest size."""
    shown = table[table["size"] == table["size"].max()]
    shown = rows_of_first(shown, data, (LOSS, *SIZE_KEYS))
    losses = list(dict.fromkeys(shown["loss"]))
    names = [in_lines(loss) for loss in losses]
    row = 0.07 + 0.1 * max(2, *(name.count("\n") + 1 for name in names))  # inches
    drawn, axes = print_axes(2, 3, height=1.7 + 2 * max(row * len(losses), 0.5), sharey=True)
    reference, size = reference_loss(data), int(shown["size"].iloc[0])
    plain = data.overall[(data.overall[LOSS] == reference) & (data.overall[SIZE] == size)]
    baselines = []
    for axis, (region, error) in zip(axes.flat, REGION_ERRORS.items(), strict=True):
        rows = shown[shown["region"] == region].set_index("loss").reindex(losses)
        draw_ratios(axis, rows)
        axis.set_title(REGION_TITLES[region])
        axis.set_yticks(range(len(losses)), names, fontsize=6)
        divisor = float(plain[error].mean())
        baselines.append((axis, {n: e / divisor for n, e in baseline_errors(data, error).items()}))
    axes[0, 0].set_ylim(len(losses) - 0.5, -0.5)
    axes[1, 1].set_xlabel(f"error / error with the loss {reference}, {size} training examples")
    draw_panel_lines(baselines, along="x")
    return drawn


def draw_ratios(axis: Axes, rows: pd.DataFrame) -> None:
    """Ratios with intervals, one row below the other; full marks for clear differences."""
    places = np.arange(len(rows))
    axis.axvline(1, color="0.2", linewidth=1)
    ends = rows[["ratio", "low", "high"]].to_numpy(float)
    lowest, highest = np.nanmin([1, np.nanmin(ends)]), np.nanmax([1, np.nanmax(ends)])
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


EXPLANATION = f"""
Each loss is compared with the reference, the plain absolute error (or the study's first loss), on
the same test images and with the same seeds. The error of a region is the mean over images of each
image's mean absolute error there; images without nodes of the region are left out. `ratio` is the
geometric mean over seeds of (mean error with the loss) / (mean error with the reference): below 1
the loss is better. `low` and `high` are its 95 % interval for other seeds and other images: of
Student's t, with the standard deviation of ln ratio over a bootstrap that resamples seeds and
images independently of each other (Owen 2007; n − 1 of n, Rao and Wu 1988) and degrees of freedom
by Satterthwaite (1946). Few seeds make it wide.
`p` is the two-sided p-value of Wilcoxon's signed-rank test of the images' errors, averaged over the
seeds; `p_holm` is corrected by Holm's method for all rows of the table. This test is about other
images, for the runs that were trained; what other seeds would give is shown by the intervals and by
`seeds_agree`, the number of seeds whose own ratio lies on the same side of 1.
`rank_biserial` is the effect size of the test: 1 if the loss is worse on every image, −1 if it is
better on every image. Cells are empty below {FEWEST_SEEDS} common seeds or {FEWEST_IMAGES} images.
The figure shows the largest size. Circles are full where p_holm < 0.05 and the interval excludes 1.
Dotted lines are baselines.
""".strip()

ANALYSIS = Analysis(
    "loss_comparisons",
    "Losses against each other on the same test images",
    EXPLANATION,
    _applies,
    table,
    figure,
)
