"""Which source counts to train on, for each source count of the test images."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from diffkeras.reporting.print_figures import PAGE, PALETTE, log_ticks, print_axes
from diffkeras.studies.analysis import Analysis
from diffkeras.studies.drawing import baseline_errors
from diffkeras.studies.labels import label_of
from diffkeras.studies.statistics.bootstrap import resampled
from diffkeras.studies.statistics.comparison import compare, holm
from diffkeras.studies.statistics.image_errors import (
    FEWEST_SEEDS,
    ImageErrors,
    image_errors,
)
from diffkeras.studies.study_data import TRAINED_SOURCES, StudyData, TooFewRunsError

COLORS = "viridis_r"  # small errors are light
INTERVAL = ("low", "high")
THOUSANDTHS = 1000  # cells of the heat map have the unit 10⁻³


def counts_vary(data: StudyData) -> bool:
    """Whether surrogates were trained on different source counts."""
    return TRAINED_SOURCES in data.runs and data.runs[TRAINED_SOURCES].nunique() > 1


def training_groups(data: StudyData, errors: ImageErrors) -> dict[str, pd.Series]:
    """Label of each training → seed → row of its run.

    Raises:
        TooFewRunsError: no training has two seeds.
    """
    settings = errors.settings(data.settings())
    groups = {label_of(values): errors.select(values) for values in settings}
    most = max(map(len, groups.values()))
    if most < FEWEST_SEEDS:
        raise TooFewRunsError(
            f"Each training has {most} seed; at least {FEWEST_SEEDS} are needed to compare them."
        )
    return groups


def table(data: StudyData) -> pd.DataFrame:
    """One row for each training and tested source count, the best training of each count first.

    Raises:
        TooFewRunsError: there are no errors of single images, or fewer than two seeds.
    """
    errors = image_errors(data, ["mae"])
    groups = training_groups(data, errors)
    rows = []
    for count in np.unique(errors.sources).tolist():
        of_count = errors.sources == count
        rows += _ranked(errors.values["mae"][:, of_count], errors.sources[of_count], groups)
    found = pd.DataFrame(rows)
    trained = {label: errors.runs[TRAINED_SOURCES][rows.iloc[0]] for label, rows in groups.items()}
    found.insert(1, TRAINED_SOURCES, found["trained"].map(trained))
    found["p_holm"] = holm(found["p"])
    return found


def _ranked(
    values: np.ndarray, sources: np.ndarray, groups: dict[str, pd.Series]
) -> list[dict[str, Any]]:
    """The rows of one source count, from (runs, images) of it."""
    statistic = resampled(values, sources)
    of_seeds = {label: statistic[0][rows] for label, rows in groups.items()}
    order = sorted(groups, key=lambda label: of_seeds[label].mean())
    found = []
    for rank, label in enumerate(order, 1):
        seeds = of_seeds[label]
        row = {"trained": label, "tested": int(sources[0]), "mae": seeds.mean()}
        row |= {"smallest": seeds.min(), "largest": seeds.max(), "seeds": seeds.size, "rank": rank}
        compared = compare(values, statistic, groups[label], groups[order[0]])
        row |= {"ratio_to_best": compared["ratio"] if rank > 1 else 1.0}
        row |= {f"ratio_{end}": compared[end] if rank > 1 else np.nan for end in INTERVAL}
        row |= {name: compared[name] if rank == 2 else np.nan for name in ("rank_biserial", "p")}
        found.append(row)
    return found


def figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A heat map of the errors, trained on × tested on."""
    names = data.settings()
    combinations = data.overall[names].drop_duplicates().to_numpy().tolist()
    order = [label_of(dict(zip(names, values, strict=True))) for values in combinations]
    labels = [label for label in order if label in set(table["trained"])]
    counts = sorted(set(table["tested"]))
    cells = table.pivot(index="trained", columns="tested", values="mae").loc[labels, counts]
    below = pd.DataFrame(
        {count: pd.Series(baseline_errors(data, "mae", str(count))) for count in counts}
    )
    errors = THOUSANDTHS * pd.concat([cells, below]).to_numpy(float)
    rows = len(errors)
    drawn, axes = print_axes(width=PAGE, height=0.9 + 0.24 * rows)
    axis = axes[0, 0]
    surrogates = errors[: len(labels)]
    norm = LogNorm(np.nanmin(surrogates), np.nanmax(surrogates))
    picture = axis.imshow(errors, norm=norm, cmap=COLORS, aspect="auto")
    _write_numbers(axis, errors, norm(errors).filled(0.5))
    for column, row in enumerate(np.nanargmin(surrogates, axis=0)):
        frame = Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False, lw=1.8, zorder=3)
        frame.set_edgecolor(PALETTE[1])
        axis.add_patch(frame)
    axis.axhline(len(labels) - 0.5, color="white", linewidth=2)
    axis.set_yticks(range(rows), [*labels, *below.index])
    axis.set_xticks(range(len(counts)), counts)
    axis.set(xlabel="sources in the test images", ylabel="trained on")
    axis.grid(False)
    axis.spines[:].set_visible(False)
    bar = drawn.colorbar(picture, ax=axis, label="lattice MAE [10⁻³]", extend="both", pad=0.02)
    log_ticks(bar.ax, "y")
    return drawn


def _write_numbers(axis: Axes, errors: np.ndarray, shades: np.ndarray) -> None:
    size = 7 if errors.shape[1] <= 10 else 4.5
    for (row, column), error in np.ndenumerate(errors):
        text = f"{error:.2g}" if error < 1 else f"{error:.1f}" if error < 9.95 else f"{error:.0f}"
        color = "white" if shades[row, column] > 0.5 else "black"
        if np.isfinite(error):
            axis.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


ANALYSIS = Analysis(
    "trained_counts",
    "Trained on and tested on numbers of sources",
    "The lattice MAE of each training on test images of each number of sources: the mean over "
    "seeds, with the smallest and largest of a seed. `rank` 1 is the best training for that number "
    "of sources. `ratio_to_best` is the geometric mean over seeds of (error / error of the best "
    "one). ratio_low and ratio_high are its 95 % interval for other seeds and other images: of "
    "Student's t, with the standard deviation over a bootstrap that resamples seeds and images "
    "independently of each other (Owen 2007; n − 1 of n, Rao and Wu 1988) and degrees of freedom "
    "by Satterthwaite (1946). Few seeds make it wide. As the best one is chosen by these images, "
    "its lead is somewhat too large. `p` is of Wilcoxon's signed-rank test of the runner-up "
    "against the best one on the same images, averaged over seeds. Such a two-sided test needs no "
    "correction for the choice of the two (Gutmann and Maymin 1987; Hung and Fithian 2019); p_holm "
    "is corrected by Holm's method for the numbers of sources. The test is about other images for "
    "the runs that were trained, the interval about other seeds, too. The heat map frames the best "
    "training of each column; the rows below the white line are methods without a network.",
    counts_vary,
    table,
    figure,
)
