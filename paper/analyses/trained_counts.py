"""Which source counts to train on, and what a surrogate does on one source more or one less."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from benchmarks.shared.print_style import PAGE, PALETTE, log_ticks, print_axes, series_style
from paper.analysis import Analysis
from paper.drawing import baseline_errors, legend_above
from paper.statistics.comparison import (
    FEWEST_SEEDS,
    ImageErrors,
    holm,
    ratio_of_errors,
)
from paper.study_data import (
    TRAINED_SOURCES,
    StudyData,
    TooFewRunsError,
    counts_in,
    label_of,
)

COLORS = "viridis_r"  # small errors are light
RATIO = ("ratio", "low", "high")
COLUMNS = (
    *("trained", TRAINED_SOURCES, "tested", "mae", "smallest", "largest", "seeds", "rank"),
    *("ratio_to_best", "ratio_low", "ratio_high", "rank_biserial", "p", "p_holm"),
)
NEIGHBOUR_COLUMNS = (
    *("trained", "count", "tested", "mae", "own_mae", "seeds", *RATIO, "specialist_mae"),
    *("specialist_ratio", "specialist_low", "specialist_high", "rank_biserial", "p", "p_holm"),
)
THOUSANDTHS = 1000  # cells of the heat map have the unit 10⁻³
TINY = 1e-3  # of this unit: smaller numbers are written with an exponent


def _trainings(data: StudyData, errors: ImageErrors) -> tuple[dict[str, pd.Series], dict[str, str]]:
    """Label of each training → seed → row of its run, and → the source counts trained on.

    Raises:
        TooFewRunsError: no training has two seeds.
    """
    settings = errors.settings(data.settings())
    groups = {label_of(values): errors.select(values) for values in settings}
    most = max(map(len, groups.values()))
    if most < FEWEST_SEEDS:
        raise TooFewRunsError(
            f"each training has {most} seed; at least {FEWEST_SEEDS} are needed to compare them"
        )
    of_run = errors.runs[TRAINED_SOURCES]
    return groups, {label: of_run[rows.iloc[0]] for label, rows in groups.items()}


def _table(data: StudyData) -> pd.DataFrame:
    """The lattice MAE of each training on test images of each number of sources."""
    errors = ImageErrors.of(data)
    groups, trained = _trainings(data, errors)
    rows = []
    for count in np.unique(errors.sources).tolist():
        of_count = errors.of_count(count)
        means = {label: of_count.values[group].mean() for label, group in groups.items()}
        order = sorted(groups, key=means.__getitem__)
        for rank, label in enumerate(order, 1):
            names = {"trained": label, TRAINED_SOURCES: trained[label], "tested": count}
            compared = of_count.compare(groups[label], groups[order[0]])
            rows.append({**compared, **names, "rank": rank})
    result = pd.DataFrame(rows).rename(
        columns={"mean": "mae", "ratio": "ratio_to_best", "low": "ratio_low", "high": "ratio_high"}
    )
    best = result["rank"] == 1
    result.loc[best, ["ratio_to_best", "ratio_low", "ratio_high"]] = (1.0, np.nan, np.nan)
    result.loc[result["rank"] != 2, ["rank_biserial", "p"]] = np.nan
    result["p_holm"] = holm(result["p"])
    return result[list(COLUMNS)]


def _figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """A heat map of the errors, trained on × tested on."""
    names = data.settings()
    combinations = data.overall[names].drop_duplicates().to_dict("records")
    order = [label_of({str(name): value for name, value in row.items()}) for row in combinations]
    labels = [label for label in order if label in set(table["trained"])]
    counts = sorted(set(table["tested"]))
    cells = table.pivot(index="trained", columns="tested", values="mae").loc[labels, counts]
    below = pd.DataFrame({n: pd.Series(baseline_errors(data, "mae", str(n))) for n in counts})
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
        if error < TINY:
            text = f"{error:.0e}".replace("e-0", "e-")
        color = "white" if shades[row, column] > 0.5 else "black"
        if np.isfinite(error):
            axis.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


def _neighbour_table(data: StudyData) -> pd.DataFrame:
    """Surrogates that were trained on images of n sources only, tested on n − 1 and n + 1."""
    errors = ImageErrors.of(data)
    groups, trained = _trainings(data, errors)
    counts = {label: counts_in(text) for label, text in trained.items()}
    single = {
        label: of_training[0] for label, of_training in counts.items() if len(of_training) == 1
    }
    specialists = {count: groups[label] for label, count in reversed(single.items())}
    tested = np.unique(errors.sources).tolist()
    by_count = {count: errors.of_count(count) for count in tested}
    rows = []
    for label, count in single.items():
        group = groups[label]
        for other in (count - 1, count + 1):
            if {count, other} <= by_count.keys() and len(group) >= FEWEST_SEEDS:
                there, here = by_count[other], by_count[count]
                compared = there.compare(group, specialists.get(other, group[:0]))
                ratio = ratio_of_errors(
                    there.values[group],
                    here.values[group],
                    np.concatenate([there.sources, here.sources]),
                    same_images=False,
                )
                specialist = {f"specialist_{name}": compared[name] for name in RATIO}
                names = {"trained": label, "count": count, "tested": other}
                names |= {
                    "own_mae": here.values[group].mean(),
                    "specialist_mae": compared["reference_error"],
                }
                rows.append({**compared, **names, **ratio, **specialist})
    if not rows:
        raise TooFewRunsError(
            f"no surrogate of a single source count has {FEWEST_SEEDS} seeds and was tested on "
            "that count and on one more or one fewer"
        )
    table = pd.DataFrame(rows).rename(columns={"mean": "mae"})
    table["p_holm"] = holm(table["p"])
    return table[list(NEIGHBOUR_COLUMNS)]


def _neighbour_figure(table: pd.DataFrame, data: StudyData) -> Figure:
    """Both ratios against the source count trained on."""
    drawn, axes = print_axes(1, 2, height=2.7)
    left, right = axes[0]
    _draw_neighbours(left, table, "")
    _draw_neighbours(right, table, "specialist_")
    left.set(ylabel="error / error on n sources", title="against the count trained on")
    right.set(ylabel="error / error of that surrogate", title="against the surrogate of that count")
    legend_above(drawn, left, columns=2)
    return drawn


def _draw_neighbours(axis: Axes, table: pd.DataFrame, prefix: str) -> None:
    axis.axhline(1, color="0.2", linewidth=0.8)
    axis.set_yscale("log")
    known = table[table[f"{prefix}ratio"].notna()]
    for index, (step, words) in enumerate(((-1, "one source fewer"), (1, "one source more"))):
        rows = known[known["tested"] - known["count"] == step]
        places = rows["count"] + 0.12 * step
        style = series_style(index)
        axis.plot(places, rows[f"{prefix}ratio"], linestyle="", label=words, **style)
        low, high = (rows[f"{prefix}{end}"] for end in RATIO[1:])
        axis.vlines(places, low, high, color=style["color"], linewidth=1.4)
    marks = known[[f"{prefix}{name}" for name in RATIO]].to_numpy(float)
    if marks.size:
        axis.set_ylim(min(marks.min(), 1) / 1.15, max(marks.max(), 1) * 1.15)
    axis.set_xticks(sorted(set(table["count"])))
    axis.set_xlim(table["count"].min() - 0.5, table["count"].max() + 0.5)
    axis.set_xlabel("sources in the training images (n)")
    log_ticks(axis, "y")


TRAINED_COUNTS = Analysis(
    name="trained_counts",
    explains=(
        "The lattice MAE of each training on test images of each number of sources. The mean over "
        "seeds, with the smallest and largest of a seed. `rank` 1 is the best training for that "
        "number of sources. `ratio_to_best` is the geometric mean over seeds of (error / error of "
        "the best one). ratio_low and ratio_high are its 95 % interval for other seeds and other "
        "images: of Student's t, with the variance of both to first order, and degrees of freedom "
        "by Satterthwaite (1946). Few seeds make it wide. As the best one is chosen by these "
        "images, its lead is somewhat too large. `p` is of Wilcoxon's signed-rank test of the "
        "runner-up against the best one on the same images, averaged over seeds. Such a two-sided "
        "test needs no correction for the choice of the two (Gutmann and Maymin 1987; Hung and "
        "Fithian 2019); p_holm is corrected by Holm's method for the numbers of sources. The test "
        "is about other images for the runs that were trained, the interval about other seeds, "
        "too. The heat map frames the best training of each column; the rows below the white line "
        "are methods without a network."
    ),
    applies=lambda data: data.varies(TRAINED_SOURCES),
    table=_table,
    figure=_figure,
)
NEIGHBOUR_COUNTS = Analysis(
    name="neighbour_counts",
    explains=(
        "Surrogates that were trained on images of n sources only, tested on n − 1 and n + 1. "
        "`ratio` is the lattice MAE there over that on n sources (geometric mean over seeds). As "
        "images with more sources have larger errors with any training, it is not 1 even for a "
        "surrogate that generalises perfectly. `specialist_ratio` therefore compares, on the same "
        "images, with the surrogate that was trained on exactly their number: what it costs to "
        "use the neighbour's. low and high (specialist_low, specialist_high) are 95 % intervals "
        "for other seeds and other images: of Student's t, with the variance of both to first "
        "order, and degrees of freedom by Satterthwaite (1946). `p` is of Wilcoxon's signed-rank "
        "test against that surrogate on the images, averaged over seeds; `p_holm` is corrected by "
        "Holm's method for all rows. Cells are empty where no surrogate was trained on that "
        "number."
    ),
    applies=lambda data: (
        data.varies(TRAINED_SOURCES)
        and any(len(counts_in(text)) == 1 for text in data.runs[TRAINED_SOURCES])
    ),
    table=_neighbour_table,
    figure=_neighbour_figure,
)
