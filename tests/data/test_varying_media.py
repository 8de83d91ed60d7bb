"""Examples with diffusion lengths of their own: how they are drawn, named and read."""

from pathlib import Path

import numpy as np
import pytest
from generation_tools import dataset_hash, generate_dataset

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.data import (
    dataset_status,
    mixed_dataset,
    raw_dataset,
)
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.writing.generation import Estimate
from diffkeras.physics import Medium
from diffkeras.physics.operators import spectral
from diffkeras.representation.network_input import network_input
from diffkeras.representation.target import unpack_target
from diffkeras.representation.transforms import get_transform

RANGE = (0.5, 20.0)
CHANGES = {
    "physics.decay": 1 / 400,
    "physics.step": 0.5,
    "physics.diffusivity": 3.0,
    "data.diffusion_length": list(RANGE),
}


@pytest.fixture(scope="module")
def varying(tiny: Config) -> Config:
    return tiny.with_overrides(CHANGES)


@pytest.fixture(scope="module")
def varying_dir(varying: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("varying")
    for count in varying.data.sources:
        generate_dataset(varying, count, path)
    return path


def recipe_of(config: Config, count: int = 2):
    return DatasetConfig.of(count, config).recipe()


def examples_of(*arguments) -> list[dict]:
    return list(raw_dataset(*arguments).as_numpy_iterator())


def test_lengths_are_log_uniform_and_sources_those_without_a_range(varying, tiny):
    recipe, plain = recipe_of(varying), recipe_of(tiny)
    for k in range(5):
        with_range, without = recipe.sources("train", k), plain.sources("train", k)
        assert np.array_equal(with_range.rows, without.rows)
        assert np.array_equal(with_range.values, without.values)
    drawn = np.array([recipe.length_of("train", k) for k in range(4000)])
    assert np.array_equal(drawn, drawn.astype(np.float32))
    share = np.log(drawn / RANGE[0]) / np.log(RANGE[1] / RANGE[0])
    expected = (np.arange(4000) + 0.5) / 4000
    # Kolmogorov and Smirnov's distance, exceeded by one seed in 10,000
    assert np.abs(np.sort(share) - expected).max() < 2.2 / np.sqrt(4000)
    assert share.min() >= 0
    assert share.max() <= 1 + 1e-7
    assert plain.length_of("train", 0) is None
    assert plain.medium_with(None) == tiny.physics.medium


def test_a_length_depends_on_seed_split_count_and_number_alone(varying):
    other_seed = varying.with_overrides({"data.seed": 9})
    recipes = [recipe_of(varying, 1), recipe_of(varying, 2), recipe_of(other_seed, 1)]
    found = {r.length_of(s, k) for r in recipes for s in ("train", "test") for k in (0, 1)}
    assert len(found) == 12
    # of the same share of another range
    wider = varying.with_overrides({"data.diffusion_length": [1, 100]})
    share = np.log(recipe_of(varying).length_of("train", 3) / 0.5) / np.log(40)
    assert recipe_of(wider).length_of("train", 3) == pytest.approx(100**share, rel=1e-6)


def test_a_medium_of_a_diffusion_length():
    medium = Medium(diffusivity=(2.0, 8.0), boundary="periodic").with_diffusion_length(4.0)
    assert medium.decay == 0.5
    assert medium.diffusion_length == 4.0
    assert medium.boundary == "periodic"


def test_the_range_is_part_of_the_identity_only_if_there_is_one(varying, tiny):
    plain, ranged = (DatasetConfig.of(2, c) for c in (tiny, varying))
    assert "diffusion_length" not in plain.identity()
    assert ranged.identity()["diffusion_length"] == list(RANGE)
    # what no example has doesn't tell datasets apart
    assert "decay" not in ranged.identity()
    wider = varying.with_overrides({"data.diffusion_length": [0.5, 21]})
    names = {DatasetConfig.of(2, c).name for c in (tiny, varying, wider)}
    assert len(names) == 3


@pytest.mark.slow
def test_files_are_the_same_with_two_processes(varying, varying_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(Estimate, "useful_processes", lambda self, processes: processes)
    generate_dataset(varying, 2, tmp_path, processes=2)
    assert dataset_hash(varying, tmp_path) == dataset_hash(varying, varying_dir)


def test_the_network_sees_the_length_as_a_constant_channel(varying, varying_dir):
    config = varying.with_overrides({"training.batch_size": 10})
    x, y = next(mixed_dataset(config, "test", varying_dir).as_numpy_iterator())
    assert x.shape == (10, 16, 16, 2)
    source_images = unpack_target(y).source_image
    assert x.dtype == np.float32
    stored = examples_of(varying, 1, "test", varying_dir)
    root = get_transform("sqrt").forward
    for k, example in enumerate(stored):
        np.testing.assert_allclose(x[2 * k, ..., :1], root(example["source_image"]), rtol=1e-6)
        logarithm = 2 * np.log(example["diffusion_length"] / 0.5) / np.log(40) - 1
        np.testing.assert_allclose(x[2 * k, ..., 1], logarithm, atol=1e-6)
        np.testing.assert_array_equal(source_images[2 * k], example["source_image"][..., 0])
    assert np.ptp(x[:, 0, 0, 1]) > 0.1


def test_the_channel_goes_from_minus_one_to_one():
    images = np.zeros((3, 4, 5, 1), np.float32)
    x = network_input(images, get_transform("linear"), np.array([2.0, 4.0, 8.0]), (2.0, 8.0))
    assert x.shape == (3, 4, 5, 2)
    np.testing.assert_allclose(x[:, 0, 0, 1], [-1, 0, 1], atol=1e-12)
    assert network_input(images, get_transform("linear")).shape == (3, 4, 5, 1)


def test_other_ranges_are_other_datasets(varying, varying_dir):
    wider = varying.with_overrides({"data.diffusion_length": [0.5, 21]})
    assert dataset_status(wider, 2, varying_dir).examples == {}
    with pytest.raises(dk.DiffkerasError, match=r"it holds sources_02-.* with diffusion_length"):
        raw_dataset(wider, 2, "test", varying_dir)


def test_tables_of_many_media_dont_fill_the_memory(monkeypatch):
    for nodes, cache, kept in ((1, spectral._few, 2), (64, spectral._several, 8)):
        monkeypatch.setattr(spectral, "LARGE", nodes)
        cache.cache_clear()
        for k in range(20):
            spectral.spectral_operator((8, 8), Medium(decay=0.1 + k))
        assert cache.cache_info().currsize == kept
        cache.cache_clear()
