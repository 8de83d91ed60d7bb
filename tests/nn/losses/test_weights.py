import keras
import numpy as np
import pytest

from diffkeras.nn.losses import (
    ExponentialWeight,
    StepWeight,
    TanhWeight,
    UniformWeight,
)

FIELD = np.array([[[1.0, 0.5, 0.0]]], "float32")
SOURCE_IMAGE = np.array([[[1.0, 0.0, 0.0]]], "float32")


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (UniformWeight(), [1.0, 1.0, 1.0]),
        (ExponentialWeight(0.5), [1.0, 0.36787944, 0.13533528]),
        (TanhWeight(), [1524.1884, 925.23432, 1.0]),
        (TanhWeight(3.0, 2.0), [3.8920827, 3.2847825, 1.0]),
        (StepWeight(100.0), [100.0, 1.0, 1.0]),
    ],
)
def test_hand_computed_weights(weight, expected):
    result = keras.ops.convert_to_numpy(weight(FIELD, SOURCE_IMAGE))
    np.testing.assert_allclose(result, [[expected]], rtol=1e-6)


def test_weights_beyond_the_fields_of_the_data():
    field = np.array([[[-0.5, 1.5]]], "float32")
    exponential = keras.ops.convert_to_numpy(ExponentialWeight(0.5)(field))
    np.testing.assert_allclose(exponential, [[[np.exp(-3), np.exp(-1)]]], rtol=1e-6)
    tanh = keras.ops.convert_to_numpy(TanhWeight(3.0, 2.0)(field))
    np.testing.assert_allclose(tanh, [[[1.0, 1 + 3 * np.tanh(3)]]], rtol=1e-6)
