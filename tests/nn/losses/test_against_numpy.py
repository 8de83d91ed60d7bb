"""Every loss with every weight against NumPy: value, and gradient by finite differences."""

import itertools

import numpy as np
import pytest

from diffkeras.nn import pack_target
from diffkeras.nn.losses import ERRORS, WEIGHTS

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
    "exponential": lambda y, x: np.exp(-(1 - y) / 0.5),
    "tanh": lambda y, x: 1 + 20 * np.tanh(2 * y),
    "step": lambda y, x: np.where(x > 0, 7.0, 1.0),
    "alternating": lambda y, x: np.where(x > 0, 7.0, 1.0),  # its first map
}
STEP = {"name": "step", "amplitude": 7}
WEIGHT_CONFIG = {
    None: None,
    "uniform": "uniform",
    "exponential": {"name": "exponential", "scale": 0.5},
    "tanh": {"name": "tanh", "amplitude": 20, "rate": 2},
    "step": STEP,
    "alternating": {"name": "alternating", "first": STEP, "second": "tanh"},
}


def test_every_error_and_weight_is_here():
    assert list(ERROR) == list(ERRORS)
    assert [*filter(None, WEIGHT)] == list(WEIGHTS)


@pytest.mark.parametrize("weight", WEIGHT)
@pytest.mark.parametrize("error", ERROR)
def test_value_and_gradient(error, weight):
    parameters, error_of = ERROR[error]
    options = {**parameters, "weight": WEIGHT_CONFIG[weight], "dtype": "float64"}
    for weight_from, normalize in itertools.product(("target", "prediction"), (False, True)):
        source = FIELD if weight_from == "target" else np.maximum(PREDICTION, 0)
        weights = WEIGHT[weight](source, IMAGE)
        if normalize and weight:
            weights = weights / weights.mean(axis=(1, 2, 3), keepdims=True)
        weights = weights * SAMPLE_WEIGHT[:, None, None, None] / FIELD.size

        def terms(prediction, weights=weights):
            return weights * error_of(prediction - FIELD, FIELD)

        options |= {"weight_from": weight_from, "normalize_weight": normalize}
        loss = ERRORS[error](**options)
        prediction = tf.Variable(PREDICTION)
        with tf.GradientTape() as tape:
            value = loss(pack_target(FIELD, IMAGE, 1), prediction, SAMPLE_WEIGHT)
        assert float(value) == pytest.approx(terms(PREDICTION).sum(), rel=1e-12)
        # no gradient flows through the weights, so each term depends on its own node only
        slope = (terms(PREDICTION + 1e-6) - terms(PREDICTION - 1e-6)) / 2e-6
        np.testing.assert_allclose(
            tape.gradient(value, prediction), slope, rtol=1e-6, atol=1e-8 * np.abs(slope).max()
        )
