import numpy as np
import pandas as pd
import pytest

from paper.statistics.spread import design_effect, exponent, spread_of
from paper.study_data import SIZE
from paper.tests.synthetic_study import synthetic_study

CELLS = [SIZE, "draw"]


def deviations(values: np.ndarray, series: str = "setting") -> pd.DataFrame:
    """(series, sizes, seeds) ln errors as rows of runs."""
    places = np.indices(values.shape).reshape(3, -1)
    rows = dict(zip((series, SIZE, "seed"), places, strict=True))
    return pd.DataFrame({"draw": "", **rows, "ln_error": values.ravel()})


def test_the_design_effect_predicts_the_variance_of_a_pooled_variance():
    rng = np.random.default_rng(0)
    shared = 0.8 * rng.normal(size=(1, 4000, 3))
    values = shared + 0.6 * rng.normal(size=(5, 4000, 3))  # correlation 0.64, variance 1
    effect = design_effect(deviations(values.reshape(5, 1, -1)), ["setting"], CELLS)
    assert effect == pytest.approx(1 + 4 * 0.64**2, rel=0.05)
    pooled = values.var(axis=2, ddof=1).mean(axis=0)
    assert pooled.var() == pytest.approx(2 / (5 * 2) * effect, rel=0.1)


def test_independent_settings_have_no_design_effect():
    rng = np.random.default_rng(0)
    found = [
        design_effect(deviations(rng.normal(size=(8, 4, 4))), ["setting"], CELLS) for _ in range(50)
    ]
    assert 1 <= np.mean(found) < 1.2
    for common in ((3, 4, 1), (3, 1, 2)):  # no pair of seeds, and one, are too few to tell
        assert design_effect(deviations(rng.normal(size=common)), ["setting"], CELLS) == 3.0


def spreads(level: float, sizes: tuple[int, ...], power: float, df: int = 2) -> pd.DataFrame:
    return pd.DataFrame({SIZE: sizes, "df": df, "variance": [level * n**power for n in sizes]})


def test_the_limits_contain_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    sizes = np.tile([15, 60, 300, 1200], 8)
    levels = np.repeat(range(1, 9), 4)
    inside = 0
    for _ in range(50):
        values = rng.normal(size=(32, 3)) * (levels * sizes**-0.25)[:, None]
        rows = {SIZE: sizes, "df": 2, "variance": values.var(axis=1, ddof=1), "setting": levels}
        _, low, high = exponent(pd.DataFrame(rows))
        inside += low <= -0.25 <= high
    assert 44 <= inside <= 50


def test_variances_far_off_the_line_widen_the_limits():
    # 1000 degrees of freedom: the variances are known to 5 %
    close = spreads(1.0, (10, 100, 1000, 10_000), -0.5, 1000).assign(setting=0)
    far = close.assign(variance=close["variance"] * [1, 4, 0.25, 1])
    widths = [high - low for _, low, high in map(exponent, (close, far))]
    assert widths[1] > 5 * widths[0]


def test_no_exponent_without_scatter_or_with_one_size():
    for variances, sizes in (([1.0, 0.0], [10, 20]), ([1.0, 2.0], [10, 10])):
        rows = pd.DataFrame({SIZE: sizes, "df": 2, "variance": variances, "setting": 0})
        assert np.isnan(exponent(rows)).all()


@pytest.mark.parametrize(
    ("design", "sd"),
    [
        ({"draws": 3, "seeds": 20}, 0.02),
        ({"draws": 3, "seeds": 20, "own_seeds": True}, 0.02),
        ({"draws": 60, "seeds": 1, "own_seeds": True}, 0.15),
    ],
)
def test_the_spread_is_that_within_draws_unless_each_has_one_seed(design, sd):
    """Draws that differ by 15 % don't add to a spread over seeds of 2 %."""
    truth = {"fractions": (0.25, 1.0), "losses": {"absolute": 1.0}, "fall": 0}
    data = synthetic_study(**design, **truth, draw_noise=0.15, noise=0.02)
    table = spread_of(data, relative=True).by_size
    assert table["sd"].to_numpy() == pytest.approx([sd] * 2, rel=0.3)
    assert (table["low"] < table["sd"]).all()
    assert (table["sd"] < table["high"]).all()
