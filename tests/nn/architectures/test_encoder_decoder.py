import keras
import numpy as np
import pytest

from diffkeras.nn import NormalizedConv3x3, encoder_decoder


@pytest.fixture(scope="module")
def small():
    return encoder_decoder(width=4, depth=2)


def test_parameter_count_of_the_paper():
    model = encoder_decoder(width=64, depth=5, kernel_initializer="zeros")
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 50_307_969


def test_layer_names(small):
    names = [layer.name for layer in small.layers]
    assert names == [
        "source_image",
        "lattice_check",
        "encoder_conv_0",
        "encoder_activation_0",
        "encoder_pool_0",
        "encoder_conv_1",
        "encoder_activation_1",
        "encoder_pool_1",
        "encoder_conv_2",
        "encoder_activation_2",
        "decoder_conv_0",
        "decoder_activation_0",
        "decoder_conv_1",
        "decoder_activation_1",
        "decoder_conv_2",
        "decoder_activation_2",
        "field_conv",
        "field",
    ]
    assert small.name == "encoder_decoder"


def test_channels():
    model = encoder_decoder(width=2, depth=5)
    filters = [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert filters == [2, 4, 8, 16, 32, 64, 32, 16, 8, 4, 2, 1, 1]


def test_without_batch_norm():
    model = encoder_decoder(width=4, depth=1, batch_norm=False)
    assert not any(isinstance(layer, NormalizedConv3x3) for layer in model.layers)


def test_batch_norm_is_synchronized_where_keras_can(small):
    layer = small.get_layer("encoder_conv_0").norm
    assert layer.synchronized == (keras.backend.backend() == "tensorflow")
    assert "synchronized" not in layer.get_config()
    assert (layer.momentum, layer.epsilon) == (0.9, 1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width must be an integer of at least 2, got 0"),
        ({"width": 3}, "width must be even, got 3"),
        ({"width": 4.0}, "width must be an integer of at least 2, got 4.0"),
        ({"depth": 0}, "depth must be an integer of at least 1, got 0"),
        ({"depth": True}, "depth must be an integer of at least 1, got True"),
        ({"channels": 0}, "channels must be an integer of at least 1, got 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        encoder_decoder(**options)


@pytest.mark.parametrize("seed", [None, 3])
def test_an_initializer_draws_other_numbers_for_each_convolution(seed):
    initializer = keras.initializers.HeNormal(seed)
    model = encoder_decoder(width=16, depth=2, kernel_initializer=initializer)
    kernels = [weight.numpy().ravel()[:72] for weight in model.weights if weight.name == "kernel"]
    assert len(kernels) == 7
    for k, kernel in enumerate(kernels):
        for other in kernels[:k]:
            assert abs(np.corrcoef(kernel, other)[0, 1]) < 0.5
    if seed is not None:
        again = encoder_decoder(width=16, depth=2, kernel_initializer=initializer)
        np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_initial_weights_of_pytorch():
    model = encoder_decoder(width=16, depth=2, kernel_initializer="pytorch")
    # channels of the input in the encoder, and of the output in the decoder
    channels = {"encoder": [1, 16, 32], "decoder": [32, 16, 8], "field": [1]}
    expected = {
        (f"{part}_conv_{k}" if part != "field" else "field_conv"): 1 / np.sqrt(9 * count)
        for part, counts in channels.items()
        for k, count in enumerate(counts)
    }
    found = {layer.name: layer for layer in model.layers if hasattr(layer, "kernel")}
    assert found.keys() == expected.keys()
    for name, bound in expected.items():
        kernel, bias = found[name].kernel.numpy(), found[name].bias.numpy()
        assert max(np.abs(kernel).max(), np.abs(bias).max()) <= bound
        assert np.abs(kernel).max() > 0.9 * bound
        assert np.all(bias != 0)


def test_initial_weights_of_pytorch_follow_the_seed():
    models = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        models.append(encoder_decoder(width=2, depth=1, kernel_initializer="pytorch"))
    first, same, other = (model.get_weights() for model in models)
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not np.array_equal(first[0], other[0])
    # every convolution draws numbers of its own
    convolutions = [w for w in models[0].weights if w.name in ("kernel", "bias")]
    assert len({float(np.ravel(w.numpy())[0]) for w in convolutions}) == len(convolutions)
