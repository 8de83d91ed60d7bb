"""Claims that compare surrogates: losses, architectures, source counts, subsets, placements."""

import re
from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd
from scipy import stats

from paper.statistics.anova import complete_design
from paper.statistics.components import components
from paper.statistics.ratios import SEEN, Ratio, holm, ratios
from paper.study_data import (
    ALL,
    LOSS,
    REGION_ERRORS,
    SIZE,
    TRAIN_PART,
    TRAINED_SOURCES,
    VARIANT,
    StudyData,
    TooFewRunsError,
    counts_in,
)
from paper.verdicts.verdict import (
    LEVEL,
    MARGIN,
    Verdict,
    decide,
    one_lowers_it,
    the_same_without_any_size,
)

HARD, RANDOM = "hard", "random"  # examples that joined the training set
HARDEST = "mae_of_hardest"  # on the test images on which the first network is worst
OF_THE_AUTHORS = ("exponential", "tanh")
NEAR_SOURCES = ("sources", "r1")
WEIGHTED = " × "  # between the error and its weight, in the name of a loss
# options of the weight, which the name of a weighted loss has among those of the error
OF_THE_WEIGHT = re.compile(r"(?:, )?weight_(?:from|gradient)=\w+")
FEWEST_SUBSETS, FEWEST_SEEDS = 3, 2
SEEN_SHARE = 0.5  # correlation


def unweighted(loss: str) -> str:
    """The name of the same error without its weight; "" for a loss without one."""
    error, _, weight = loss.partition(WEIGHTED)
    return OF_THE_WEIGHT.sub("", error).replace("(, ", "(").replace("()", "") if weight else ""


def weighted_losses(
    data: StudyData, regions: Collection[str] = tuple(REGION_ERRORS)
) -> dict[tuple[str, str], Ratio]:
    """(weighted loss, region) → its error / the same error without the weight, at the largest size.

    Only losses whose error the study has without the weight, too.
    """
    losses = data.factors[LOSS]
    found: dict[tuple[str, str], Ratio] = {}
    for region in regions:
        rows = data.with_ln(REGION_ERRORS[region])
        *others, largest = (
            rows[rows[SIZE] == size].pivot_table("ln_error", "unit", LOSS, sort=False)
            for size in data.sizes
        )
        for plain in dict.fromkeys(map(unweighted, losses)):
            if plain in losses:
                of_plain = ratios(largest, plain, others)
                found |= {
                    (loss, region): of_plain[loss] for loss in losses if unweighted(loss) == plain
                }
    return found


@the_same_without_any_size
def weights_help(data: StudyData) -> Verdict:
    """At the largest size, each loss with a weight of the authors (exponential, tanh) against the
    same error without it, on the sources and in R1. Holds if the interval of the ratio of one lies
    below 1 and p < 0.05 (t test with the scatter of all losses and sizes, corrected by Holm's
    method for all weighted losses and both regions). Does not hold if all intervals lie above 0.95.
    If both are
    so, it holds."""
    near = {
        key: ratio
        for key, ratio in weighted_losses(data, NEAR_SOURCES).items()
        if any(name in key[0] for name in OF_THE_AUTHORS)
    }
    if not near:
        raise TooFewRunsError("no weight of the authors was run with and without the weight")
    best = min((key for key in near if key[1] == "sources"), key=lambda key: near[key].value)
    outcome, p = one_lowers_it(near, best)
    words = (
        f"{loss}, {region}: {r}, p = {p[loss, region]:.2g}" for (loss, region), r in near.items()
    )
    return Verdict(
        outcome,
        f"the best one changes it by {near[best].value - 1:+.0%}",
        f"error / error without the weight: {'; '.join(words)}",
        near[best].seen_in_words,
    )


def variants(data: StudyData, error: str = "mae") -> dict[str, Ratio]:
    """Variant → its error / the error of the first one."""
    names = data.factors[VARIANT]
    return ratios(data.ln_errors(VARIANT, error)[names], names[0])


