import keras
import numpy as np
import pytest

from diffkeras.nn import fourier_neural_operator


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(0)
    return fourier_neural_operator(width=4, depth=2, modes=3)


def test_parameters(small):
    lifting, projection = (1 + 2 + 1) * 4, (4 + 1) * 8 + 8 + 1
    spectral, pointwise = 5 * 3 * 4 * 2 * 4, (4 + 1) * 4
    assert small.count_params() == lifting + 2 * (spectral + pointwise) + projection


def test_a_saved_model_computes_the_same(small, tmp_path):
    small.save(tmp_path / "model.keras")
    image = np.random.default_rng(0).random((2, 12, 9, 1)).astype("float32")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(image), small(image))


def test_a_node_at_one_end_changes_the_field_at_the_other(small):
    image = np.zeros((1, 16, 16, 1), "float32")
    dark = np.asarray(small(image))
    image[0, 0, 0] = 1.0
    assert np.asarray(small(image))[0, -1, -1, 0] != dark[0, -1, -1, 0]
