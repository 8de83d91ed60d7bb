"""Datasets of tissues: what is drawn, solved, stored, streamed, verified and read."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from generation_tools import dataset_hash, examples_hash, generate_dataset

import diffkeras as dk
from diffkeras.config import Config, load_config
from diffkeras.data import raw_dataset, stream_batches
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.reading.order import transform_pair
from diffkeras.data.storage import dataset_path
from diffkeras.data.writing.verify import plan_checks, run_checks
from diffkeras.physics import ExampleRecipe, Medium, TissueSampler
from diffkeras.physics.examples import LENGTH_KEY, TISSUE_KEY
from diffkeras.representation.target import pack_target, unpack_target
from diffkeras.workflows import generate, verify
from tfds_builders import Builder, DiffusionFieldsConfig

CHANGES = {
    "physics.diffusivity": 3.0,
    "physics.step": 0.5,
    "physics.boundary": "reflecting",
    "model.transform": "linear",
    "data.tissue": {
        "cells": [5, 12],
        "cell_radius": [1, 2],
        "uptake": [0.01, 1],
        "regions": [1, 3],
        "diffusivity": [0.1, 1],
    },
    "data.train_examples": 6,
}


@pytest.fixture(scope="module")
def tissue(tiny: Config) -> Config:
    return tiny.with_overrides(CHANGES)


@pytest.fixture(scope="module")
def tissue_dir(tissue: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tissue")
    for count in tissue.data.sources:
        generate_dataset(tissue, count, path)
    return path


def recipe_of(config: Config, count: int = 2) -> ExampleRecipe:
    return DatasetConfig.of(count, config).recipe()


def examples_of(*arguments: Any) -> list[dict[str, Any]]:
    return list(raw_dataset(*arguments).as_numpy_iterator())


def test_each_example_is_solved_in_its_stored_medium(tissue: Config, tissue_dir: Path) -> None:
    examples = examples_of(tissue, 2, "test", tissue_dir)
    assert len({example["decay"].tobytes() for example in examples}) == 5
    for k, example in enumerate(examples):
        own = recipe_of(tissue).example("test", k)
        for name in ("diffusivity", "decay"):
            assert example[name].shape == (16, 16, 1)
            assert example[name].dtype == np.float32
            np.testing.assert_array_equal(example[name][..., 0], getattr(own, name))
        diffusivity, decay = (example[name][..., 0] for name in ("diffusivity", "decay"))
        assert 0.3 * (1 - 1e-6) <= diffusivity.min() <= diffusivity.max() <= 3
        assert np.float32(0.05) == decay.min() < decay.max() <= 1.05
        medium = Medium(diffusivity, decay, step=0.5, boundary="reflecting")
        exact = dk.solve(example["source_image"][..., 0], medium=medium).field
        np.testing.assert_array_equal(example["field"][..., 0], exact.astype(np.float32))
        proof = dk.certify(own.field, own.source_image, medium=medium)
        assert proof.prediction_bound < 1e-6


def test_sources_are_those_without_tissue(tissue: Config, tiny: Config) -> None:
    with_tissue, without = recipe_of(tissue), recipe_of(tiny)
    for k in range(3):
        a, b = (recipe.sources("train", k) for recipe in (with_tissue, without))
        np.testing.assert_array_equal(a.image(), b.image())
    example = without.example("train", 0)
    assert example.diffusivity is None
    assert example.decay is None


def test_a_tissue_depends_on_seed_split_count_and_number_alone(tissue: Config) -> None:
    assert TISSUE_KEY != LENGTH_KEY
    other_seed = tissue.with_overrides({"data.seed": 9})
    recipes = [recipe_of(tissue, 1), recipe_of(tissue, 2), recipe_of(other_seed, 1)]
    maps = [r.maps_of(s, k) for r in recipes for s in ("train", "test") for k in (0, 1)]
    assert len({m.decay.tobytes() for m in maps if m is not None}) == 12
    again = recipe_of(tissue, 1).maps_of("train", 0)
    assert again is not None
    assert again.decay.tobytes() == maps[0].decay.tobytes()


def test_the_tissue_is_part_of_the_identity_only_if_there_is_one(
    tissue: Config, tiny: Config
) -> None:
    plain, own = (DatasetConfig.of(2, c) for c in (tiny, tissue))
    assert "tissue" not in plain.identity()
    assert own.identity()["tissue"]["cells"] == [5, 12]
    assert own.name.startswith("sources_02-tissue-16x16-")
    more = tissue.with_overrides({"data.tissue.cells": [5, 13]})
    assert len({DatasetConfig.of(2, c).name for c in (tiny, tissue, more)}) == 3


def test_files_are_the_same_again(tissue: Config, tissue_dir: Path, tmp_path: Path) -> None:
    generate_dataset(tissue, 2, tmp_path)
    assert dataset_hash(tissue, tmp_path) == dataset_hash(tissue, tissue_dir)


def test_validation_is_solved_where_there_is_no_dataset(
    tissue: Config, tissue_dir: Path, tmp_path: Path
) -> None:
    stream = tissue.with_overrides({"data.stream": True})
    stored = raw_dataset(tissue, 2, "validation", tissue_dir)
    solved = raw_dataset(stream, 2, "validation", tmp_path)
    assert solved.element_spec == stored.element_spec
    for a, b in zip(stored.as_numpy_iterator(), solved.as_numpy_iterator(), strict=True):
        for name in ("source_image", "field", "diffusivity", "decay"):
            np.testing.assert_array_equal(a[name], b[name])
        np.testing.assert_array_equal(a["sources"]["rows"], b["sources"]["rows"])


def test_a_stream_is_that_of_the_recipes(tissue: Config) -> None:
    stream = tissue.with_overrides({"data.stream": True})
    _, y = next(stream_batches(stream).as_numpy_iterator())
    target = unpack_target(y)
    np.testing.assert_array_equal(target.source_count, [1, 2, 1, 2])
    for k in range(4):
        example = recipe_of(stream, (1, 2)[k % 2]).example("stream", k)
        np.testing.assert_array_equal(target.source_image[k], example.source_image)
        np.testing.assert_array_equal(target.field[k], example.field)


def test_symmetries_turn_the_maps_with_the_image(tissue: Config, tissue_dir: Path) -> None:
    example = examples_of(tissue, 2, "test", tissue_dir)[0]
    maps = [example[name] for name in ("source_image", "diffusivity", "decay")]
    x = tf.concat(maps, axis=-1)
    y = pack_target(example["field"], example["source_image"], 2)
    seen = set()
    for symmetry in range(8):
        turned, target = transform_pair(x, y, tf.constant(symmetry), 8)
        image, diffusivity, decay = np.moveaxis(turned.numpy(), -1, 0)
        medium = Medium(diffusivity, decay, step=0.5, boundary="reflecting")
        np.testing.assert_array_equal(target[:-1, :-1, 1], image)
        exact = dk.solve(image, medium=medium).field
        np.testing.assert_allclose(target[:-1, :-1, 0], exact, atol=1e-6)
        seen.add(decay.tobytes())
    assert len(seen) == 8


def test_verifying_finds_another_tissue(
    tissue: Config, tissue_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks, findings = plan_checks(tissue, 2, tissue_dir, 1.0, np.random.default_rng(0))
    assert findings == list(run_checks(checks, 1)) == []
    monkeypatch.setattr("diffkeras.physics.examples.TISSUE_KEY", 3)
    findings = list(run_checks(checks, 1))
    assert len(findings) == 15
    assert all("decay differs by up to" in finding for finding in findings)


@pytest.mark.parametrize(
    "arguments",
    [
        {"tissue": "cells"},
        {"production": True},
        {"diffusion_length": (4.0, 40.0)},
        {"medium": Medium(decay=0.0, boundary="reflecting"), "tissue": TissueSampler(cells=0)},
    ],
)
def test_recipes_that_have_no_tissue(arguments: dict[str, Any]) -> None:
    with pytest.raises(dk.DiffkerasError, match="tissue"):
        ExampleRecipe(2, 32, **{"tissue": TissueSampler(), **arguments})


def test_tissues_have_no_ring_densities() -> None:
    with pytest.raises(dk.DiffkerasError, match="uniform medium"):
        ExampleRecipe(2, 32, tissue=TissueSampler()).compact_example("train", 0)


def test_tfds_makes_and_loads_the_same_examples(
    tissue: Config, tissue_dir: Path, tmp_path: Path
) -> None:
    config = DiffusionFieldsConfig.of_config(2, tissue)
    sizes = {"train": 6, "validation": 4, "test": 5}
    made = Builder(config=config, data_dir=str(tmp_path), examples=sizes)
    made.download_and_prepare()
    assert examples_hash(Path(made.data_path)) == examples_hash(dataset_path(tissue, 2, tissue_dir))
    name = f"diffusion_fields/{config.name}"
    pairs = tfds.load(name, split="test", data_dir=str(tissue_dir), as_supervised=True)
    given, field = next(iter(pairs))
    example = recipe_of(tissue).example("test", 0)
    np.testing.assert_array_equal(field[..., 0], example.field)
    for key in ("source_image", "diffusivity", "decay"):
        np.testing.assert_array_equal(given[key][..., 0], getattr(example, key))


SATURATING = {
    "data.tissue.saturation": [0.1, 0.4],
    "data.tissue.secreting_cells": [1, 4],
    "data.tissue.secretion": [0.01, 0.1],
}


def test_cells_that_saturate_and_secrete(tissue: Config, tmp_path: Path) -> None:
    config = tissue.with_overrides({**SATURATING, "data.train_examples": 2})
    generate_dataset(config, 2, tmp_path)
    names = ("diffusivity", "decay", "uptake", "saturation", "production")
    examples = examples_of(config, 2, "test", tmp_path)
    for k, example in enumerate(examples):
        own = recipe_of(config).example("test", k)
        assert own.maps is not None
        for name in names:
            assert example[name].dtype == np.float32
            np.testing.assert_array_equal(example[name][..., 0], getattr(own.maps, name))
        assert np.ptp(example["saturation"]) == 0
        assert example["production"].max() >= np.float32(0.01)
        uptake = dk.MichaelisMenten(example["uptake"][..., 0], example["saturation"][..., 0])
        image, medium = example["source_image"][..., 0], config.physics.medium
        given = {"uptake": uptake, "production": example["production"][..., 0]}
        own_medium = replace(medium, diffusivity=example["diffusivity"][..., 0])
        exact = dk.solve(image, medium=own_medium, **given)
        np.testing.assert_allclose(example["field"][..., 0], exact.field, atol=1e-6)
        linear = replace(own_medium, decay=medium.decay + uptake.maximum / uptake.constant)
        below = dk.solve(image, medium=linear, production=given["production"]).field
        assert np.abs(below - exact.field).max() > 0.01  # the saturation counts
    assert len({example["saturation"].max() for example in examples}) == len(examples)

    checks, findings = plan_checks(config, 2, tmp_path, 1.0, np.random.default_rng(0))
    assert findings == list(run_checks(checks, 1)) == []
    stream = config.with_overrides({"data.stream": True})
    stored = raw_dataset(config, 2, "validation", tmp_path)
    solved = raw_dataset(stream, 2, "validation", tmp_path / "nothing")
    assert solved.element_spec == stored.element_spec
    a, b = (next(iter(dataset.as_numpy_iterator())) for dataset in (stored, solved))
    for name in (*names, "source_image", "field"):
        np.testing.assert_array_equal(a[name], b[name])


def test_names_of_datasets_tell_what_cells_do(tissue: Config) -> None:
    plain = DatasetConfig.of(2, tissue)
    # as it was before cells could saturate or secrete
    assert set(plain.identity()["tissue"]) == {
        "cells",
        "cell_radius",
        "uptake",
        "regions",
        "diffusivity",
    }
    shipped = DatasetConfig.of(5, load_config("tissue"))
    assert shipped.name == "sources_05-tissue-64x64-2422ef47"
    unused = tissue.with_overrides({"data.tissue.secretion": [1, 2]})
    assert DatasetConfig.of(2, unused).name == plain.name
    changes = [{key: value} for key, value in SATURATING.items() if key[-9:] != "secretion"]
    changes.append(SATURATING)
    names = {DatasetConfig.of(2, tissue.with_overrides(change)).name for change in changes}
    assert len({*names, plain.name}) == 4


@pytest.mark.slow
def test_beam_makes_the_same_examples(tissue: Config, tissue_dir: Path, tmp_path: Path) -> None:
    pytest.importorskip("apache_beam")
    generate(tissue, tmp_path, beam_options=["--runner=DirectRunner"])
    for count in tissue.data.sources:
        by_beam, own = (dataset_path(tissue, count, path) for path in (tmp_path, tissue_dir))
        assert examples_hash(by_beam) == examples_hash(own)
    assert verify(tissue, tmp_path, share=1) == []
