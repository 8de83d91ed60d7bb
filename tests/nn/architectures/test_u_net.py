import keras
import numpy as np
import pytest

from diffkeras.nn import NormalizedConv3x3, u_net


@pytest.fixture(scope="module")
def small():
    return u_net(width=4, depth=2)


def test_parameters_of_each_level(small):
    encoder = [(1, 4), (4, 8), (8, 16)]
    up, skip = [(16, 8), (8, 4)], [(8, 8), (4, 4)]
    kernels = sum(9 * a * b for a, b in [*encoder, *up, *skip, (4, 1)])
    biases = sum(b for _, b in [*encoder, *up, (4, 1)])
    gain_and_offset = 2 * 4
    total = sum(int(np.prod(v.shape)) for v in small.trainable_variables)
    assert total == kernels + biases + gain_and_offset


def test_skip_connections_carry_what_pooling_loses():
    keras.utils.set_random_seed(0)
    model = u_net(width=4, depth=2)
    bottom = model.get_layer("encoder_conv_2")
    bottom.set_weights([np.zeros_like(weight) for weight in bottom.get_weights()])
    image = np.zeros((1, 16, 16, 1), "float32")
    dark = np.asarray(model(image))
    image[0, 7, 9] = 1.0
    changed = np.asarray(model(image)) != dark
    assert changed[0, 7, 9, 0]


def test_only_a_signed_network_has_large_negative_values():
    keras.utils.set_random_seed(0)
    image = np.random.default_rng(0).random((4, 16, 16, 1)).astype("float32")
    unsigned = u_net(width=4, depth=1)
    signed = u_net(width=4, depth=1, signed=True)
    signed.set_weights(unsigned.get_weights())
    values = np.asarray(signed(image))
    assert values.min() < 0
    np.testing.assert_allclose(unsigned(image), np.where(values < 0, 0.02 * values, values))


def test_more_input_channels_and_no_batch_norm():
    model = u_net(width=2, depth=1, channels=3, batch_norm=False, kernel_initializer="pytorch")
    assert model.input_shape == (None, None, None, 3)
    assert not any(isinstance(layer, NormalizedConv3x3) for layer in model.layers)