def variant_helps(data: StudyData) -> Verdict:
    """Each variant of training against the first one, the plain one, by the lattice MAE. Holds if
    the interval of the ratio of one lies below 1 and p < 0.05 (t test with the scatter of all
    variants, corrected by Holm's method for their number). Does not hold if all intervals lie above
    0.95: none lowers the error by 5 %. If both are so, it holds."""
    found = variants(data)
    best = min(found, key=lambda name: found[name].value)
    outcome, p = one_lowers_it(found, best)
    words = (f"{name} {ratio}, p = {p[name]:.2g}" for name, ratio in found.items())
    return Verdict(
        outcome,
        f"the best one, {best}: {found[best].value - 1:+.0%}",
        f"error / error of {data.factors[VARIANT][0]}: {'; '.join(words)}",
        found[best].seen_in_words,
    )


def hard_examples_help(data: StudyData) -> Verdict:
    """The network whose training set the hardest examples have joined, against the one that as many
    random examples have joined, by the lattice MAE. Holds if the interval of the ratio lies below
    1. Does not hold if it lies above 0.95: the hardest examples don't lower the error by 5 % more
    than others. If both are so, it holds."""
    ratio = _hard(data, "mae")
    return Verdict(
        decide(holds=ratio.high < 1, fails=ratio.low > 1 - MARGIN, powerless=ratio.seen > MARGIN),
        f"the error changes by {ratio.value - 1:+.0%}",
        f"error with the hardest / with random examples: {ratio}, p = {ratio.p:.2g}; on the 5 % of "
        f"the test images on which the first network is worst: {_hard(data, HARDEST)}",
        ratio.seen_in_words,
    )


def _hard(data: StudyData, error: str) -> Ratio:
    return ratios(data.ln_errors(VARIANT, error)[[RANDOM, HARD]], RANDOM)[HARD]


def hard_by_region(data: StudyData) -> dict[str, Ratio]:
    """Region → the error with the hardest / with random examples."""
    return {name: _hard(data, column) for name, column in REGION_ERRORS.items()}


def architecture_is_best(data: StudyData) -> Verdict:
    """The first architecture of the study (the encoder-decoder) against each other one, with equal
    parameters, or in equal time, as the study says. Holds if its lattice MAE is smaller than that
    of each other one (interval of the ratio other / first above 1). Does not hold if that of one
    other is smaller by at least 5 %, or if each ratio lies between 0.95 and 1.05. If both are so,
    it does not hold."""
    found = variants(data)
    equal = all(r.low > 1 - MARGIN and r.high < 1 + MARGIN for r in found.values())
    best = min(found, key=lambda name: found[name].value)
    return Verdict(
        decide(
            holds=all(ratio.low > 1 for ratio in found.values()) and not equal,
            fails=equal or any(ratio.high < 1 - MARGIN for ratio in found.values()),
            powerless=found[best].seen > MARGIN,
        ),
        f"{best} has {found[best].value:.2f} times its error",
        f"error / error of {data.factors[VARIANT][0]}: "
        + ", ".join(f"{name} {ratio}" for name, ratio in found.items()),
        found[best].seen_in_words,
    )


def by_count(data: StudyData) -> Iterator[tuple[int, pd.DataFrame]]:
    """Each number of sources with its rows of the main test set."""
    runs = data.runs[(data.runs["sources"] != ALL) & (data.runs["test_set"] == data.test_sets[0])]
    for count in sorted(map(int, runs["sources"].unique())):
        yield count, runs[runs["sources"] == str(count)]


