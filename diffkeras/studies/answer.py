"""The answer to a study's question: how each factor changes the error, against chance.

Runs that differ in their seeds alone are repetitions. An effect is judged on the logarithm of the
lattice MAE, because seeds change the error by a factor rather than by a summand. Values of a factor
are compared within each repetition, averaged over the other factors: a two-way analysis of variance
without an interaction term (Montgomery, Design and Analysis of Experiments, 2017, section 4.1).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, stats

from diffkeras.reporting.text import number
from diffkeras.studies.plan import LOSS, VARIANT, name_of
from diffkeras.studies.results import StudyData, by_setting

Array = NDArray[np.float64]
LEVEL = 0.05  # of tests; intervals have the confidence 1 − LEVEL
POWER = 0.8  # probability with which a difference is seen that the study could have seen
MARGIN = 0.05  # errors that differ by less than this part of them count as equal
LITTLE = 1e-12  # of a variance of ln errors: rounding


@dataclass(frozen=True)
class Effect:
    """What a factor does to the lattice MAE; a single repetition leaves p, ends and seen NaN."""

    factor: str
    values: tuple[str, ...]  # in the order of the study file
    errors: Array  # geometric means of each value
    share: float  # of the variance of ln error over all runs that these means explain
    p: float  # of the hypothesis that all values have one error
    trend: int  # −1, 0 or 1, of ln error along a factor of numbers; 0 for words
    # the largest mean over the smallest (for a trend, of the two ends), with its interval
    ratio: tuple[float, float, float]
    seen: float  # the least ratio of two values that the study would probably have seen

    @property
    def is_chance(self) -> bool:
        """Whether the scatter of the repetitions may explain the differences."""
        return not self.p < LEVEL

    @property
    def is_underpowered(self) -> bool:
        """Whether the study would probably have missed a difference that matters."""
        return self.is_chance and not self.seen <= 1 + MARGIN


@dataclass(frozen=True)
class Answer:
    """The effects of all factors with several values, the one that explains most first."""

    effects: Sequence[Effect]
    repetitions: int  # the largest number of a setting
    scatter: float  # relative standard deviation of the error within a setting; NaN without any
    seeds: float  # share of the variance of ln error over all runs within settings


def answer(data: StudyData) -> Answer:
    """Compare the values of each factor on the main test set."""
    rows = data.overall()
    rows = rows[rows["mae"] > 0]
    rows = rows.assign(ln=np.log(rows["mae"]))
    groups = [group["ln"] for _, group in by_setting(rows, data.settings)]
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    degrees = sum(len(group) - 1 for group in groups)
    total = max(float(((rows["ln"] - rows["ln"].mean()) ** 2).sum()), LITTLE)
    found = [_effect(rows, name, data, total) for name in data.settings]
    effects = sorted((e for e in found if e is not None), key=lambda effect: -effect.share)
    repetitions = max((len(group) for group in groups), default=0)
    scatter = math.sqrt(within / degrees) if degrees else math.nan
    return Answer(effects, repetitions, scatter, within / total)


def _effect(rows: pd.DataFrame, factor: str, data: StudyData, total: float) -> Effect | None:
    """The effect of a factor, from the settings and repetitions that have all of its values."""
    blocks = [*(name for name in data.settings if name != factor), "repetition"]
    values = [value for value in data.factors[factor] if (rows[factor] == value).any()]

    table = rows.pivot_table("ln", blocks, factor, aggfunc="mean").reindex(columns=values)
    # (repetitions, values)
    lns = table.dropna().groupby("repetition").mean().to_numpy(float)
    if not lns.size:
        return None
    means = lns.mean(axis=0)
    runs = rows[factor].value_counts()[values].to_numpy()
    share = min(float(runs @ (means - means.mean()) ** 2) / total, 1.0)
    numbers, p, trend = numbers_of(values), _test(lns), 0
    worst, best = means.argmax(), means.argmin()
    if numbers is not None and (p_of_trend := _test(lns, numbers)) < LEVEL:
        trend, p = int(np.sign(means @ (numbers - numbers.mean()))), p_of_trend
        worst, best = (0, -1) if trend < 0 else (-1, 0)
    ratio = _mean_and_ends(lns[:, worst] - lns[:, best])
    return Effect(factor, tuple(values), np.exp(means), share, p, trend, ratio, _seen(lns))


def numbers_of(values: Sequence[str]) -> Array | None:
    """Values as numbers, as their logarithms if all are positive; None if any is a word."""
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return None
    return np.log(numbers) if (numbers > 0).all() else numbers


def _test(lns: Array, along: Array | None = None) -> float:
    """p of equal columns (repetitions, values), or of no trend along numbers; NaN for one row."""
    repetitions, number_of_values = lns.shape
    if repetitions < 2:
        return math.nan
    means = lns.mean(axis=0)
    noise, degrees = _noise(lns)
    if along is None:
        between = repetitions * float(((means - means.mean()) ** 2).sum()) / (number_of_values - 1)
        return float(stats.f.sf(between / noise, number_of_values - 1, degrees))
    centred = along - along.mean()
    slope = repetitions * float(means @ centred) ** 2 / float(centred @ centred)
    return float(stats.f.sf(slope / noise, 1, degrees))


def _noise(lns: Array) -> tuple[float, int]:
    """The variance that values and repetitions leave, and its degrees of freedom."""
    left = lns - lns.mean(axis=0) - lns.mean(axis=1, keepdims=True) + lns.mean()
    degrees = (lns.shape[0] - 1) * (lns.shape[1] - 1)
    return max(float((left**2).sum()), LITTLE) / degrees, degrees


def _seen(lns: Array) -> float:
    """The least ratio of two values, all others between them, that `_test` sees with `POWER`."""
    repetitions, number_of_values = lns.shape
    if repetitions < 2:
        return math.nan
    noise, degrees = _noise(lns)
    least = detectable(degrees, number_of_values - 1)
    return float(np.exp(least * math.sqrt(2 * noise / repetitions)))


def detectable(degrees: int, compared: int = 1) -> float:
    """The least difference, in standard errors, that a test sees with a probability of 80 %.

    Exact, by the noncentral F distribution, whose root is the noncentral t for one difference.

    Args:
        degrees: of freedom of the standard error.
        compared: differences that are tested at once, at the level 0.05.
    """
    critical = stats.f.isf(LEVEL, compared, degrees)

    def missing(least: float) -> float:
        return float(stats.ncf.sf(critical, compared, degrees, least**2)) - POWER

    return float(optimize.brentq(missing, 0.0, 3 * math.sqrt(compared * critical) + 3))


def _mean_and_ends(lns: Array) -> tuple[float, float, float]:
    """exp of the mean of logarithms, and of the ends of Student's interval, NaN for one value."""
    reach = math.nan
    if not lns.size:
        return reach, reach, reach
    if lns.size > 1:
        quantile = float(stats.t.ppf(1 - LEVEL / 2, lns.size - 1))
        reach = quantile * float(lns.std(ddof=1)) / math.sqrt(lns.size)
    mean = float(lns.mean())
    return math.exp(mean), math.exp(mean - reach), math.exp(mean + reach)


