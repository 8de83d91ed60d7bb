import keras
import numpy as np
import pytest

from diffkeras.nn import LatticeCheck, check_lattice, encoder_decoder


def test_check_lattice():
    check_lattice((512, 96), 5)
    with pytest.raises(
        ValueError, match=r"width of the lattice is 100, .* 2\*\*5 = 32; .*96 and 128"
    ):
        check_lattice((512, 100), 5)
    with pytest.raises(ValueError, match=r"height of the lattice is 16, .*nearest that works: 32"):
        check_lattice((16, 32), 5)
    with pytest.raises(ValueError, match="height of the lattice must be an integer"):
        check_lattice((-32, 32), 5)
    check_lattice((None, 32), 5)
    with pytest.raises(ValueError, match="width of the lattice is 100"):
        check_lattice((None, 100), 5)


@pytest.mark.parametrize("shape", [(1, 6, 8, 1), (2, 8, 2, 1)])
def test_a_network_raises_for_a_lattice_that_it_would_shrink(shape):
    model = encoder_decoder(width=2, depth=2)
    for function in (model, model.predict):
        with pytest.raises(ValueError, match=r"not a multiple of 2\*\*2 = 4"):
            function(np.zeros(shape, np.float32))


def test_the_check_returns_its_input():
    images = np.random.default_rng(0).random((2, 8, 12, 3)).astype(np.float32)
    np.testing.assert_array_equal(LatticeCheck(2)(images), images)
    symbolic = LatticeCheck(2)(keras.Input((None, None, 3)))
    assert symbolic.shape == (None, None, None, 3)


def test_weights_saved_without_the_check_still_load(tmp_path):
    model = encoder_decoder(width=2, depth=1)
    layers = [layer for layer in model.layers[1:] if not isinstance(layer, LatticeCheck)]
    features = source_image = keras.Input((None, None, 1))
    for layer in layers:
        features = layer(features)
    keras.Model(source_image, features).save_weights(tmp_path / "old.weights.h5")
    again = encoder_decoder(width=2, depth=1)
    again.load_weights(tmp_path / "old.weights.h5")
    for one, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
