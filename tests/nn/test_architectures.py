"""Every architecture of the table, and what sets each of them apart."""

import itertools
from typing import Any

import keras
import numpy as np
import pytest

from diffkeras import nn
from diffkeras.nn.architectures import ARCHITECTURES
from tests.helpers.rounding import same_to_rounding

OPERATOR = nn.LatticeOperator(decay=0.05)
SMALL: dict[str, Any] = {"width": 2, "depth": 2, "modes": 3, "pad": False, "rounds": 2}
LATTICES = {"fourier_neural_operator": [(16, 30), (5, 7)], "unrolled_cg": [(13, 18), (4, 8)]}
POOLING = ("encoder_decoder", "joined_pair", "u_net")

every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


def make(name: str, channels: int = 1, **changes: Any) -> keras.Model:
    """A small network, built as a configuration builds it."""
    architecture = ARCHITECTURES[name]
    facts = {**SMALL, "channels": channels, "operator": OPERATOR, "initial_weights": "keras"}
    facts |= changes
    names = [*(parameter.name for parameter in architecture.parameters), *architecture.needs]
    return architecture.build(**{key: facts[key] for key in names})


def lattices(name: str) -> list[tuple[int, int]]:
    return LATTICES.get(name, [(16, 16), (4, 8)])


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


@pytest.fixture
def half_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@every_architecture
def test_fields_have_the_lattice_of_the_input_also_of_a_saved_model(name, tmp_path):
    model = make(name, channels=3)
    assert (model.name, model.input.name) == (name, "source_image")
    assert "Source: " in getattr(nn, name).__doc__
    assert model.input_shape == (None, None, None, 3)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for lattice in lattices(name):
        x = np.random.default_rng(0).random((2, *lattice, 3)).astype("float32")
        assert tuple(model(x).shape) == (2, *lattice, 1)
        assert same_to_rounding(loaded(x), model(x))


@every_architecture
@pytest.mark.usefixtures("half_precision")
def test_mixed_precision_field_is_float32(name):
    model = make(name)
    field = model(np.ones((1, *lattices(name)[1], 1), "float32"))
    assert keras.backend.standardize_dtype(field.dtype) == "float32"
    convolutions = [layer for layer in model._flatten_layers() if "conv" in layer.name]
    assert {layer.compute_dtype for layer in convolutions} <= {"bfloat16"}


@every_architecture
def test_sides_are_those_that_the_network_takes(name):
    sides = ARCHITECTURES[name].lattices(SMALL)
    expected = {"fourier_neural_operator": (1, 5), "unrolled_cg": (1, 1)}.get(name, (4, 1))
    assert (sides.divisor, sides.shortest) == expected
    sides.check((8, None))
    if name == "unrolled_cg":
        return
    wrong = (sides.shortest - 1 or 6, 8)
    for check in (sides.check, lambda lattice: make(name)(np.ones((1, *lattice, 1), "float32"))):
        with pytest.raises(ValueError, match=rf"{wrong[0]} .*{max(expected)}"):
            check(wrong)


@every_architecture
def test_bad_arguments(name):
    names = {"unrolled_cg": ("rounds",), "fourier_neural_operator": ("modes", "width", "depth")}
    for argument in (*names.get(name, ("width", "depth")), "channels"):
        with pytest.raises(ValueError, match=f"{argument} must be a whole number from"):
            make(name, **{argument: 0})


@pytest.mark.parametrize("name", POOLING)
def test_padding_takes_any_lattice(name):
    image = np.random.default_rng(0).random((1, 7, 9, 1)).astype("float32")
    padded = make(name, pad=True)
    assert padded.name == f"{name}_padded"
    network = padded.get_layer(name)
    larger = np.pad(image, [(0, 0), (0, 1), (0, 3), (0, 0)])
    assert same_to_rounding(padded(image), network(larger)[:, :7, :9])


def test_the_network_of_the_paper():
    model = nn.encoder_decoder(kernel_initializer="zeros")
    assert trainable(model) == 50_307_969
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    filters = [layer.filters for layer in convolutions]
    assert filters == [64, 128, 256, 512, 1024, 2048, 1024, 512, 256, 128, 64, 32, 1]
    with pytest.raises(ValueError, match="width must be even, got 3"):
        nn.encoder_decoder(width=3)