def mean_and_ends(rows: pd.DataFrame, error: str) -> tuple[float, float, float]:
    """The geometric mean of an error over the repetitions of one setting, and its interval."""
    known = rows[rows[error] > 0]
    return _mean_and_ends(np.log(known.groupby("repetition")[error].mean().to_numpy(float)))


def in_words(found: Answer) -> str:
    """The answer in one sentence for each factor, and one about chance."""
    if not found.effects and found.repetitions < 2:
        return "The study has a single run, so there is nothing to compare."
    if not found.effects:
        return (
            f"Seeds alone scatter the lattice MAE by ±{found.scatter:.1%} "
            f"(standard deviation over {found.repetitions} runs)."
        )
    sentences = [f"{_of_effect(effect)}." for effect in found.effects]
    if found.repetitions < 2:
        sentences.append(
            "Underpowered: each setting has a single run, so chance may explain the differences."
        )
    else:
        shares = [f"{e.share:.0%} by the {name_of(e.factor)}" for e in found.effects]
        sentences.append(
            f"Explained variance of ln lattice MAE: {', '.join(shares)}, {found.seeds:.0%} by "
            f"seeds; seeds alone scatter the lattice MAE by ±{found.scatter:.1%}."
        )
    return " ".join(sentences)


def _of_effect(effect: Effect) -> str:
    name, errors = name_of(effect.factor), effect.errors
    ratio, low, high = effect.ratio
    interval = "" if math.isnan(low) else f" (95 %: {low:.3g} to {high:.3g})"
    times = f"{ratio:.3g} times{interval}"
    if effect.trend:
        places = zip(errors[[0, -1]], effect.values[:: len(errors) - 1], strict=True)
        ends = ", ".join(f"{number(error)} at {value}" for error, value in places)
        verb, more = ("falls", "less") if effect.trend < 0 else ("rises", "more")
        return f"The lattice MAE {verb} with the {name}: {ends}, {times} {more}"
    best, worst = int(errors.argmin()), int(errors.argmax())
    spread = (
        f"{number(errors[best])} with {_value(effect, best)}, "
        f"{number(errors[worst])} with {_value(effect, worst)}"
    )
    if effect.is_chance and not math.isnan(effect.p):
        change, p = effect.seen - 1, f"(p = {effect.p:.2g})"
        least = (
            f"{effect.seen:.2g}-fold difference" if change > 1 else f"difference of {change:.1%}"
        )
        if effect.is_underpowered:
            return (
                f"Underpowered: the lattice MAE may depend on the {name}, but chance explains what "
                f"was seen {p}: {spread}; only a {least} would probably have been seen"
            )
        return (
            f"The lattice MAE does not depend on the {name} beyond chance {p}: {spread}; a {least} "
            "would probably have been seen"
        )
    return f"The lattice MAE depends on the {name}: {spread}, {times} as much"


def _value(effect: Effect, place: int) -> str:
    value = effect.values[place]
    return value if effect.factor in (LOSS, VARIANT) else f"{name_of(effect.factor)} {value}"
