import numpy as np
import pytest
from scipy.optimize import curve_fit, differential_evolution
from scipy.stats import f, f_oneway

from diffkeras.studies.statistics.laws import (
    LOGARITHM,
    POWER,
    Array,
    Law,
    Samples,
    criterion,
)

SIZES = (15, 60, 150, 300, 600, 1200)
APART = np.array([-0.01, 0.0, 0.01])


def scattered(seed: int, noise: float = 0.03, runs: int = 3) -> dict[int, Array]:
    rng = np.random.default_rng(seed)
    return {n: np.log(0.02 + 0.25 * n**-0.5) + rng.normal(scale=noise, size=runs) for n in SIZES}


def best_residual(law: Law, ln_errors: dict[int, Array]) -> float:
    """The smallest sum of squares, by a search that shares nothing with the package."""

    def residual(shape: Array) -> float:
        curves = [np.log(law.shape(np.array(n / max(SIZES)), *shape)) for n in ln_errors]
        left = np.concatenate([v - c for v, c in zip(ln_errors.values(), curves, strict=True)])
        return float(((left - left.mean()) ** 2).sum())

    limits = [(0.0, min(upper, 50.0)) for upper in law.upper]
    return differential_evolution(residual, limits, tol=1e-12, seed=0).fun


@pytest.mark.parametrize("law", [LOGARITHM, POWER])
@pytest.mark.parametrize("seed", [0, 1])
def test_fits_are_as_close_as_any(law, seed):
    ln_errors = scattered(seed)
    best = criterion(np.asarray(best_residual(law, ln_errors)), 18, 1 + len(law.upper))
    assert Samples.measured(ln_errors).fit(law).aicc[0] == pytest.approx(float(best), abs=1e-4)


@pytest.mark.parametrize("floor", [0.0, 0.02, 0.06])
def test_fits_to_resamples_are_those_of_scipy(floor):
    rng = np.random.default_rng(0)
    ln_errors = {n: np.log(floor + 0.2 * n**-0.7) + rng.normal(scale=0.01, size=3) for n in SIZES}
    drawn = Samples.resampled(ln_errors, 15)
    found = drawn.fit(POWER).parameters
    limits = (-np.inf, 0, 0), (np.inf, *POWER.upper)
    x = np.array(SIZES) / max(SIZES)
    for number, means in enumerate(drawn.means):
        (level, *shape), _ = curve_fit(
            lambda x, level, *shape: level + np.log(POWER.shape(x, *shape)),
            x,
            means,
            p0=(means[-1], floor, 0.7),
            bounds=limits,
        )
        for name, value in POWER.parameters(np.exp(level), max(SIZES), *shape).items():
            assert found[name][number] == pytest.approx(value, rel=0.01, abs=1e-4)


def test_sizes_with_more_runs_count_for_more():
    ln_errors = scattered(0)
    ln_errors[15] = np.concatenate([ln_errors[15]] * 5)
    best = float(criterion(np.asarray(best_residual(POWER, ln_errors)), 30, 3))
    assert Samples.measured(ln_errors).fit(POWER).aicc[0] == pytest.approx(best, abs=1e-4)


def test_resamples_scatter_as_much_as_means_of_runs_do():
    ln_errors = scattered(0)
    drawn = Samples.resampled(ln_errors, 20_000)
    for means, values in zip(drawn.means.T, ln_errors.values(), strict=True):
        assert means.mean() == pytest.approx(values.mean(), abs=1e-3)
        assert means.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.05)
    # the sum of squares within sizes of a sample estimates the measured one without bias
    assert drawn.within.mean() == pytest.approx(Samples.measured(ln_errors).within[0], rel=0.02)


def test_the_criterion_is_akaike_s_with_the_correction_for_small_samples():
    number, parameters, residual = 18, 3, 0.2
    k = parameters + 1
    by_hand = number * np.log(residual / number) + 2 * k + 2 * k * (k + 1) / (number - k - 1)
    constant = number * (np.log(2 * np.pi) + 1)
    found = criterion(np.asarray(residual), number, parameters)
    assert found == pytest.approx(by_hand + constant)


def test_an_error_that_rises_with_the_size_is_fitted_by_a_constant():
    samples = Samples.measured({n: APART + 0.1 * np.log(n) for n in SIZES})
    mean = np.exp(samples.means.mean())
    logarithm, power = (samples.fit(law).parameters for law in (LOGARITHM, POWER))
    assert logarithm["a"] - logarithm["b"] * np.log(60) == pytest.approx(mean, rel=1e-3)
    error = power["floor"] + power["factor"] * 60 ** -power["exponent"]
    assert error == pytest.approx(mean, rel=1e-3)


def test_parameters_are_those_of_the_usual_formulas():
    logarithm = Samples.measured({n: np.log(0.107 - 0.01 * np.log(n)) + APART for n in SIZES})
    found = logarithm.fit(LOGARITHM).parameters
    assert {name: float(values[0]) for name, values in found.items()} == pytest.approx(
        {"a": 0.107, "b": 0.01}, rel=1e-4
    )
    power = Samples.measured({n: np.log(0.02 + 0.25 * n**-0.6) + APART for n in SIZES})
    found = power.fit(POWER).parameters
    assert {name: float(values[0]) for name, values in found.items()} == pytest.approx(
        {"floor": 0.02, "factor": 0.25, "exponent": 0.6}, rel=1e-3
    )


def test_lack_of_fit_is_the_test_of_means_against_the_fit():
    exact = Samples.measured({n: np.log(0.107 - 0.01 * np.log(n)) + APART for n in SIZES})
    assert exact.fit(LOGARITHM).lack_of_fit > 0.99
    assert exact.fit(POWER).lack_of_fit < 1e-3
    # errors that rise: the fit is a constant, and the test that of a one-way analysis of variance,
    # whose statistic has five degrees of freedom above in place of four
    rising = {n: APART + 0.002 * place for place, n in enumerate(SIZES)}
    ratio = f_oneway(*rising.values()).statistic * 5 / 4
    found = Samples.measured(rising).fit(LOGARITHM).lack_of_fit
    assert found == pytest.approx(f.sf(ratio, 4, 12), rel=1e-3)
    same = Samples.measured({n: np.log([0.107 - 0.01 * np.log(n)] * 2) for n in SIZES})
    assert np.isnan(same.fit(POWER).lack_of_fit), "seeds without scatter are no yardstick"
