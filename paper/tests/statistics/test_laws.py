from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import differential_evolution
from scipy.stats import f, f_oneway

from paper.statistics.laws import (
    LOGARITHM,
    POWER,
    Array,
    Law,
    Samples,
    criterion,
)

SIZES = (15, 60, 150, 300, 600, 1200)


def around(law: Callable[[int], float]) -> dict[int, Array]:
    """ln errors with a law's means, which scatter without one seed being better than another."""
    apart = np.array([-0.01, 0.0, 0.01])
    return {n: np.log(law(n)) + np.roll(apart, place) for place, n in enumerate(SIZES)}


def scattered(seed: int, noise: float = 0.03, runs: int = 3) -> dict[int, Array]:
    rng = np.random.default_rng(seed)
    return {n: np.log(0.02 + 0.25 * n**-0.5) + rng.normal(scale=noise, size=runs) for n in SIZES}


def best_residual(law: Law, ln_errors: dict[int, Array]) -> float:
    """The smallest sum of squares, by a search that shares nothing with the package."""

    def residual(shape: Array) -> float:
        curves = [np.log(law.shape(np.array(n / max(SIZES)), *shape)) for n in ln_errors]
        left = np.stack([v - c for v, c in zip(ln_errors.values(), curves, strict=True)])
        return float(((left - left.mean(axis=0)) ** 2).sum())  # each seed has its own level

    limits = [(0.0, min(upper, 50.0)) for upper in law.upper]
    return differential_evolution(residual, limits, tol=1e-12, seed=0).fun


@pytest.mark.parametrize("law", [LOGARITHM, POWER])
@pytest.mark.parametrize("seed", [0, 1])
def test_fits_are_as_close_as_any(law, seed):
    ln_errors = scattered(seed)
    best = criterion(np.asarray(best_residual(law, ln_errors)), 18, 3 + len(law.upper))
    assert Samples.measured(ln_errors).fit(law).aicc[0] == pytest.approx(float(best), abs=1e-4)


def test_resamples_scatter_as_much_as_means_of_runs_do():
    rng = np.random.default_rng(1)
    levels, number = rng.normal(scale=0.1, size=400), 4000
    ln_errors = {n: values + levels for n, values in scattered(0, runs=400).items()}
    drawn = Samples.resampled(ln_errors, number)
    for means, values in zip(drawn.means.T, ln_errors.values(), strict=True):
        assert means.mean() == pytest.approx(values.mean(), abs=1e-3)
        assert means.var() == pytest.approx(values.var() / 400, rel=0.1)
    apart = drawn.means[:, 0] - drawn.means[:, 1]
    assert apart.var() == pytest.approx(2 * 0.03**2 / 400, rel=0.1), "levels are no scatter here"
    # the sum of squares that is left of a sample estimates the measured one without bias
    few = scattered(0)
    drawn = Samples.resampled(few, number)
    assert drawn.left.mean() == pytest.approx(Samples.measured(few).left[0], rel=0.02)


def test_the_criterion_is_akaike_s_with_the_correction_for_small_samples():
    number, parameters, residual = 18, 3, 0.2
    k = parameters + 1
    by_hand = number * np.log(residual / number) + 2 * k + 2 * k * (k + 1) / (number - k - 1)
    constant = number * (np.log(2 * np.pi) + 1)
    found = criterion(np.asarray(residual), number, parameters)
    assert found == pytest.approx(by_hand + constant)


def test_lack_of_fit_is_the_test_of_means_against_the_fit():
    exact = Samples.measured(around(lambda n: 0.107 - 0.01 * np.log(n)))
    assert exact.fit(LOGARITHM).lack_of_fit > 0.99
    assert exact.fit(POWER).lack_of_fit < 1e-3
    # errors that rise: the fit is a constant, and the test that of an analysis of variance, of one
    # way as no seed is better than another, with 4 and 10 degrees of freedom in place of 5 and 12
    rising = around(lambda n: float(np.exp(0.002 * SIZES.index(n))))
    ratio = f_oneway(*rising.values()).statistic * 5 / 4 * 10 / 12
    found = Samples.measured(rising).fit(LOGARITHM).lack_of_fit
    assert found == pytest.approx(f.sf(ratio, 4, 10), rel=1e-3)
    same = Samples.measured({n: np.log([0.107 - 0.01 * np.log(n)] * 2) for n in SIZES})
    assert np.isnan(same.fit(POWER).lack_of_fit), "seeds without scatter are no yardstick"
