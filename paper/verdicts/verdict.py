"""The outcome of a rule, what it was found from, and whether it hangs on one size or draw."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from paper.statistics.ratios import Ratio, holm
from paper.study_data import DRAW, SIZE, StudyData, TooFewRunsError

HOLDS, NOT = "holds", "does not hold"
UNDERPOWERED, OPEN = "underpowered", "open"  # two kinds of not decided
MARGIN = 0.05  # errors that differ by less than this part of them count as equal
LEVEL = 0.05  # p-values below it are significant


@dataclass(frozen=True)
class Verdict:
    """What a rule found.

    Attributes:
        outcome: `HOLDS`, `NOT`, `UNDERPOWERED` or `OPEN`.
        answer: in words, with the number that decides.
        evidence: all numbers that the rule read, in words.
        seen: what an underpowered study would have seen, in words.
        left_out: number of training examples → the outcome without the runs of that size. Empty if
            the study has one size.
        left_out_draws: likewise without each draw, where examples were drawn again.
    """

    outcome: str
    answer: str
    evidence: str = ""
    seen: str = ""
    left_out: Mapping[int, str] = field(default_factory=dict)
    left_out_draws: Mapping[str, str] = field(default_factory=dict)


Rule = Callable[[StudyData], Verdict]


def decide(*, holds: bool, fails: bool, powerless: bool = False) -> str:
    """The outcome of two conditions. If both are met, as by a difference that is clear but small,
    the rule holds; a rule whose docstring says otherwise excludes that from `holds`.

    If neither is met, `powerless` says whether the study would have missed what the rule asks for:
    with a probability above 20 %, for a true difference as large as the rule's margin.
    """
    return HOLDS if holds else NOT if fails else UNDERPOWERED if powerless else OPEN


def one_lowers_it(found: Mapping[Any, Ratio], best: Any) -> tuple[str, dict[Any, float]]:
    """Whether one of several ratios lies clearly below 1, and their p-values, corrected by Holm's
    method. `best` is the one whose power counts."""
    p = holm({key: ratio.p for key, ratio in found.items()})
    outcome = decide(
        holds=any(ratio.high < 1 and p[key] < LEVEL for key, ratio in found.items()),
        fails=all(ratio.low > 1 - MARGIN for ratio in found.values()),
        powerless=found[best].seen > MARGIN,
    )
    return outcome, p


def the_same_without_any_size(rule: Rule) -> Rule:
    """A rule whose verdict must not hang on one size: the standard of all rules about studies with
    several sizes.

    It is applied to all runs, and again with each size left out. A verdict that is another one then
    is `OPEN`. What is found without each draw of the examples is shown beside it: two draws are too
    few to decide much.
    """

    @functools.wraps(rule)
    def judge(data: StudyData) -> Verdict:
        whole = rule(data)
        if len(data.sizes) < 2:
            return whole
        left_out = {size: _outcome(rule, data, SIZE, size) for size in data.sizes}
        draws = sorted(data.runs[DRAW].unique()) if data.varies(DRAW) else []
        hangs = whole.outcome in (HOLDS, NOT) and set(left_out.values()) != {whole.outcome}
        return replace(
            whole,
            outcome=OPEN if hangs else whole.outcome,
            left_out=left_out,
            left_out_draws={draw: _outcome(rule, data, DRAW, draw) for draw in draws},
        )

    return judge


def _outcome(rule: Rule, data: StudyData, column: str, value: object) -> str:
    """The outcome without the runs that have a value in a column."""
    try:
        return rule(replace(data, runs=data.runs[data.runs[column] != value])).outcome
    except TooFewRunsError:
        return OPEN
