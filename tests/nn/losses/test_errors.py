"""Errors and weights by hand-computed numbers, their arguments and their configurations."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras.nn import get_loss, pack_target
from diffkeras.nn.losses import (
    AbsoluteError,
    AlternatingLoss,
    ExponentialWeight,
    HuberError,
    InverseHuberError,
    PowerError,
    RelativeError,
    SquaredError,
    StepWeight,
    TanhWeight,
    UniformWeight,
    WeightMap,
)

# Two examples on a 1×2 lattice. Errors ŷ − y: [0.0, 0.1] and [−0.3, 0.4].
FIELD = np.array([1.0, 0.3, 0.5, 0.1], "float32").reshape(2, 1, 2, 1)
SOURCE_IMAGE = np.array([1.0, 0.0, 0.5, 0.0], "float32").reshape(2, 1, 2, 1)
PREDICTION = np.array([1.0, 0.4, 0.2, 0.5], "float32").reshape(2, 1, 2, 1)
TARGET = pack_target(FIELD, SOURCE_IMAGE)

CASES = {
    "absolute": (AbsoluteError(), [0.0, 0.1, 0.3, 0.4]),
    "squared": (SquaredError(), [0.0, 0.01, 0.09, 0.16]),
    "power": (PowerError(0.5), [0.0, 0.316228, 0.547723, 0.632456]),
    "huber": (HuberError(0.2), [0.0, 0.005, 0.04, 0.06]),
    "inverse_huber": (InverseHuberError(0.2), [0.0, 0.1, 0.325, 0.5]),
    "relative": (RelativeError(0.1), [0.0, 0.25, 0.5, 2.0]),
}


@pytest.mark.parametrize(("loss", "values"), CASES.values(), ids=CASES)
def test_values_of_nodes_and_their_mean(loss, values):
    result = keras.ops.convert_to_numpy(loss.call(TARGET, PREDICTION))
    assert result.shape == (2, 1, 2)
    np.testing.assert_allclose(result.ravel(), values, rtol=1e-5, atol=1e-7)
    for target in (TARGET, FIELD):  # without a weight, the field alone is enough
        assert float(loss(target, PREDICTION)) == pytest.approx(np.mean(values), rel=1e-5)


@pytest.mark.parametrize(
    ("weight", "shape"),
    [
        ([2.0, 0.5], (2,)),
        ([2.0, 0.5], (2, 1)),
        ([2.0, 0.5], (2, 1, 1, 1)),
        ([1.0, 2.0, 3.0, 4.0], (2, 1, 2)),
        ([0.0, 0.0], (2,)),
    ],
)
def test_sample_weights_of_examples_or_nodes(weight, shape):
    loss, values = CASES["huber"]
    each = np.repeat(weight, 4 // len(weight))
    value = float(loss(TARGET, PREDICTION, np.reshape(weight, shape)))
    assert value == pytest.approx((each * values).mean(), rel=1e-5)


def test_mean_with_sample_weight_divides_by_the_weight_of_all_nodes():
    loss = AbsoluteError(reduction="mean_with_sample_weight")
    expected = (3 * 0.1 + 1 * 0.7) / (2 * 3 + 2 * 1)
    assert float(loss(TARGET, PREDICTION, np.array([3.0, 1.0]))) == pytest.approx(expected)


def test_fit_passes_target_and_sample_weights_on():
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Identity()])
    model.compile("sgd", AbsoluteError(weight=StepWeight(10.0)))
    assert model.evaluate(PREDICTION, TARGET, verbose=0) == pytest.approx(3.5 / 4)
    weighted = model.evaluate(PREDICTION, TARGET, sample_weight=np.array([2.0, 0.5]), verbose=0)
    assert weighted == pytest.approx((2 * 0.1 + 0.5 * 3.4) / 4)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (UniformWeight(), [1.0, 1.0, 1.0, 1.0, 1.0]),
        (ExponentialWeight(0.5), [1.0, 0.36787944, 0.13533528, np.exp(-3), np.exp(-1)]),
        (TanhWeight(), [1524.1884, 925.23432, 1.0, 1.0, 1 + 2000 * np.tanh(1.5)]),
        (TanhWeight(3.0, 2.0), [3.8920827, 3.2847825, 1.0, 1.0, 1 + 3 * np.tanh(3)]),
        (StepWeight(100.0), [100.0, 1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_hand_computed_weights(weight, expected):
    field = np.array([[[1.0, 0.5, 0.0, -0.5, 1.5]]], "float32")
    image = np.array([[[1.0, 0.0, 0.0, 0.0, 0.0]]], "float32")
    result = keras.ops.convert_to_numpy(weight(field, image))
    np.testing.assert_allclose(result, [[expected]], rtol=1e-6)


def test_normalized_weights_have_unit_mean_in_each_example():
    loss = AbsoluteError(weight=StepWeight(3.0), normalize_weight=True)
    # Weights [3, 1] of mean 2 in both examples.
    expected = (0.5 * 0.1 + 1.5 * 0.3 + 0.5 * 0.4) / 4
    assert float(loss(TARGET, PREDICTION)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "loss",
    [
        *(loss for loss, _ in CASES.values()),
        PowerError(0.1),
        PowerError(1.5),
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
    for shape in ((2, 2), (3,), (1, 2), (1, 1, 2), (2, 1, 1, 2), (2, 1, 2, 1, 1)):
        with pytest.raises(ValueError, match=re.escape("sample_weight must have shape (batch,)")):
            loss(TARGET, PREDICTION, np.ones(shape))
    with pytest.raises(ValueError, match=r"WithChannelAxis must return weights of .*\(2, 1, 2\)"):
        AbsoluteError(weight=WithChannelAxis())(TARGET, PREDICTION)
    with pytest.raises(ValueError, match=r"StepWeight weighs source nodes.*pack_target"):
        AbsoluteError(weight=StepWeight(10.0))(FIELD, PREDICTION)


@pytest.mark.parametrize("bad", [0, float("nan"), float("inf"), "0.5", None, True, 10**400])
def test_parameters_must_be_above_zero(bad):
    message = re.escape(f"must be a finite number above 0, got {bad!r}")
    for make in (PowerError, HuberError, InverseHuberError, RelativeError, StepWeight):
        with pytest.raises(ValueError, match=message):
            make(bad)


def test_a_configuration_with_all_parts():
    second = {"error": "mse", "weight": {"name": "step", "amplitude": 9}, "weight_from": "target"}
    options = {"schedule": "random", "every": 5, "seed": 3, "reduction": "sum"}
    loss = get_loss({"error": "alternating", "first": "mae", "second": second, **options})
    assert isinstance(loss, AlternatingLoss)
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
        (7, "error must be a name or a mapping, got 7"),
        ({"weight": {"a": 1}}, r"weight.name is missing next to \['a'\]; choose"),
        ({"weight": "heavy"}, "no weight is named 'heavy'; choose one of uniform"),
        ({"weight": {"name": "uniform", "b": 1}}, "weight 'uniform' has no parameter 'b'.* none"),
        ({"weight": 5}, "weight must be a name or a mapping, got 5"),
        ({"weight_from": "x"}, "weight_from must be one of target, prediction, got 'x'"),
        ({"normalize_weight": "no"}, "normalize_weight must be True or False, got 'no'"),
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
