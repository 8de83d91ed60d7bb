"""Every loss with every weight against NumPy: value, and gradient by finite differences."""

import itertools

import numpy as np
import pytest

from diffkeras.nn import get_loss, pack_target
from diffkeras.nn.losses import LOSSES, WEIGHTS

tf = pytest.importorskip("tensorflow")

RNG = np.random.default_rng(0)
SHAPE = (3, 4, 5, 1)
IMAGE = RNG.random(SHAPE) * (RNG.random(SHAPE) > 0.7)
FIELD = np.where(IMAGE > 0, IMAGE, RNG.random(SHAPE))
PREDICTION = FIELD + RNG.choice([-1, 1], SHAPE) * RNG.uniform(0.01, 0.5, SHAPE)
SAMPLE_WEIGHT = np.array([2.0, 0.5, 1.0])

ERROR = {
    "absolute": ({}, lambda e, y: np.abs(e)),
    "squared": ({}, lambda e, y: e**2),
    "power": ({"alpha": 1.5}, lambda e, y: np.abs(e) ** 1.5),
    "huber": (
        {"delta": 0.2},
        lambda e, y: np.where(np.abs(e) <= 0.2, e**2 / 2, 0.2 * (np.abs(e) - 0.1)),
    ),
    "inverse_huber": (
        {"delta": 0.2},
        lambda e, y: np.where(np.abs(e) < 0.2, np.abs(e), (e**2 + 0.04) / 0.4),
    ),
    "relative": ({"epsilon": 0.1}, lambda e, y: np.abs(e) / (np.abs(y) + 0.1)),
}
WEIGHT = {
    None: lambda y, x: np.ones_like(y),
    "uniform": lambda y, x: np.ones_like(y),
    "exponential": lambda y, x: np.exp(-np.abs(1 - y) / 0.5),
    "tanh": lambda y, x: 1 + 20 * np.tanh(2 * np.maximum(y, 0)),
    "step": lambda y, x: np.where(x > 0, 7.0, 1.0),
}
WEIGHT_CONFIG = {
    None: None,
    "uniform": "uniform",
    "exponential": {"name": "exponential", "scale": 0.5},
    "tanh": {"name": "tanh", "amplitude": 20, "rate": 2},
    "step": {"name": "step", "amplitude": 7},
}


def test_every_error_and_weight_is_here():
    assert {*ERROR, "mae", "mse", "alternating"} == set(LOSSES)
    assert [*filter(None, WEIGHT)] == list(WEIGHTS)


def weights_of(name, field, normalize=False):
    weights = WEIGHT[name](field, IMAGE)
    return weights / weights.mean(axis=(1, 2, 3), keepdims=True) if normalize and name else weights


def slope_at(function, at, step=1e-6):
    """Gradient of a function of an array by central differences."""
    steps = step * np.eye(at.size).reshape(-1, *at.shape)
    return np.reshape([function(at + s) - function(at - s) for s in steps], at.shape) / (2 * step)


def assert_value_and_gradient(config, expected, at=PREDICTION):
    """Compare a loss and its gradient by the prediction with a NumPy function of it."""
    loss = get_loss({**config, "dtype": "float64"})
    prediction = tf.Variable(at)
    with tf.GradientTape() as tape:
        value = loss(pack_target(FIELD, IMAGE, 1), prediction, SAMPLE_WEIGHT)
    assert float(value) == pytest.approx(expected(at), rel=1e-12)
    slope = slope_at(expected, at)
    np.testing.assert_allclose(
        tape.gradient(value, prediction), slope, rtol=1e-6, atol=1e-7 * np.abs(slope).max()
    )


@pytest.mark.parametrize("weight", WEIGHT)
@pytest.mark.parametrize("error", ERROR)
def test_value_and_gradient(error, weight):
    parameters, error_of = ERROR[error]
    options = {"error": error, **parameters, "weight": WEIGHT_CONFIG[weight]}
    for source, normalize in itertools.product(("target", "prediction", "gradient"), (False, True)):
        if source == "gradient" and weight is None:
            continue

        fixed = weights_of(weight, FIELD if source == "target" else PREDICTION, normalize)

        def expected(prediction, source=source, normalize=normalize, fixed=fixed):
            flows = source == "gradient"
            weights = weights_of(weight, prediction, normalize) if flows else fixed
            errors = error_of(prediction - FIELD, FIELD)
            return (SAMPLE_WEIGHT[:, None, None, None] * weights * errors).mean()

        more = {"weight_from": "target" if source == "target" else "prediction"}
        more |= {"normalize_weight": normalize, "weight_gradient": source == "gradient"}
        assert_value_and_gradient(options | more, expected)