def best_for_each_count(data: StudyData) -> Verdict:
    """For each number of sources, the surrogates whose error is not clearly above the smallest one
    (p < 0.05, t test with the scatter of all surrogates on this number, corrected by Holm's method
    for all surrogates and numbers). Holds, that no surrogate is the best one for all numbers, if
    none is among these for every number. Does not hold if one is the only one for every number."""
    best: dict[int, list[str]] = {}
    found: dict[tuple[int, str], Ratio] = {}
    for count, rows in by_count(data):
        wide = data.ln_errors(VARIANT, runs=rows)
        first = str(wide.mean().idxmin())
        best[count] = [first]
        found |= {(count, name): ratio for name, ratio in ratios(wide, first).items()}
    p = holm({key: ratio.p for key, ratio in found.items()})
    for count, name in found:
        if p[count, name] >= LEVEL:
            best[count].append(name)
    everywhere = sorted(set.intersection(*map(set, best.values())))
    single = all(len(names) == 1 for names in best.values())
    seen = max(ratio.seen for ratio in found.values())
    words = (f"{count}: {' or '.join(names)}" for count, names in best.items())
    joint = joint_against_single(data)
    number = f"{len(everywhere)} of {len(data.factors[VARIANT])}"
    return Verdict(
        decide(holds=not everywhere, fails=bool(everywhere) and single, powerless=seen > MARGIN),
        f"{number} surrogates are best everywhere",
        f"best for each number of sources, with all ties: {'; '.join(words)}; error of the joint "
        f"surrogate / of this number's: {'; '.join(f'{n}: {r}' for n, r in joint.items())}",
        f"a change of {seen:.0%} before the correction",
    )


def joint_against_single(data: StudyData) -> dict[int, Ratio]:
    """Number of sources → the error of the surrogate of all numbers / that of this number alone."""
    trained = data.runs.drop_duplicates(VARIANT).set_index(VARIANT)[TRAINED_SOURCES]
    joint = max(trained.index, key=lambda name: len(counts_in(trained[name])))
    single = {text: name for name, text in trained.items()}
    return {
        count: ratios(data.ln_errors(VARIANT, runs=rows), single[str(count)])[joint]
        for count, rows in by_count(data)
        if str(count) in single
    }


def subset_parts(data: StudyData, error: str = "mae") -> dict[int, pd.DataFrame]:
    """Size → the components subset, seed and both together of ln error."""
    found = {}
    for size, group in data.with_ln(error).groupby(SIZE):
        design = complete_design(group, [TRAIN_PART], ["seed"])
        subsets, seeds = group[TRAIN_PART].nunique(), design["seed"].nunique()
        if subsets < FEWEST_SUBSETS or seeds < FEWEST_SEEDS:
            raise TooFewRunsError(
                f"{subsets} subsets with {seeds} seeds that all of them share; at least "
                f"{FEWEST_SUBSETS} subsets with {FEWEST_SEEDS} seeds are needed"
            )
        names = ("subset", "seed", "both")
        found[int(str(size))] = components(design, (TRAIN_PART, "seed"), names)
    return found


@the_same_without_any_size
def subsets_differ(data: StudyData) -> Verdict:
    """Disjoint subsets of equal size, drawn alike, as in the paper: the standard deviation of the
    error between subsets, relative to the error. Holds if it is not 0 (p < 0.05, corrected by
    Holm's method for all sizes) for one of the sizes, does not hold if p ≥ 0.05 and its upper limit
    lies below 5 % of the error for all."""
    parts = subset_parts(data)
    p = holm({size: table["p"]["subset"] for size, table in parts.items()})
    high = max(table["high"]["subset"] for table in parts.values())
    words = (
        ", ".join(
            f"{name} {row['sd']:.1%} [{row['low']:.1%}, {row['high']:.1%}]"
            for name, row in table.loc[["subset", "seed"]].iterrows()
        )
        + f", subset p = {p[size]:.2g} ({size:,} examples)"
        for size, table in parts.items()
    )
    shown = ", ".join(f"{table['sd']['subset']:.1%} ({size:,})" for size, table in parts.items())
    return Verdict(
        decide(
            holds=any(value < LEVEL for value in p.values()),
            fails=all(value >= LEVEL for value in p.values()) and high < MARGIN,
            powerless=True,
        ),
        f"they differ by {shown}",
        f"standard deviation, relative to the error: {'; '.join(words)}",
        f"{high:.0%} of the error",
    )


