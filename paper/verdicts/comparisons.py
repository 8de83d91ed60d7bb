"""Claims that compare surrogates of one size: losses, source counts, subsets, placements."""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from paper.analyses import variance_components
from paper.analyses.loss_comparisons import unweighted
from paper.analysis import grouped
from paper.statistics.comparison import holm
from paper.study_data import (
    ALL,
    LOSS,
    REGION_ERRORS,
    SIZE,
    SIZE_KEYS,
    TRAINED_SOURCES,
    VARIANT,
    StudyData,
    TooFewRunsError,
    counts_in,
    label_of,
)
from paper.verdicts.verdict import (
    HOLDS,
    LEVEL,
    MARGIN,
    NOT,
    OPEN,
    Ratio,
    Verdict,
    decide,
    error_ratio,
)

HARD, RANDOM = "hard", "random"  # examples that joined the training set
HARDEST = "mae_of_hardest"  # on the test images on which the first network is worst
OF_THE_AUTHORS = ("exponential", "tanh")
NEAR_SOURCES = ("sources", "r1")


@dataclass(frozen=True)
class Weighted:
    """A loss with a weight against the same error without it, in one region."""

    loss: str
    reference: str
    region: str
    ratio: Ratio
    p_holm: float


def weighted_losses(data: StudyData) -> list[Weighted]:
    """Each weighted loss of the largest size whose error the study has without the weight, too."""
    runs = data.overall[data.overall[SIZE] == data.sizes[-1]]
    losses = data.factors[LOSS]
    pairs = [(loss, unweighted(loss)) for loss in losses if unweighted(loss) in losses]
    found = [
        (*pair, region, error_ratio(*(runs[runs[LOSS] == loss] for loss in pair), error=column))
        for pair in pairs
        for region, column in REGION_ERRORS.items()
    ]
    corrected = holm(pd.Series([ratio.p for *_, ratio in found]))
    return [Weighted(*each, p) for each, p in zip(found, corrected, strict=True)]


def weights_help(data: StudyData) -> Verdict:
    """With all examples, each loss with a weight of the authors (exponential, tanh) against the
    same error without it, on the sources and in R1. Holds if the interval of the ratio of one lies
    below 1 and p < 0.05 (paired t test over seeds, corrected by Holm's method for all weighted
    losses and regions). Does not hold if all intervals lie above 0.95: no weight lowers the error
    there by 5 %. If both are so, it holds."""
    weighted = weighted_losses(data)
    if not any(name in each.loss for each in weighted for name in OF_THE_AUTHORS):
        raise TooFewRunsError("no weight of the authors was run with and without the weight")
    near = [each for each in weighted if each.region in NEAR_SOURCES]
    authors = [each for each in near if any(name in each.loss for name in OF_THE_AUTHORS)]
    outcome = decide(
        holds=any(each.ratio.high < 1 and each.p_holm < LEVEL for each in authors),
        fails=all(each.ratio.low > 1 - MARGIN for each in authors),
    )
    best = [
        min((each for each in authors if each.region == region), key=lambda each: each.ratio.value)
        for region in NEAR_SOURCES
    ]
    own = [each for each in near if each not in authors]
    words = [f"{e.region} {e.ratio}, p = {e.p_holm:.2g} ({e.loss})" for e in best]
    others = [f"{e.region} {e.ratio} ({e.loss})" for e in own]
    return Verdict(
        outcome,
        f"smallest ratio of a weight of the authors: {'; '.join(words)}"
        + f". Our own weight: {'; '.join(others)}" * bool(others),
        key=f"smallest ratio on the sources: {best[0].ratio}",
    )


def variant_helps(data: StudyData) -> Verdict:
    """Each variant of training against the first one, the plain one, by the lattice MAE. Holds if
    the interval of the ratio of one lies below 1 and p < 0.05 (paired t test over seeds, corrected
    by Holm's method for all variants). Does not hold if all intervals lie above 0.95: none lowers
    the error by 5 %. If both are so, it holds."""
    runs = data.overall
    first, *others = data.factors[VARIANT]
    plain = runs[runs[VARIANT] == first]
    ratios = {name: error_ratio(runs[runs[VARIANT] == name], plain) for name in others}
    corrected = holm(pd.Series({name: ratio.p for name, ratio in ratios.items()}))
    outcome = decide(
        holds=any(ratio.high < 1 and corrected[name] < LEVEL for name, ratio in ratios.items()),
        fails=all(ratio.low > 1 - MARGIN for ratio in ratios.values()),
    )
    words = (f"{name} {ratio}, p = {corrected[name]:.2g}" for name, ratio in ratios.items())
    best = min(ratios, key=lambda name: ratios[name].value)
    return Verdict(
        outcome, f"error / error of {first}: {'; '.join(words)}", key=f"{best}: {ratios[best]}"
    )


def hard_examples_help(data: StudyData) -> Verdict:
    """The network whose training set the hardest examples have joined, against the one that as many
    random examples have joined, by the lattice MAE. Holds if the interval of the ratio lies below 1
    (paired by seed). Does not hold if it lies above 0.95: the hardest examples don't lower the
    error by 5 % more than others. If both are so, it holds."""
    runs = data.overall
    hard, chance = (runs[runs[VARIANT] == name] for name in (HARD, RANDOM))
    ratio = error_ratio(hard, chance)
    outcome = decide(holds=ratio.high < 1, fails=ratio.low > 1 - MARGIN)
    on_hardest = error_ratio(hard, chance, error=HARDEST)
    return Verdict(
        outcome,
        f"error with the hardest / with random examples: {ratio}, p = {ratio.p:.2g}; on the 5 % of "
        f"the test images on which the first network is worst: {on_hardest}",
        key=f"error with the hardest / with random ones: {ratio}",
    )


