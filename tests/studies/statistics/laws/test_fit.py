import numpy as np
import pytest
from scipy.stats import f, f_oneway

from diffkeras.studies.statistics.laws.fit import fit_law
from diffkeras.studies.statistics.laws.law import LOGARITHM, POWER

SIZES = (15, 60, 150, 300, 600, 1200)
APART = np.array([-0.01, 0.0, 0.01])


def test_parameters_are_those_of_the_usual_formulas() -> None:
    logarithm = {n: np.log(0.107 - 0.01 * np.log(n)) + APART for n in SIZES}
    assert fit_law(LOGARITHM, logarithm).parameters == pytest.approx(
        {"a": 0.107, "b": 0.01}, rel=1e-4
    )
    power = {n: np.log(0.02 + 0.25 * n**-0.6) + APART for n in SIZES}
    assert fit_law(POWER, power).parameters == pytest.approx(
        {"floor": 0.02, "factor": 0.25, "exponent": 0.6}, rel=1e-3
    )


def test_lack_of_fit_is_the_test_of_means_against_the_fit() -> None:
    exact = {n: np.log(0.107 - 0.01 * np.log(n)) + APART for n in SIZES}
    assert fit_law(LOGARITHM, exact).lack_of_fit > 0.99
    assert fit_law(POWER, exact).lack_of_fit < 1e-3
    # errors that rise: the fit is a constant, and the test that of a one-way analysis of variance,
    # whose statistic has five degrees of freedom above in place of four
    rising = {n: APART + 0.002 * place for place, n in enumerate(SIZES)}
    ratio = f_oneway(*rising.values()).statistic * 5 / 4

    assert fit_law(LOGARITHM, rising).lack_of_fit == pytest.approx(f.sf(ratio, 4, 12), rel=1e-3)


def test_seeds_without_scatter_are_no_yardstick() -> None:
    same = {n: np.log([0.107 - 0.01 * np.log(n)] * 2) for n in SIZES}
    assert np.isnan(fit_law(POWER, same).lack_of_fit)
