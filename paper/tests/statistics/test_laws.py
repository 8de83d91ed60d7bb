import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from paper.statistics.laws import compare

SIZES = np.array([15, 60, 150, 300, 600, 1200])


def around(law, noise: float = 0.01, units: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    level = rng.normal(scale=0.3, size=units)
    return {n: np.log(law(n)) + level + rng.normal(scale=noise, size=units) for n in SIZES}


def logarithm(n):
    return 0.107 - 0.01 * np.log(n)


def power(n):
    return 0.3 * n**-0.3


@pytest.mark.parametrize(("law", "sign"), [(logarithm, -1), (power, 1)])
def test_the_law_that_the_errors_follow_is_ahead(law, sign):
    found = compare(around(law))
    assert found.difference * sign > 2
    assert found.low < found.difference < found.high
    assert found.low * sign > 0 < found.high * sign
    name, other = ("log", "power") if sign < 0 else ("power", "log")
    assert found.misfit[name] > 0.01 > found.misfit[other]
    shape = found.curves[name] / found.curves[name][0]
    assert shape == pytest.approx(law(SIZES) / law(SIZES[0]), rel=0.02)


def test_the_exponent_is_that_of_the_power_law():
    assert compare(around(power)).exponent == pytest.approx(0.3, abs=0.01)


def test_fits_are_as_close_as_any():
    """By a search that shares nothing with the program."""
    ln_errors = around(lambda n: 0.02 + 0.25 * n**-0.5, noise=0.03)
    values = np.stack(list(ln_errors.values()))
    x = np.log(SIZES / SIZES.max())

    def left(curve):
        rest = values - curve[:, None]
        return ((rest - rest.mean(0)) ** 2).sum()  # each unit has its own level

    log = minimize_scalar(lambda s: left(np.log1p(-np.exp(s) * x)), bounds=(-9, 9)).fun
    powers = minimize_scalar(lambda e: left(-e * x), bounds=(0, 5)).fun
    found = compare(ln_errors).difference
    assert found == pytest.approx(values.size * np.log(log / powers), abs=0.1)


def test_noise_leaves_it_open():
    found = compare(around(logarithm, noise=0.4))
    assert found.low < 0 < found.high
