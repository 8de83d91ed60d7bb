"""The architectures of one's own: their layers, and networks as configurations build them."""

from typing import Any

import keras
import numpy as np
import pytest

from benchmarks.own_architectures import deeponet, transformer
from benchmarks.own_architectures.positions import AddPositions, Sensors, Superposition, Waves
from diffkeras.surrogates.build import build_model
from diffkeras.training.optimizers import make_optimizer
from tests.helpers.rounding import same_to_rounding

SMALL: dict[str, dict[str, Any]] = {
    "deeponet": {"width": 2, "depth": 2, "sensors": 5},
    "transformer": {"width": 2, "depth": 2, "patch": 4},
}
BUILDERS = {"deeponet": deeponet.build, "transformer": transformer.build}
each = pytest.mark.parametrize("name", SMALL)


@each
def test_a_configuration_names_it(name, tiny):
    place = f"benchmarks.own_architectures.{name}:build"
    config = tiny.with_overrides({"model.architecture": place, "model.arguments": SMALL[name]})
    model = build_model(config)
    assert (model.name, model.input_shape) == (name, (None, None, None, 1))
    for lattice in ((16, 24), (4, 8)):
        assert tuple(model(np.ones((2, *lattice, 1), "float32")).shape) == (2, *lattice, 1)


@each
def test_a_saved_model_computes_the_same(name, tmp_path):
    model = BUILDERS[name](channels=3, **SMALL[name])
    model.save(tmp_path / "model.keras")
    image = np.random.default_rng(0).random((2, 16, 12, 3)).astype("float32")
    assert same_to_rounding(keras.saving.load_model(tmp_path / "model.keras")(image), model(image))


@each
def test_it_knows_where_a_source_is(name):
    keras.utils.set_random_seed(0)
    image = np.zeros((2, 16, 16, 1), "float32")
    image[0, 1, 1], image[1, 9, 13] = 1.0, 1.0
    model = BUILDERS[name](**SMALL[name])
    first, second = np.asarray(model(image))
    assert not np.allclose(np.roll(first, (8, 12), (0, 1)), second, atol=1e-3)
    assert first[12, 12, 0] != np.asarray(model(0 * image))[0, 12, 12, 0]


@pytest.mark.parametrize("layer", [Waves(3), AddPositions(3), Sensors(4), Superposition()])
def test_layers_are_made_again_from_their_configurations(layer):
    assert type(layer).from_config(layer.get_config()).get_config() == layer.get_config()


def test_sensors_see_the_means_of_equal_parts():
    image = np.random.default_rng(0).random((2, 6, 9, 2)).astype("float32")
    parts = image.reshape(2, 3, 2, 3, 3, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(Sensors(3)(image), parts.reshape(2, -1), rtol=1e-5)
    finer = np.repeat(np.repeat(image, 5, axis=1), 5, axis=2)  # parts share nodes
    np.testing.assert_allclose(Sensors(4)(image), Sensors(4)(finer), rtol=1e-5)


def test_waves_are_cosines_of_the_centres_of_nodes():
    waves = np.asarray(Waves(2)(np.zeros((3, 4, 5, 1), "float32")))
    assert waves.shape == (1, 4, 5, 4)
    row, column = (np.pi * (np.arange(side) + 0.5) / side for side in (4, 5))
    np.testing.assert_allclose(waves[0, :, 2, 1], np.cos(2 * row), atol=1e-6)
    np.testing.assert_allclose(waves[0, 3, :, 2], np.cos(column), atol=1e-6)


def test_patches_are_powers_of_two():
    with pytest.raises(ValueError, match="patch must be a power of two from 2 on, not 6"):
        transformer.build(width=8, depth=1, patch=6)


def test_muon_trains_nothing_of_a_transformer(tiny):
    config = tiny.with_overrides({"training.optimizer": "muon"})
    weights = transformer.build(width=16, depth=1, patch=4).trainable_variables
    optimizer = make_optimizer(config, 10)
    optimizer.build(weights)
    assert all(each is not None for each in optimizer.adam_velocities)