def placements(data: StudyData) -> dict[tuple[str, str], Ratio]:
    """(trained on, tested on) → the error / that of the surrogate that was trained there."""
    runs = data.runs[data.runs["sources"] == ALL]
    found: dict[tuple[str, str], Ratio] = {}
    for place in data.test_sets:
        wide = data.ln_errors(VARIANT, runs=runs[runs["test_set"] == place])
        found |= {(name, place): ratio for name, ratio in ratios(wide, place).items()}
    return found


def loses_outside_its_placement(data: StudyData) -> Verdict:
    """On each placement of the sources, the surrogate that was trained on it against the others.
    Holds if all others are clearly worse there (interval of the ratio above 1). Does not hold if
    one is clearly better, or as good within 5 % and not clearly worse."""
    found = placements(data)
    least = min(found.values(), key=lambda ratio: ratio.value)
    values = [ratio.value for ratio in found.values()]
    clear = all(ratio.low > 1 for ratio in found.values())
    return Verdict(
        decide(
            holds=clear,
            fails=any(ratio.high < 1 + MARGIN and ratio.low <= 1 for ratio in found.values()),
            powerless=least.seen > MARGIN,
        ),
        f"{min(values):.2f} to {max(values):.2f} times the error elsewhere",
        "error / error of the surrogate of that placement: "
        + "; ".join(f"{name} on {place} {ratio}" for (name, place), ratio in found.items()),
        least.seen_in_words,
    )


@the_same_without_any_size
def lattice_says_little_of_sources(data: StudyData) -> Verdict:
    """The Spearman correlation, over the losses and runs of the largest size, of the lattice MAE
    with the MAE on the sources. Holds, that a small error on the lattice says little of the error
    on the sources, if its 95 % interval (Fisher's z) lies below 0.5; does not hold if it lies above
    0.5."""
    runs = data.overall[data.overall[SIZE] == data.sizes[-1]]
    value = float(stats.spearmanr(runs["mae"], runs["mae_sources"]).statistic)
    if len(runs) < 5:
        raise TooFewRunsError("a correlation needs five runs")
    reach = 1.96 / np.sqrt(len(runs) - 3)
    low, high = np.tanh(np.arctanh(np.clip(value, -0.999, 0.999)) + reach * np.array([-1, 1]))
    return Verdict(
        decide(holds=high < SEEN_SHARE, fails=low > SEEN_SHARE, powerless=high - low > SEEN_SHARE),
        f"the correlation is {value:.2f}",
        f"Spearman's correlation over {len(runs)} runs {value:.2f} [{low:.2f}, {high:.2f}]",
        f"a difference of {SEEN * (high - low) / 2:.2f}",
    )


@the_same_without_any_size
def error_is_linear_in_sources(data: StudyData) -> Verdict:
    """The lattice MAE of the largest size with the absolute loss, as a mean over the runs, against
    the number of sources. Holds if a line explains at least 95 % of its variance, does not hold
    below 80 %."""
    runs = data.runs[data.runs[SIZE] == data.sizes[-1]]
    runs = runs[runs[LOSS] == "absolute"] if data.varies(LOSS) else runs
    means = {n: rows["mae"].mean() for n, rows in by_count(StudyData(data.factors, runs, runs))}
    fit = stats.linregress(list(means), list(means.values()))
    share = float(fit.rvalue**2)
    return Verdict(
        decide(holds=share >= 0.95, fails=share < 0.8),
        f"a line explains {share:.1%} of the variance",
        f"slope {fit.slope:.3g} ± {1.96 * fit.stderr:.2g}, intercept {fit.intercept:.3g}, "
        f"correlation {fit.rvalue:.3f}",
    )
