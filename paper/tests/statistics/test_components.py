import numpy as np
import pandas as pd
import pytest

from paper.statistics.components import components


def crossed(values: np.ndarray) -> pd.DataFrame:
    """The components of ln errors (weights, orders)."""
    weights, orders = np.indices(values.shape)
    runs = {"ln_error": values.ravel(), "weights": weights.ravel(), "orders": orders.ravel()}
    return components(pd.DataFrame(runs), ("weights", "orders"), ("weights", "orders", "both"))


def test_components_add_up_to_the_variance_of_independent_runs():
    rng = np.random.default_rng(0)
    estimates = []
    inside = np.zeros(3)
    truth = np.array([0.3, 0.1, 0.2])
    for _ in range(40):
        values = (
            rng.normal(scale=truth[0], size=(4, 1))
            + rng.normal(scale=truth[1], size=(1, 6))
            + rng.normal(scale=truth[2], size=(4, 6))
        )
        rows = crossed(values)
        estimates.append(rows["sd"].to_numpy() ** 2)
        inside += (rows["low"] <= truth) & (truth <= rows["high"])
    # clipping at 0 lifts the mean of the smaller component a little
    assert np.mean(estimates, axis=0) == pytest.approx(truth**2, rel=0.35)
    assert (inside >= 36).all()


def test_a_negative_component_is_0():
    checkerboard = np.indices((4, 4)).sum(axis=0) % 2 * 0.1
    rows = crossed(checkerboard)
    assert rows["sd"].tolist()[:2] == [0, 0]
    assert rows["sd"]["both"] > 0
