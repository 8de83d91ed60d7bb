"""Claims about the size, on studies whose law is known."""

from typing import Any

import numpy as np
import pytest

from paper.statistics import laws, shares
from paper.study_data import SEED, SIZE, StudyData
from paper.tests.synthetic_study import log_law, synthetic_study
from paper.verdicts.sizes import (
    error_falls_with_logarithm,
    more_data_helps,
    size_matters_most,
    spread_falls,
    spread_falls_relative_to_the_error,
    time_is_linear,
)
from paper.verdicts.verdict import HOLDS, NOT, OPEN, UNDERPOWERED


@pytest.fixture(autouse=True)
def few_draws(monkeypatch):
    """Fewer draws of intervals, for speed."""
    monkeypatch.setattr(shares, "DRAWS", 60)
    monkeypatch.setattr(laws, "RESAMPLES", 60)


SMALL: dict[str, Any] = {"sources": (1, 2)}
ALIKE = {"absolute": 1.0, "squared": 1.03}
APART = {"absolute": 1.0, "squared": 4.0}


@pytest.mark.parametrize(("losses", "outcome"), [(ALIKE, HOLDS), (APART, NOT)])
def test_size_matters_most_if_its_share_is_clearly_the_largest(losses, outcome):
    sizes: dict[str, Any] = {"fractions": (0.05, 0.25, 1.0), "noise": 0.04, "seeds": 5}
    found = size_matters_most(synthetic_study(**SMALL, **sizes, losses=losses))
    assert found.outcome == outcome
    assert set(found.left_out.values()) == {outcome}


def test_a_seed_that_is_better_everywhere_leaves_it_open():
    """Another one of three could be much better still."""
    data = synthetic_study(**SMALL, losses=ALIKE, noise=0.04)
    assert size_matters_most(data).outcome == HOLDS
    data.runs["mae"] *= data.runs[SEED].map({"0": 0.7, "1": 1.0, "2": 1.4})
    assert size_matters_most(data).outcome == UNDERPOWERED


def test_a_lead_that_hangs_on_the_smallest_size_is_not_decided():
    def law(size: float) -> float:
        return 0.5 if size < 10 else 0.05

    pair = {"absolute": 1.0, "squared": 1.5}
    sizes = (0.0125, 0.25, 0.5, 1.0)
    data = synthetic_study(**SMALL, fractions=sizes, losses=pair, noise=0.05, law=law)
    found = size_matters_most(data)
    assert found.outcome == OPEN
    assert found.left_out[6] == NOT
    assert {outcome for size, outcome in found.left_out.items() if size != 6} == {HOLDS}


@pytest.mark.parametrize(
    ("law", "noise", "outcome"),
    [(log_law, 0.003, HOLDS), (lambda n: 0.3 * n**-0.3, 0.003, NOT), (log_law, 0.3, OPEN)],
)
def test_the_law_of_the_error_is_found(law, noise, outcome):
    data = synthetic_study(**SMALL, losses={"absolute": 1.0}, law=law, noise=noise, fall=0)
    found = error_falls_with_logarithm(data).outcome
    assert found == outcome or (outcome == OPEN and found == UNDERPOWERED)


@pytest.mark.parametrize(
    ("fall", "absolute", "relative"), [(0.4, HOLDS, HOLDS), (-0.6, NOT, NOT), (0.0, HOLDS, None)]
)
def test_the_spread_falls_if_its_exponent_is_negative(fall, absolute, relative):
    data = synthetic_study(
        **SMALL, losses={"absolute": 1.0}, seeds=12, noise=0.01, fall=fall, law=lambda n: n**-0.4
    )
    assert spread_falls(data).outcome == absolute
    found = spread_falls_relative_to_the_error(data).outcome
    assert found == relative or (relative is None and found in (OPEN, UNDERPOWERED))


@pytest.mark.parametrize(
    ("seconds", "outcome"),
    [
        (lambda n: 3 + 0.02 * n, HOLDS),
        (lambda n: 0.001 * n**1.3, NOT),
        (lambda n: (3 + 0.02 * n) * (1 + 0.12 * (n == 150)), OPEN),
    ],
)
def test_time_is_linear_if_a_line_fits_all_sizes(seconds, outcome):
    data = synthetic_study(**SMALL, losses={"absolute": 1.0}, epochs=8)
    sizes = data.runs[SIZE].to_numpy(float)
    scatter = 1 + np.random.default_rng(0).normal(scale=0.01, size=len(sizes))
    of_overall = seconds(2.5 * sizes) * scatter  # 15 to 1,200
    data.runs["step_seconds"] = of_overall
    assert time_is_linear(data).outcome == outcome


@pytest.mark.parametrize(
    ("draws", "named"),
    [
        ({"seeds": 2}, "draw of the examples"),
        ({"seeds": 2, "own_seeds": True}, "draw of the examples"),
        ({"seeds": 1, "own_seeds": True}, "draw and seed"),
    ],
)
def test_what_one_draw_of_examples_does_is_no_effect_of_the_size(draws, named):
    """With errors that differ between draws only, the size has no lead over the draw."""
    design: dict[str, Any] = {**SMALL, "law": lambda n: 0.05, "losses": ALIKE, "noise": 0.05}
    sizes = {"fractions": (0.25, 0.5, 1.0), "draw_noise": 0.3}
    found = size_matters_most(synthetic_study(**design, **sizes, draws=3, **draws))
    assert named in found.evidence
    assert found.outcome != HOLDS
    once: StudyData = synthetic_study(**design, **sizes)
    assert "draw" not in size_matters_most(once).evidence


@pytest.mark.parametrize(
    ("law", "noise", "outcome"),
    [
        (lambda n: n**-0.2, 0.02, HOLDS),
        (lambda n: n**-0.2 * (1 + 0.5 * (n > 300)), 0.005, OPEN),
        (lambda n: 1.0, 0.005, NOT),
        (lambda n: n**-0.01, 0.3, UNDERPOWERED),
    ],
)
def test_more_data_help_if_no_size_is_clearly_worse(law, noise, outcome):
    data = synthetic_study(**SMALL, losses={"absolute": 1.0}, law=law, noise=noise, fall=0)
    assert more_data_helps(data).outcome == outcome
