import numpy as np
import pytest

from diffkeras.studies.statistics.spreads import Spread, design_effect, exponent


def test_the_interval_of_a_standard_deviation_is_that_of_tables() -> None:
    # χ² of 9 degrees of freedom: 2.700 and 19.023 (any table)
    low, high = Spread(100, 4.0, 9).interval
    assert low == pytest.approx(2 * np.sqrt(9 / 19.023), rel=1e-3)
    assert high == pytest.approx(2 * np.sqrt(9 / 2.700), rel=1e-3)


def test_pooled_variances_are_weighted_by_their_degrees_of_freedom() -> None:
    pooled = Spread.pooled([Spread.of(10, np.array([0.0, 2.0])), Spread(10, 5.0, 3)])
    assert (pooled.size, pooled.variance, pooled.df) == (10, (2 * 1 + 5 * 3) / 4, 4)


def test_the_design_effect_predicts_the_variance_of_a_pooled_variance() -> None:
    rng = np.random.default_rng(0)
    shared = 0.8 * rng.normal(size=(4000, 1, 3))
    values = shared + 0.6 * rng.normal(size=(4000, 5, 3))  # correlation 0.64, variance 1
    centred = values - values.mean(axis=2, keepdims=True)
    effect = design_effect(np.swapaxes(centred, 0, 1).reshape(5, -1), 8000)
    assert effect == pytest.approx(1 + 4 * 0.64**2, rel=0.05)
    pooled = values.var(axis=2, ddof=1).mean(axis=1)
    assert pooled.var() == pytest.approx(2 / (5 * 2) * effect, rel=0.1)


def test_independent_samples_have_no_design_effect() -> None:
    rng = np.random.default_rng(0)
    found = [design_effect(rng.normal(size=(8, 12)), 12) for _ in range(200)]
    assert 1 <= np.mean(found) < 1.2


def test_the_exponent_is_exact_for_series_of_different_level() -> None:
    series = [[Spread(n, level * n**-0.6, 2) for n in (10, 40, 160)] for level in (1.0, 50.0)]
    found, low, high = exponent([series[0], series[1][:2]])
    assert found == pytest.approx(-0.3, abs=1e-6)
    assert low < -0.3 < high


def test_the_limits_contain_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(100):
        series = [
            [Spread.of(n, rng.normal(scale=level * n**-0.25, size=3)) for n in (15, 60, 300, 1200)]
            for level in range(1, 9)
        ]
        _, low, high = exponent(series)
        inside += low <= -0.25 <= high
    assert 88 <= inside <= 99


def test_variances_far_off_the_line_widen_the_limits() -> None:
    many = 1000  # degrees of freedom: the variances are known to 5 %
    close = [Spread(n, n**-0.5, many) for n in (10, 100, 1000, 10_000)]
    factors = (1, 4, 0.25, 1)
    far = [
        Spread(s.size, s.variance * factor, many) for s, factor in zip(close, factors, strict=True)
    ]
    widths = [np.diff(exponent([part])[1:])[0] for part in (close, far)]
    assert widths[1] > 5 * widths[0]


def test_no_exponent_without_scatter_or_with_one_size() -> None:
    assert np.isnan(exponent([[Spread(10, 1.0, 2), Spread(20, 0.0, 2)]])).all()
    assert np.isnan(exponent([[Spread(10, 1.0, 2)], [Spread(10, 2.0, 2)]])).all()
