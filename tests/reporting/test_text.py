"""Numbers in words."""

from decimal import Decimal

import numpy as np
import pytest

from diffkeras.reporting.text import rounded_up


@pytest.mark.parametrize("digits", [2, 3, 6])
def test_bounds_in_few_digits_are_bounds(digits):
    rng = np.random.default_rng(digits)
    numbers = rng.normal(size=2000) * 10.0 ** rng.uniform(-290, 290, 2000)
    for number in [0.0, 1.0, 0.123, 9.999999999, *numbers.tolist()]:
        above = rounded_up(number, digits)
        assert Decimal(number) <= Decimal(above)
        assert float(above) == pytest.approx(number, rel=10.0 ** (1 - digits))


def test_no_bound_is_infinite():
    assert rounded_up(float("inf")) == "inf"
