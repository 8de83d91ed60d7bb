import numpy as np
import pandas as pd
import pytest
from scipy import stats

from paper.statistics.line import line_through

SIZES = pd.Series(np.repeat([15, 60, 150, 300, 600, 1200], 4).astype(float))


def times(seconds, scatter: float = 0.01, seed: int = 0) -> pd.Series:
    return seconds(SIZES) * (1 + np.random.default_rng(seed).normal(scale=scatter, size=len(SIZES)))


def test_a_line_is_found_with_what_it_misses():
    found = line_through(SIZES, times(lambda n: 3 + 0.02 * n))
    assert (found.slope, found.start) == pytest.approx((0.02, 3), rel=0.05)
    assert min(found.misfit, found.curvature) > 0.01
    off = line_through(SIZES, times(lambda n: (3 + 0.02 * n) * (1 + 0.2 * (n == 150))))
    assert off.farthest == 150
    assert off.low < off.deviation < off.high
    assert off.deviation == pytest.approx(0.2, abs=0.06)
    assert off.misfit < 0.01
    assert line_through(SIZES, times(lambda n: 1 + 1e-4 * n**1.5)).curvature < 1e-4


def test_p_values_are_uniform_where_a_line_is_right():
    found = [line_through(SIZES, times(lambda n: 3 + 0 * n, 0.05, seed)) for seed in range(200)]
    for name in ("misfit", "curvature"):
        p = [getattr(line, name) for line in found]
        assert stats.kstest(p, "uniform").pvalue > 0.01
        assert np.mean(p) == pytest.approx(0.5, abs=0.05)