def best_for_each_count(data: StudyData) -> Verdict:
    """For each number of sources, the surrogates whose error is not clearly above the smallest one
    (p < 0.05, paired t test over seeds, corrected by Holm's method for all surrogates and numbers).
    Holds, that no surrogate is the best one for all numbers, if none is among these for every
    number. Does not hold if one is the only one for every number."""
    best = _best_of_counts(data)
    everywhere = set.intersection(*map(set, best.values()))
    single = all(len(names) == 1 for names in best.values())
    outcome = decide(holds=not everywhere, fails=bool(everywhere) and single)
    words = (f"{count}: {' or '.join(names)}" for count, names in best.items())
    return Verdict(
        outcome,
        f"best for each number of sources, with all ties: {'; '.join(words)}; "
        f"among the best for every number: {' or '.join(sorted(everywhere)) or 'none'}",
        key=f"among the best for every number: {len(everywhere)} of {len(data.factors[VARIANT])}",
    )


def _by_count(data: StudyData) -> Iterator[tuple[int, pd.DataFrame]]:
    runs = data.runs[(data.runs["sources"] != ALL) & (data.runs["test_set"] == data.test_sets[0])]
    for count in sorted(map(int, runs["sources"].unique())):
        yield count, runs[runs["sources"] == str(count)]


def _best_of_counts(data: StudyData) -> dict[int, list[str]]:
    """Number of sources → the variant with the smallest error, and those not clearly worse."""
    best: dict[int, list[str]] = {}
    ratios: dict[tuple[int, str], Ratio] = {}
    for count, rows in _by_count(data):
        groups = {str(name): group for name, group in rows.groupby(VARIANT, sort=False)}
        first, *others = best[count] = sorted(groups, key=lambda name: groups[name]["mae"].mean())
        ratios |= {(count, name): error_ratio(groups[name], groups[first]) for name in others}
    corrected = holm(pd.Series([ratio.p for ratio in ratios.values()]))
    for ((count, name), ratio), p in zip(ratios.items(), corrected, strict=True):
        if ratio.value > 1 and p < LEVEL:
            best[count].remove(name)
    return best


def joint_against_single(data: StudyData) -> dict[int, Ratio]:
    """Number of sources → the error of the surrogate of all numbers / that of this number alone."""
    joint = max(data.runs[TRAINED_SOURCES].unique(), key=lambda text: len(counts_in(text)))
    ratios = {}
    for count, rows in _by_count(data):
        own = rows[rows[TRAINED_SOURCES] == str(count)]
        if len(own):
            ratios[count] = error_ratio(rows[rows[TRAINED_SOURCES] == joint], own)
    return ratios


def subsets_differ(data: StudyData) -> Verdict:
    """Disjoint subsets of equal size, drawn alike, as in the paper: the standard deviation of the
    error between subsets, relative to the error. Holds if it is not 0 (p < 0.05, corrected by
    Holm's method for all sizes) for one of the sizes, does not hold if p ≥ 0.05 and its upper limit
    lies below 5 % of the error for all."""
    table = variance_components.disjoint_subsets(data)
    sizes = [name for name in SIZE_KEYS if name in table]
    outcomes, words, spread = [], [], []
    table = table[table["error"] == "mae"]
    corrected = holm(table.loc[table["component"] == "subset", "p"])
    for (place, rows), p in zip(grouped(table, sizes), corrected, strict=True):
        parts = {str(row["component"]): row for row in rows.to_dict("records")}
        high = float(parts["subset"]["high"])
        outcomes.append(decide(holds=p < LEVEL, fails=p >= LEVEL and high < MARGIN))
        spread.append(float(parts["subset"]["sd"]))
        spreads = (
            f"{name} {parts[name]['sd']:.1%} [{parts[name]['low']:.1%}, {parts[name]['high']:.1%}]"
            for name in ("subset", "seed")
        )
        where = f" ({label_of(place)})" if place else ""
        words.append(f"{', '.join(spreads)}, subset p = {p:.2g}{where}")
    outcome = HOLDS if HOLDS in outcomes else OPEN if OPEN in outcomes else NOT
    number = " to ".join(dict.fromkeys(f"{size:,}" for size in (data.sizes[0], data.sizes[-1])))
    return Verdict(
        outcome,
        f"standard deviation, relative to the error, with {number} examples: {'; '.join(words)}",
        key=f"largest spread between subsets: {max(spread):.1%} of the error",
    )


def loses_outside_its_placement(data: StudyData) -> Verdict:
    """On each placement of the sources, the surrogate that was trained on it against the others.
    Holds if all others are clearly worse there (interval of the ratio above 1). Does not hold if
    one is clearly better, or as good within 5 % and not clearly worse."""
    outcomes, words, ratios = [], [], []
    runs = data.runs[data.runs["sources"] == ALL]
    for place in data.test_sets:
        on_it = runs[runs["test_set"] == place]
        own = on_it[on_it[VARIANT] == place]
        for other in data.factors[VARIANT]:
            if other != place:
                ratio = error_ratio(on_it[on_it[VARIANT] == other], own)
                outcomes.append(decide(holds=ratio.low > 1, fails=ratio.high < 1 + MARGIN))
                words.append(f"{other} on {place} {ratio}")
                ratios.append(ratio.value)
    outcome = NOT if NOT in outcomes else OPEN if OPEN in outcomes else HOLDS
    return Verdict(
        outcome,
        f"error / error of the surrogate of that placement: {'; '.join(words)}",
        key=f"error of another one / of that placement's: {min(ratios):.3g} to {max(ratios):.3g}",
    )
