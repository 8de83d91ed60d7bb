"""Errors and weights against NumPy and by hand, their arguments and their configurations."""

import itertools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras.nn import get_loss, losses, pack_target
from diffkeras.nn.losses import LOSSES, WEIGHTS, AbsoluteError, SquaredError, StepWeight, WeightMap

# Two examples on a 1×2 lattice. Errors ŷ − y: [0.0, 0.1] and [−0.3, 0.4].
FIELD = np.array([1.0, 0.3, 0.5, 0.1], "float32").reshape(2, 1, 2, 1)
SOURCE_IMAGE = np.array([1.0, 0.0, 0.5, 0.0], "float32").reshape(2, 1, 2, 1)
PREDICTION = np.array([1.0, 0.4, 0.2, 0.5], "float32").reshape(2, 1, 2, 1)
TARGET = pack_target(FIELD, SOURCE_IMAGE)

HUBER, VALUES = losses.HuberError(0.2), [0.0, 0.005, 0.04, 0.06]


@pytest.mark.parametrize(
    ("weight", "shape", "lattice"),
    [
        ([2.0, 0.5], (2,), (1, 2)),
        ([2.0, 0.5], (2, 1, 1, 1), (1, 2)),
        ([1.0, 2.0, 3.0, 4.0], (2, 1, 2), (1, 2)),
        ([2.0, 0.5], (2, 1, 1), (2, 1)),
        ([1.0, 2.0, 3.0, 4.0], (2, 2, 1), (2, 1)),  # a single column
        ([1.0, 2.0, 3.0, 4.0], (2, 2, 1, 1), (2, 1)),
    ],
)
def test_sample_weights_of_examples_or_nodes(weight, shape, lattice):
    each = np.repeat(weight, 4 // len(weight))
    fields = [np.reshape(field, (2, *lattice, 1)) for field in (FIELD, PREDICTION)]
    value = float(HUBER(*fields, np.reshape(weight, shape)))
    assert value == pytest.approx((each * VALUES).mean(), rel=1e-5)


def test_fit_passes_target_and_sample_weights_on():
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Identity()])
    model.compile("sgd", AbsoluteError(weight=StepWeight(10.0)))
    assert model.evaluate(PREDICTION, TARGET, verbose=0) == pytest.approx(3.5 / 4)
    weighted = model.evaluate(PREDICTION, TARGET, sample_weight=np.array([2.0, 0.5]), verbose=0)
    assert weighted == pytest.approx((2 * 0.1 + 0.5 * 3.4) / 4)


@pytest.mark.parametrize(
    "loss",
    [
        AbsoluteError(),
        SquaredError(),
        *(losses.PowerError(alpha) for alpha in (0.1, 0.5, 1.5)),
        HUBER,
        losses.InverseHuberError(0.2),
        losses.RelativeError(0.1),
        AbsoluteError(weight="tanh", weight_from="prediction"),
    ],
)
def test_gradients_are_finite_at_no_error(loss):
    prediction = tf.Variable(FIELD)
    with tf.GradientTape() as tape:
        value = loss(TARGET, prediction)
    np.testing.assert_array_equal(tape.gradient(value, prediction), 0.0 * FIELD)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype):
    prediction = keras.ops.cast(PREDICTION, dtype)
    value = AbsoluteError(weight=StepWeight(10.0))(TARGET, prediction, np.array([1.0, 1.0]))
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    rounded = keras.ops.convert_to_numpy(keras.ops.cast(prediction, "float32"))
    expected = (np.abs(rounded - FIELD) * np.where(SOURCE_IMAGE > 0, 10, 1)).mean()
    assert float(value) == pytest.approx(expected, rel=1e-6)


class WithChannelAxis(WeightMap):
    def call(self, field, source_image):
        return keras.ops.ones_like(field)[..., None]


def test_arrays_that_would_be_broadcast_are_refused():
    loss = AbsoluteError()
    for target, prediction, name in (
        (FIELD[..., 0], PREDICTION, "y_true"),
        (TARGET,) * 2 + ("y_",),
    ):
        with pytest.raises(ValueError, match=name):
            loss(target, prediction)
    for shape in ((2, 2), (3,), (1, 2), (1, 1, 2), (2, 1, 1, 2)):
        with pytest.raises(ValueError, match=re.escape("sample_weight must have shape (batch,)")):
            loss(TARGET, PREDICTION, np.ones(shape))
    with pytest.raises(ValueError, match=r"WithChannelAxis must return weights of .*\(2, 1, 2\)"):
        AbsoluteError(weight=WithChannelAxis())(TARGET, PREDICTION)
    with pytest.raises(ValueError, match=r"StepWeight weighs source nodes.*pack_target"):
        AbsoluteError(weight=StepWeight(10.0))(FIELD, PREDICTION)


@pytest.mark.parametrize("bad", [0, float("nan"), float("inf"), "0.5", None, True, 10**400])
def test_parameters_must_be_above_zero(bad):
    message = "must be (a number|positive and finite)"
    for make in (
        losses.PowerError,
        losses.HuberError,
        losses.InverseHuberError,
        losses.RelativeError,
        StepWeight,
    ):
        with pytest.raises(ValueError, match=message):
            make(bad)


