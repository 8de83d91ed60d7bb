"""What all rules share: the three outcomes, each size and draw left out, ratios of errors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from paper.study_data import DRAW, SEED, StudyData, TooFewRunsError
from paper.tests.synthetic_study import synthetic_study
from paper.verdicts import HOLDS, NOT, OPEN, Verdict
from paper.verdicts.verdict import decide, error_ratio, the_same_without_any_size


@pytest.mark.parametrize(
    ("holds", "fails", "outcome"), [(True, False, HOLDS), (False, True, NOT), (False, False, OPEN)]
)
def test_no_evidence_is_an_outcome_of_its_own(holds, fails, outcome):
    assert decide(holds=holds, fails=fails) == outcome


@pytest.mark.parametrize(
    ("needed", "outcome", "left_out"),
    [
        (None, HOLDS, {60: HOLDS, 300: HOLDS, 1200: HOLDS}),
        (60, OPEN, {60: NOT, 300: HOLDS, 1200: HOLDS}),
    ],
)
def test_a_verdict_that_hangs_on_one_size_is_not_decided(needed, outcome, left_out):
    data = synthetic_study(fractions=(0.05, 0.25, 1.0), images=2)

    @the_same_without_any_size
    def rule(data: StudyData) -> Verdict:
        """A rule."""
        return Verdict(HOLDS if needed is None or needed in data.sizes else NOT, "seen")

    found = rule(data)
    assert (found.outcome, found.evidence, found.left_out) == (outcome, "seen", left_out)
    assert rule.__doc__ == "A rule."


def test_what_each_draw_left_out_gives_is_shown():
    """It doesn't change the verdict."""
    whole = synthetic_study(fractions=(0.5, 1.0), images=2)
    runs = [whole.runs.assign(**{DRAW: draw, "run": whole.runs["run"] + draw}) for draw in "012"]

    @the_same_without_any_size
    def rule(data: StudyData) -> Verdict:
        return Verdict(HOLDS if data.runs[DRAW].eq("1").any() else NOT, "")

    found = rule(replace(whole, runs=pd.concat(runs), examples=None))
    assert found.outcome == HOLDS
    outcomes = {draw: each.outcome for draw, each in found.left_out_draws.items()}
    assert outcomes == {"0": HOLDS, "1": NOT, "2": HOLDS}


def test_too_few_sizes_to_tell_are_not_decided():
    @the_same_without_any_size
    def rule(data: StudyData) -> Verdict:
        if len(data.sizes) < 2:
            raise TooFewRunsError("one size")
        return Verdict(HOLDS, "")

    assert rule(synthetic_study(fractions=(0.5, 1.0), images=2)).outcome == OPEN


def test_a_ratio_is_that_of_pairs_with_students_interval():
    first = pd.DataFrame({SEED: ["1", "0", "2", "3"], "mae": [2.2, 1.9, 4.0, 9.0]})
    second = pd.DataFrame({SEED: ["0", "1", "2"], "mae": [1.0, 1.0, 2.0]})
    logarithms = np.log([1.9, 2.2, 2.0])
    reach = 4.302652729911275 * logarithms.std(ddof=1) / np.sqrt(3)  # Student's t, 2 degrees
    found = error_ratio(first, second)
    expected = np.exp(logarithms.mean() + np.array([0, -reach, reach]))
    assert (found.value, found.low, found.high) == pytest.approx(tuple(expected))
    with pytest.raises(TooFewRunsError, match="needs two common seeds, not 1"):
        error_ratio(first.iloc[:1], second)


def test_runs_of_one_draw_of_examples_count_once():
    rows = [(str(draw), str(4 * draw + seed)) for draw in range(3) for seed in range(4)]
    second = pd.DataFrame(rows, columns=[DRAW, SEED]).assign(mae=1.0)
    of_draw = second[DRAW].map({"0": 1.0, "1": 1.2, "2": 0.9})
    found = error_ratio(second.assign(mae=of_draw), second)
    once = error_ratio(
        *(x.groupby(DRAW).first().reset_index() for x in (second.assign(mae=of_draw), second))
    )
    assert (found.low, found.high) == pytest.approx((once.low, once.high))


def test_draws_that_share_their_seeds_are_not_independent():
    """The interval is for other draws and other seeds, whichever of them decides."""
    rng = np.random.default_rng(0)
    rows = [(str(draw), str(seed)) for draw in range(3) for seed in range(4)]
    second = pd.DataFrame(rows, columns=[DRAW, SEED]).assign(mae=1.0)
    for of_draws, of_seeds in ((0.1, 0.02), (0.02, 0.1)):
        inside = 0
        for _ in range(30):
            parts = rng.normal(scale=of_draws, size=(3, 1)) + rng.normal(scale=of_seeds, size=4)
            errors = np.exp(parts + rng.normal(scale=0.01, size=(3, 4))).ravel()
            found = error_ratio(second.assign(mae=errors), second)
            inside += found.low <= 1 <= found.high
        assert inside >= 27
