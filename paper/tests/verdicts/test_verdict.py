"""What all rules share: the outcomes, and each size and draw left out."""

import pytest

from paper.study_data import DRAW, StudyData, TooFewRunsError
from paper.tests.synthetic_study import synthetic_study
from paper.verdicts.verdict import (
    HOLDS,
    NOT,
    OPEN,
    UNDERPOWERED,
    Verdict,
    decide,
    the_same_without_any_size,
)


@pytest.mark.parametrize(
    ("holds", "fails", "powerless", "outcome"),
    [
        (True, True, True, HOLDS),
        (False, True, True, NOT),
        (False, False, True, UNDERPOWERED),
        (False, False, False, OPEN),
    ],
)
def test_an_outcome_is_the_first_condition_that_is_met(holds, fails, powerless, outcome):
    assert decide(holds=holds, fails=fails, powerless=powerless) == outcome


@pytest.mark.parametrize(
    ("whole", "needed", "outcome", "left_out"),
    [
        (HOLDS, None, HOLDS, {60: HOLDS, 300: HOLDS, 1200: HOLDS}),
        (HOLDS, 60, OPEN, {60: NOT, 300: HOLDS, 1200: HOLDS}),
        (UNDERPOWERED, 60, UNDERPOWERED, {60: NOT, 300: UNDERPOWERED, 1200: UNDERPOWERED}),
    ],
)
def test_a_verdict_that_hangs_on_one_size_is_open(whole, needed, outcome, left_out):
    data = synthetic_study(fractions=(0.05, 0.25, 1.0))

    @the_same_without_any_size
    def rule(data: StudyData) -> Verdict:
        """A rule."""
        return Verdict(whole if needed is None or needed in data.sizes else NOT, "seen")

    found = rule(data)
    assert (found.outcome, found.answer, found.left_out) == (outcome, "seen", left_out)
    assert rule.__doc__ == "A rule."


def test_what_each_draw_left_out_gives_is_shown_and_changes_nothing():
    @the_same_without_any_size
    def rule(data: StudyData) -> Verdict:
        return Verdict(HOLDS if data.runs[DRAW].eq("1").any() else NOT, "")

    found = rule(synthetic_study(fractions=(0.5, 1.0), draws=3))
    assert found.outcome == HOLDS
    assert found.left_out_draws == {"0": HOLDS, "1": NOT, "2": HOLDS}


def test_too_few_sizes_to_tell_are_open():
    @the_same_without_any_size
    def rule(data: StudyData) -> Verdict:
        if len(data.sizes) < 2:
            raise TooFewRunsError("one size")
        return Verdict(HOLDS, "")

    assert rule(synthetic_study(fractions=(0.5, 1.0))).outcome == OPEN
