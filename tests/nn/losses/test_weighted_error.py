import re

import keras
import numpy as np
import pytest

from diffkeras.nn import pack_target
from diffkeras.nn.losses import (
    AbsoluteError,
    HuberError,
    InverseHuberError,
    PowerError,
    RelativeError,
    SquaredError,
    StepWeight,
    TanhWeight,
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


@pytest.fixture(params=CASES)
def case(request):
    loss, values = CASES[request.param]
    return loss, np.array(values)


def test_values_are_unreduced(case):
    loss, values = case
    result = keras.ops.convert_to_numpy(loss.call(TARGET, PREDICTION))
    assert result.shape == (2, 1, 2)
    np.testing.assert_allclose(result.ravel(), values, rtol=1e-5, atol=1e-7)


def test_unweighted(case):
    loss, values = case
    assert float(loss(TARGET, PREDICTION)) == pytest.approx(values.mean(), rel=1e-5)


def test_the_field_alone_is_enough_without_a_weight(case):
    loss, values = case
    assert float(loss(FIELD, PREDICTION)) == pytest.approx(values.mean(), rel=1e-5)


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 1, 1), (2, 1, 1, 1)])
def test_sample_weighted(case, shape):
    loss, values = case
    sample_weight = np.array([2.0, 0.5], "float32").reshape(shape)
    expected = (2.0 * (values[0] + values[1]) + 0.5 * (values[2] + values[3])) / 4
    assert float(loss(TARGET, PREDICTION, sample_weight)) == pytest.approx(expected, rel=1e-5)


def test_weighted_per_node(case):
    loss, values = case
    sample_weight = np.array([1.0, 2.0, 3.0, 4.0], "float32").reshape(2, 1, 2)
    expected = (values * [1, 2, 3, 4]).mean()
    assert float(loss(TARGET, PREDICTION, sample_weight)) == pytest.approx(expected, rel=1e-5)


def test_zero_weighted(case):
    loss, _ = case
    assert float(loss(TARGET, PREDICTION, np.zeros(2, "float32"))) == 0.0


def test_mean_with_sample_weight_divides_by_the_weight_of_all_nodes():
    loss = AbsoluteError(reduction="mean_with_sample_weight")
    expected = (3 * 0.1 + 1 * 0.7) / (2 * 3 + 2 * 1)
    assert float(loss(TARGET, PREDICTION, np.array([3.0, 1.0]))) == pytest.approx(expected)


@pytest.mark.parametrize(
    "loss",
    [
        *(loss for loss, _ in CASES.values()),
        PowerError(0.1),
        PowerError(1.0),
        PowerError(1.5),
        AbsoluteError(weight="tanh", weight_from="prediction"),
    ],
)
def test_gradients_are_finite_at_no_error(loss):
    import tensorflow as tf

    prediction = tf.Variable(FIELD)
    with tf.GradientTape() as tape:
        value = loss(TARGET, prediction)
    np.testing.assert_array_equal(tape.gradient(value, prediction), 0.0 * FIELD)


def test_step_weight_multiplies_the_sources():
    loss = AbsoluteError(weight=StepWeight(10.0))
    assert float(loss(TARGET, PREDICTION)) == pytest.approx((0.1 + 3.0 + 0.4) / 4)


def test_weight_from_the_prediction_has_no_gradient():
    import tensorflow as tf

    loss = SquaredError(weight=TanhWeight(3.0, 2.0), weight_from="prediction", reduction="sum")
    prediction = tf.Variable(PREDICTION)
    with tf.GradientTape() as tape:
        value = loss(TARGET, prediction)
    weights = 1 + 3 * np.tanh(2 * PREDICTION)
    errors = PREDICTION - FIELD
    assert float(value) == pytest.approx((weights * errors**2).sum(), rel=1e-5)
    np.testing.assert_allclose(
        tape.gradient(value, prediction), 2 * weights * errors, rtol=1e-5, atol=1e-6
    )