@pytest.mark.parametrize("seed", [None, 3])
def test_an_initializer_draws_other_numbers_for_each_convolution(seed):
    initializer = keras.initializers.HeNormal(seed)
    models = [nn.joined_pair(4, 1, kernel_initializer=initializer) for _ in range(2)]
    # the first numbers, without the factor by which the initializer scales them
    kernels = [w.numpy() for w in models[0].weights if len(w.shape) == 4]
    assert len(kernels) == 5 + 6
    starts = [kernel.ravel()[:4] / np.abs(kernel.ravel()[:4]).max() for kernel in kernels]
    for one, other in itertools.combinations(starts, 2):
        assert not np.allclose(one, other)
    if seed is not None:
        first, again = (model.get_weights()[0] for model in models)
        np.testing.assert_array_equal(first, again)


def test_initial_weights_of_pytorch():
    model = nn.encoder_decoder(width=16, depth=2, kernel_initializer="pytorch")
    # channels of the input in the encoder, and of the output in the decoder
    channels = {"encoder": [1, 16, 32], "decoder": [32, 16, 8], "field": [1]}
    expected = {
        (f"{part}_conv_{k}" if part != "field" else "field_conv"): 1 / np.sqrt(9 * count)
        for part, counts in channels.items()
        for k, count in enumerate(counts)
    }
    layers = {layer.name: layer for layer in model.layers if hasattr(layer, "kernel")}
    assert layers.keys() == expected.keys()
    for name, bound in expected.items():
        kernel, bias = layers[name].kernel.numpy(), layers[name].bias.numpy()
        assert 0.9 * bound < np.abs(kernel).max() <= bound
        assert kernel.var() == pytest.approx(bound**2 / 3, rel=0.3)
        assert np.all(np.abs(bias) <= bound)
        assert np.all(bias != 0)


def test_a_joined_pair_is_the_weighted_sum_of_two_networks():
    model = nn.joined_pair(width=4, depth=2)
    image = np.random.default_rng(0).random((2, 8, 12, 1)).astype("float32")
    first, second = (
        np.asarray(model.get_layer(name)(image)) for name in ("encoder_decoder", "plain_network")
    )
    np.testing.assert_allclose(model(image), (first + second) / 2, rtol=1e-5, atol=1e-6)
    model.get_layer("field").set_weights([np.array([[2.0], [-3.0]])])
    np.testing.assert_allclose(model(image), 2 * first - 3 * second, rtol=1e-4, atol=1e-5)


def test_the_joined_pair_of_the_prior_work():
    model = nn.joined_pair(kernel_initializer="zeros")
    channels = [1, 4, 8, 16, 8, 4, 1]
    convolutions = sum(9 * a * b + b for a, b in itertools.pairwise(channels))
    gain_and_offset = 2 * 4
    assert trainable(model) == 50_307_969 + convolutions + gain_and_offset + 2


def test_skip_connections_carry_what_pooling_loses():
    keras.utils.set_random_seed(0)
    model = nn.u_net(width=4, depth=2)
    bottom = model.get_layer("encoder_conv_2")
    bottom.set_weights([np.zeros_like(weight) for weight in bottom.get_weights()])
    image = np.zeros((1, 16, 16, 1), "float32")
    dark = np.asarray(model(image))
    image[0, 7, 9] = 1.0
    changed = np.asarray(model(image)) != dark
    assert changed[0, 7, 9, 0]


def test_a_fourier_neural_operator_reaches_across_the_lattice():
    keras.utils.set_random_seed(0)
    model = nn.fourier_neural_operator(width=4, depth=2, modes=3)
    lifting, projection = (1 + 2 + 1) * 4, (4 + 1) * 8 + 8 + 1
    spectral, pointwise = 5 * 3 * 4 * 2 * 4, (4 + 1) * 4
    assert model.count_params() == lifting + 2 * (spectral + pointwise) + projection
    image = np.zeros((1, 16, 16, 1), "float32")
    dark = np.asarray(model(image))
    image[0, 0, 0] = 1.0
    assert np.asarray(model(image))[0, -1, -1, 0] != dark[0, -1, -1, 0]


def test_the_channel_of_diffusion_lengths_is_no_source():
    operator = nn.LatticeOperator(lengths=(2.0, 8.0))
    model = nn.unrolled_cg(operator=operator, rounds=2, channels=2)
    network_input = np.ones((1, 8, 9, 2), "float32")
    network_input[..., 0] = 0
    assert np.all(np.asarray(model(network_input)) == 0)
