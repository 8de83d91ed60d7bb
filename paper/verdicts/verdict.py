"""The outcome of a rule, what it was found from, and whether it hangs on one size or draw."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import stats

from paper.statistics.comparison import CONFIDENCE, seed_ratio
from paper.study_data import (
    DRAW,
    SIZE,
    StudyData,
    TooFewRunsError,
    own_seeds,
    with_seed,
)

HOLDS, NOT, OPEN = "holds", "does not hold", "not decided"
MARGIN = 0.05  # errors that differ by less than this part of them count as equal
LEVEL = 0.05  # p-values below it are significant


@dataclass(frozen=True)
class Verdict:
    """What a rule found.

    Attributes:
        outcome: `HOLDS`, `NOT` or `OPEN`.
        evidence: the numbers that the rule read, in words.
        left_out: number of training examples → the outcome without the runs of that size. Empty if
            the rule is not about sizes.
        left_out_draws: likewise the verdict without each draw, where examples were drawn again.
        key: the number of the evidence that decides, in a few words.
    """

    outcome: str
    evidence: str
    left_out: Mapping[int, str] = field(default_factory=dict)
    left_out_draws: "Mapping[str, Verdict]" = field(default_factory=dict)
    key: str = ""


Rule = Callable[[StudyData], Verdict]


def decide(*, holds: bool, fails: bool) -> str:
    """The outcome of two conditions. If both are met, as by a difference that is clear but small,
    the rule holds; a rule whose docstring says otherwise excludes that from `holds`."""
    return HOLDS if holds else NOT if fails else OPEN


def the_same_without_any_size(rule: Rule) -> Rule:
    """A rule whose verdict must not hang on one size.

    It is applied to all runs, and again with each size left out. If one of these outcomes is
    another one, the verdict is `OPEN`. So it is if too few sizes are left to tell. What is found
    without each draw of the examples is shown beside it: two draws are too few to decide much.
    """

    @functools.wraps(rule)
    def judge(data: StudyData) -> Verdict:
        whole = rule(data)
        left_out = {size: _found(rule, _without(data, SIZE, size)).outcome for size in data.sizes}
        same = set(left_out.values()) == {whole.outcome}
        draws = sorted(data.runs[DRAW].unique()) if data.varies(DRAW) else []
        return replace(
            whole,
            outcome=whole.outcome if same else OPEN,
            left_out=left_out,
            left_out_draws={draw: _found(rule, _without(data, DRAW, draw)) for draw in draws},
        )

    return judge


def _without(data: StudyData, column: str, value: object) -> StudyData:
    """The study without the runs that have a value in a column."""
    runs, examples = data.runs[data.runs[column] != value], data.examples
    if examples is not None:
        examples = examples[examples["run"].isin(runs["run"])]
    return replace(data, runs=runs, examples=examples)


def _found(rule: Rule, data: StudyData) -> Verdict:
    try:
        return rule(data)
    except TooFewRunsError:
        return Verdict(OPEN, "", key="too few runs")


@dataclass(frozen=True)
class Ratio:
    """The ratio of two errors, with its 95 % interval for other seeds, on the same images.

    Attributes:
        value: geometric mean over the seeds.
        low: lower limit.
        high: upper limit.
        p: of the t test that it is 1.
    """

    value: float
    low: float
    high: float
    p: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


def error_ratio(first: pd.DataFrame, second: pd.DataFrame, *, error: str = "mae") -> Ratio:
    """The ratio of an error of two settings, paired by seed.

    Where examples were drawn several times, runs that share them are not independent: the pairs are
    the draws, each with its mean over the seeds. If the draws share their seeds, these are not
    independent either, and the variance is the sum of that of the means of draws and that of the
    means of seeds, with degrees of freedom by Satterthwaite (1946).

    Args:
        first: rows of `StudyData.runs` of one setting, one a run.
        second: of the reference.
        error: a column of them.

    Raises:
        TooFewRunsError: fewer than two pairs.
    """
    drawn = DRAW in first and first[DRAW].nunique() > 1
    crossed = drawn and own_seeds(first) == 0
    names = [DRAW, "seed"] if crossed else [DRAW if drawn else "seed"]
    one, other = (with_seed(rows).groupby(names)[error].mean() for rows in (first, second))
    pairs = pd.concat([one, other], axis=1).dropna()
    if len(pairs) < 2:
        raise TooFewRunsError(f"a ratio of two errors needs two common seeds, not {len(pairs)}")
    if crossed:
        return _of_crossed((pairs.iloc[:, 0] / pairs.iloc[:, 1]).map(np.log))
    found = seed_ratio(*pairs.to_numpy(float).T)
    return Ratio(*(float(found[name]) for name in ("ratio", "t_low", "t_high", "t_p")))


def _of_crossed(ln_ratios: pd.Series) -> Ratio:
    """The ratio from the ln ratios of draws and seeds, of which each pair was trained."""
    means = [ln_ratios.groupby(level=level).mean() for level in (0, 1)]
    parts, sizes = np.array([(of.var() / len(of), len(of)) for of in means if len(of) > 1]).T
    variance = parts.sum()
    degrees = variance**2 / np.sum(parts**2 / (sizes - 1))
    value, scale = float(ln_ratios.mean()), float(np.sqrt(variance))
    low, high = np.exp(stats.t.interval(CONFIDENCE, degrees, value, scale))
    p = 2 * stats.t.sf(abs(value) / scale, degrees)
    return Ratio(float(np.exp(value)), float(low), float(high), float(p))