def test_tanh_weight_of_a_negative_prediction_is_one():
    loss = AbsoluteError(weight=TanhWeight(2000.0), weight_from="prediction")
    assert float(loss(0.0 * FIELD, 0.0 * FIELD - 0.5)) == pytest.approx(0.5)


def test_normalized_weights_have_unit_mean_in_each_example():
    loss = AbsoluteError(weight=StepWeight(3.0), normalize_weight=True)
    # Weights [3, 1] of mean 2 in both examples.
    expected = (0.5 * 0.1 + 1.5 * 0.3 + 0.5 * 0.4) / 4
    assert float(loss(TARGET, PREDICTION)) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(dtype):
    prediction = keras.ops.cast(PREDICTION, dtype)
    loss = AbsoluteError(weight=StepWeight(10.0))
    value = loss(TARGET, prediction, np.array([1.0, 1.0]))
    assert keras.backend.standardize_dtype(value.dtype) == "float32"
    rounded = keras.ops.convert_to_numpy(keras.ops.cast(prediction, "float32"))
    expected = (np.abs(rounded - FIELD) * np.where(SOURCE_IMAGE > 0, 10, 1)).mean()
    assert float(value) == pytest.approx(expected, rel=1e-6)


def test_fit_passes_the_target_on():
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Identity()])
    model.compile("sgd", AbsoluteError(weight=StepWeight(10.0)))
    assert model.evaluate(PREDICTION, TARGET, verbose=0) == pytest.approx(3.5 / 4)
    weighted = model.evaluate(PREDICTION, TARGET, sample_weight=np.array([2.0, 0.5]), verbose=0)
    assert weighted == pytest.approx((2 * 0.1 + 0.5 * 3.4) / 4)


def test_missing_source_image_is_explained():
    loss = AbsoluteError(weight=StepWeight(10.0))
    with pytest.raises(ValueError, match=r"StepWeight weighs source nodes.*pack_target"):
        loss(FIELD, PREDICTION)


def test_wrong_shapes():
    loss = AbsoluteError()
    with pytest.raises(ValueError, match="y_true"):
        loss(FIELD[..., 0], PREDICTION)
    with pytest.raises(ValueError, match="y_pred"):
        loss(TARGET, TARGET)
    for shape in ((2, 2), (3,), (1, 2), (1, 1, 2), (2, 1, 1, 2), (2, 1, 2, 1, 1)):
        with pytest.raises(ValueError, match=re.escape("sample_weight must have shape (batch,)")):
            loss(TARGET, PREDICTION, np.ones(shape))


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), "0.5", None, True, 10**400])
def test_parameters_must_be_above_zero(bad):
    message = re.escape(f"must be a finite number above 0, got {bad!r}")
    for make in (PowerError, HuberError, InverseHuberError, RelativeError, StepWeight):
        with pytest.raises(ValueError, match=message):
            make(bad)


FROM_PREDICTION = {"weight": "tanh", "weight_from": "prediction"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_from": "x"}, "weight_from must be one of target, prediction, got 'x'"),
        ({"normalize_weight": "false"}, "normalize_weight must be True or False, got 'false'"),
        ({**FROM_PREDICTION, "weight_gradient": 1}, "weight_gradient must be True or False, got 1"),
        *(
            ({**options, "weight_gradient": True}, "weight_gradient=True needs")
            for options in ({"weight": "tanh"}, {"weight_from": "prediction"}, {"weight": None})
        ),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        AbsoluteError(**options)


class WithChannelAxis(WeightMap):
    def call(self, field, source_image):
        return keras.ops.ones_like(field)[..., None]


def test_a_weight_map_that_would_be_broadcast_raises():
    with pytest.raises(ValueError, match=r"WithChannelAxis must return weights of .*\(2, 1, 2\)"):
        AbsoluteError(weight=WithChannelAxis())(TARGET, PREDICTION)


def test_base_weight_map_is_abstract():
    with pytest.raises(NotImplementedError):
        WeightMap()(FIELD)
