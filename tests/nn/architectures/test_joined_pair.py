import itertools

import keras
import numpy as np
import pytest

from diffkeras.nn import NormalizedConv3x3, joined_pair


@pytest.fixture(scope="module")
def small():
    return joined_pair(width=4, depth=2)


def plain(model):
    return model.get_layer("plain_network")


def test_the_field_is_the_weighted_sum_of_two_networks(small):
    image = np.random.default_rng(0).random((2, 8, 12, 1)).astype("float32")
    first, second = small.get_layer("encoder_decoder")(image), plain(small)(image)
    half = 0.5 * (np.asarray(first) + np.asarray(second))
    np.testing.assert_allclose(small(image), half, rtol=1e-5, atol=1e-6)
    model = keras.models.clone_model(small)
    model.set_weights(small.get_weights())
    model.get_layer("field").factors.assign([2.0, -3.0])
    expected = 2 * np.asarray(first) - 3 * np.asarray(second)
    np.testing.assert_allclose(model(image), expected, rtol=1e-4, atol=1e-5)


def test_parameters_of_the_prior_work():
    model = joined_pair(kernel_initializer="zeros")
    channels = [1, 4, 8, 16, 8, 4, 1]
    convolutions = sum(9 * a * b + b for a, b in itertools.pairwise(channels))
    gain_and_offset = 2 * 4
    added = convolutions + gain_and_offset + 2
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 50_307_969 + added
    layers = [layer for layer in plain(model).layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in layers] == channels[1:]
    assert [isinstance(layer, NormalizedConv3x3) for layer in layers] == [True] + [False] * 5


def test_more_input_channels_and_pytorch_weights():
    model = joined_pair(width=2, depth=1, channels=2, kernel_initializer="pytorch")
    assert tuple(model(np.ones((1, 4, 6, 2), "float32")).shape) == (1, 4, 6, 1)
    kernel, bias, *_ = plain(model).get_layer("plain_conv_2").get_weights()
    bound = 1 / np.sqrt(9 * 8)
    assert 0.9 * bound < np.abs(kernel).max() <= bound
    assert np.all(bias != 0)


def test_an_initializer_with_a_seed_draws_other_numbers_for_each_network():
    initializer = keras.initializers.HeNormal(3)
    model = joined_pair(width=4, depth=1, kernel_initializer=initializer)
    # the first numbers, without the factor by which the initializer scales them
    starts = [w.numpy().ravel()[:4] for w in model.weights if w.name == "kernel"]
    starts = [start / np.abs(start).max() for start in starts]
    assert len(starts) == 5 + 6
    for k, start in enumerate(starts):
        assert not any(np.allclose(start, other) for other in starts[:k])