def test_a_configuration_with_all_parts():
    second = {"error": "mse", "weight": {"name": "step", "amplitude": 9}, "weight_from": "target"}
    options = {"schedule": "random", "every": 5, "seed": 3, "reduction": "sum"}
    loss = get_loss({"error": "alternating", "first": "mae", "second": second, **options})
    assert isinstance(loss, losses.AlternatingLoss)
    assert (type(loss.first), type(loss.second)) == (AbsoluteError, SquaredError)
    assert loss.second.weight.amplitude == 9
    assert {key: getattr(loss, key) for key in options} == options
    assert second["weight"] == {"name": "step", "amplitude": 9}, "a configuration stays as it is"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("cubed", "no error is named 'cubed'; choose one of absolute, mae, squared"),
        ({"delta": 1}, r"error is missing next to \['delta'\]; choose one of absolute"),
        ("huber", "error 'huber' needs a value for delta"),
        ({"error": "mae", "delta": 1}, "error 'mae' has no parameter 'delta'; it takes weight"),
        ({"error": "mae", "name": "huber"}, "error 'mae' has no parameter 'name'; it takes weight"),
        (
            {"error": "alternating", "first": {"error": "mae", "name": "mse"}, "second": "mae"},
            "first: error 'mae' has no parameter 'name'",
        ),
        (7, "error must be a name or a mapping, got 7"),
        ({"weight": {"a": 1}}, r"weight.name is missing next to \['a'\]; choose"),
        ({"weight": "heavy"}, "no weight is named 'heavy'; choose one of exponential"),
        ({"weight": {"name": "step", "b": 1}}, "weight 'step' has no parameter 'b'.* amplitude"),
        ({"weight": 5}, "weight must be a name or a mapping, got 5"),
        ({"weight_from": "x"}, "weight_from 'x' is unknown; choose one of target, prediction"),
        ({"normalize_weight": "no"}, "normalize_weight must be True or False, not 'no'"),
        ({"weight": "tanh", "weight_gradient": True}, "weight_gradient=True needs"),
        ("alternating", "error 'alternating' needs a value for first, second"),
        (
            {"error": "alternating", "first": "huber", "second": "mae"},
            "first: error 'huber' needs a value for delta",
        ),
    ],
)
def test_bad_configurations(config, message):
    if isinstance(config, dict) and not {"error", "delta"} & set(config):
        config = {"error": "mae", **config}
    with pytest.raises(ValueError, match=message):
        get_loss(config)


# every loss with every weight against NumPy: value, and gradient by finite differences
RNG = np.random.default_rng(0)
SHAPE = (3, 4, 5, 1)
RANDOM_IMAGE = RNG.random(SHAPE) * (RNG.random(SHAPE) > 0.7)
RANDOM_FIELD = np.where(RANDOM_IMAGE > 0, RANDOM_IMAGE, RNG.random(SHAPE))
RANDOM_PREDICTION = RANDOM_FIELD + RNG.choice([-1, 1], SHAPE) * RNG.uniform(0.01, 0.5, SHAPE)
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
    "exponential": lambda y, x: np.exp(-np.abs(1 - y) / 0.5),
    "tanh": lambda y, x: 1 + 20 * np.tanh(2 * np.maximum(y, 0)),
    "step": lambda y, x: np.where(x > 0, 7.0, 1.0),
}
WEIGHT_CONFIG = {
    None: None,
    "exponential": {"name": "exponential", "scale": 0.5},
    "tanh": {"name": "tanh", "amplitude": 20, "rate": 2},
    "step": {"name": "step", "amplitude": 7},
}


def test_every_error_and_weight_is_here():
    assert {*ERROR, "mae", "mse", "alternating"} == set(LOSSES)
    assert all("Source: " in error.__doc__ for error in LOSSES.values())
    assert [*filter(None, WEIGHT)] == list(WEIGHTS)


def weights_of(name, field, normalize=False):
    weights = WEIGHT[name](field, RANDOM_IMAGE)
    return weights / weights.mean(axis=(1, 2, 3), keepdims=True) if normalize and name else weights


def slope_at(function, at, step=1e-6):
    """Gradient of a function of an array by central differences."""
    steps = step * np.eye(at.size).reshape(-1, *at.shape)
    return np.reshape([function(at + s) - function(at - s) for s in steps], at.shape) / (2 * step)


def assert_value_and_gradient(config, expected, at=RANDOM_PREDICTION):
    """Compare a loss and its gradient by the prediction with a NumPy function of it."""
    loss = get_loss({**config, "dtype": "float64"})
    prediction = tf.Variable(at)
    with tf.GradientTape() as tape:
        value = loss(pack_target(RANDOM_FIELD, RANDOM_IMAGE, 1), prediction, SAMPLE_WEIGHT)
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

        fixed = weights_of(
            weight, RANDOM_FIELD if source == "target" else RANDOM_PREDICTION, normalize
        )

        def expected(prediction, source=source, normalize=normalize, fixed=fixed):
            flows = source == "gradient"
            weights = weights_of(weight, prediction, normalize) if flows else fixed
            errors = error_of(prediction - RANDOM_FIELD, RANDOM_FIELD)
            return (SAMPLE_WEIGHT[:, None, None, None] * weights * errors).mean()

        more = {"weight_from": "target" if source == "target" else "prediction"}
        more |= {"normalize_weight": normalize, "weight_gradient": source == "gradient"}
        assert_value_and_gradient(options | more, expected)
