"""Each kind of dataset: what is solved, stored, streamed, verified and read by TFDS and Beam."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.data import generate, raw_dataset, verify
from diffkeras.data.batches import stream_batches, training_batches
from diffkeras.physics import ExampleRecipe
from diffkeras.physics.problem.maps import MAPS
from diffkeras.view.target import unpack_target
from tests.helpers.generation_tools import dataset_path, examples_hash, generate_dataset, leftovers
from tests.helpers.rounding import same_solutions
from tfds_builders import Builder, DiffusionFieldsConfig

UNITS = {"physics.step": 0.5, "physics.diffusivity": 3.0}
PRODUCTION = {"physics.sources": "production"}
AS_COMPUTED = {
    **PRODUCTION,
    "data.divide_by_maximum": True,
    "data.placement.overlap": True,
    "data.values": ["scaled_uniform", 0.01],
    "data.radius": 3,
}
LENGTHS = {"physics.decay": 1 / 400, "data.diffusion_length": [0.5, 20.0]}
LONG = {**LENGTHS, "data.diffusion_length": [0.05, 4000.0]}
SIDES = {
    "top": {"value": 0.8},
    "bottom": {"flux": 0.03},
    "left": "reflecting",
    "right": {"coefficient": 0.2, "value": 0.5},
}
CELLS = {"cells": [4, 9], "cell_radius": [1, 2], "uptake": [0.05, 0.5], "regions": [2, 3]}
SATURATING = {"saturation": [0.1, 0.4], "secreting_cells": [1, 3], "secretion": [0.01, 0.1]}
KINDS: dict[str, dict[str, Any]] = {
    "fixed values": {},
    "without decay": {"physics.decay": 0, "physics.boundary": "periodic", "data.radius": [1, 3]},
    "lengths": {**LENGTHS, **UNITS, "physics.boundary": ["periodic", "absorbing"]},
    "long lengths": {**LONG, "physics.boundary": "reflecting"},
    "production": {**PRODUCTION, "physics.boundary": "periodic", "data.radius": [1, 3]},
    "as computed": AS_COMPUTED,
    "as computed, lengths": {
        **AS_COMPUTED,
        **LENGTHS,
        "physics.boundary": [["absorbing", "reflecting"], "absorbing"],
    },
    "sides": {**UNITS, "physics.boundary": SIDES},
    "sides, lengths": {**LENGTHS, "physics.boundary": SIDES},
    "tissue": {**UNITS, "physics.boundary": "reflecting", "data.tissue": CELLS},
    "saturating tissue": {"data.tissue": {**CELLS, **SATURATING}},
    "saturating tissue, sides": {"physics.boundary": SIDES, "data.tissue": {**CELLS, **SATURATING}},
}
# each of their parts is in one of the other kinds too
PARTS = ("without decay", "long lengths", "production", "as computed", "sides", "saturating tissue")
SIZES = {"train": 2, "validation": 2, "test": 3}


def config_of(tiny: Config, kind: str) -> Config:
    sizes = {f"data.{split}_examples": number for split, number in SIZES.items()}
    return tiny.with_overrides({"model.transform": "linear", **sizes, **KINDS[kind]})


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, marks=pytest.mark.slow) if kind in PARTS else kind for kind in KINDS
    ],
)
def config(request, tiny):
    return config_of(tiny, request.param)


@pytest.fixture(scope="module")
def made_dir(config, tmp_path_factory):
    """A directory with the dataset of two sources."""
    path = tmp_path_factory.mktemp("kinds")
    generate_dataset(config, 2, path)
    return path


def recipe_of(config: Config, count: int = 2) -> ExampleRecipe:
    return config.recipe(count)


def examples_of(*arguments: Any) -> list[dict[str, Any]]:
    return list(raw_dataset(*arguments).as_numpy_iterator())


def test_stored_examples_are_those_of_the_recipe_with_a_proven_field(config, made_dir):
    recipe = recipe_of(config)
    for k, example in enumerate(examples_of(config, 2, "test", made_dir)):
        own = recipe.example("test", k)
        np.testing.assert_array_equal(example["source_image"][..., 0], own.source_image)
        assert same_solutions(example["field"][..., 0], own.field)
        assert example.get("diffusion_length") == own.diffusion_length
        assert same_solutions(example.get("maximum", np.nan), own.maximum or np.nan)
        maps = {name: example[name][..., 0] for name in MAPS if name in example}
        assert maps.keys() == own.maps.keys()
        for name, values in own.maps.items():
            assert maps[name].dtype == np.float32
            np.testing.assert_array_equal(maps[name], values)
        for name, values in example["sources"].items():
            np.testing.assert_array_equal(values, getattr(own.sources, name))
        # what is stored is what was solved
        problem = recipe.problem_of(example)
        field = example["field"][..., 0].astype(np.float64) * example.get("maximum", 1)
        assert dk.certify(field, problem).error_bound < 1e-6 * field.max()
        assert own.maximum is None or example["field"].max() == 1


def test_kinds_are_different(tiny):
    examples = {kind: recipe_of(config_of(tiny, kind)).example("test", 0) for kind in KINDS}
    assert len({example.field.tobytes() for example in examples.values()}) == len(KINDS)
    computed = [recipe_of(config_of(tiny, "as computed")).example("test", k) for k in range(5)]
    # 0, two values and the sum of overlapping discs
    assert 4 in [np.unique(example.source_image).size for example in computed]


def test_streams_and_validation_without_a_dataset_have_the_same_examples(
    config, made_dir, tmp_path
):
    stream = config.with_overrides({"data.stream": True})
    stored = raw_dataset(config, 2, "validation", made_dir)
    solved = raw_dataset(stream, 2, "validation", tmp_path)
    assert (solved.element_spec, len(solved)) == (stored.element_spec, len(stored))
    for a, b in zip(stored.as_numpy_iterator(), solved.as_numpy_iterator(), strict=True):
        for name in {"field", "maximum"} & a.keys():
            assert same_solutions(a.pop(name), b.pop(name))
        tf.nest.map_structure(np.testing.assert_array_equal, a, b)

    x, y = (
        np.concatenate(parts)
        for parts in zip(*stream_batches(stream).take(2).as_numpy_iterator(), strict=True)
    )
    target = unpack_target(y)
    assert target.source_count.tolist() == [1, 2] * 4
    for k in range(8):
        example = recipe_of(stream, (1, 2)[k % 2]).example("stream", k)
        # as in predictions: only overlapping discs have a largest value other than 1
        scale = example.source_image.max() if stream.physics.medium.has_homogeneous_sides else 1.0
        np.testing.assert_array_equal(x[k, ..., 0], example.source_image / scale)
        np.testing.assert_array_equal(target.source_image[k], example.source_image / scale)
        scale = 1.0 if stream.data.divide_by_maximum else scale
        assert same_solutions(target.field[k] * scale, example.field)
        if stream.data.diffusion_length is not None:
            shortest, longest = stream.data.diffusion_length
            channel = (
                2 * np.log(example.diffusion_length / shortest) / np.log(longest / shortest) - 1
            )
            np.testing.assert_allclose(x[k, ..., 1], channel, atol=1e-6)
    later = next(training_batches(stream, tmp_path, step=1).as_numpy_iterator())
    assert same_solutions(later[1], y[4:])


def test_datasets_are_verified(config, made_dir):
    assert verify(config.with_overrides({"data.sources": "2"}), made_dir, share=1) == []


@pytest.mark.parametrize(
    ("kind", "constant", "other", "message"),
    [
        ("as computed", "SPLIT_KEYS", {"train": 1, "validation": 2, "test": 3}, "maximum differs"),
        ("lengths", "LENGTH_KEY", 2, "diffusion_length differs by up to"),
        ("tissue", "TISSUE_KEY", 3, "decay differs by up to"),
    ],
)
def test_verifying_finds_other_examples(
    tiny, tmp_path, monkeypatch, kind, constant, other, message
):
    config = config_of(tiny, kind).with_overrides({"data.sources": "2"})
    generate_dataset(config, 2, tmp_path)
    monkeypatch.setattr(f"diffkeras.physics.sampling.examples.{constant}", other)
    findings = verify(config, tmp_path)
    assert findings
    assert all(message in finding for finding in findings)


@pytest.mark.parametrize(
    "kind",
    [
        "saturating tissue, sides",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("as computed", "lengths")),
    ],
)
def test_tfds_makes_and_loads_the_same(tiny, tmp_path, kind):
    config = config_of(tiny, kind)
    own = generate_dataset(config, 2, tmp_path / "own")
    named = DiffusionFieldsConfig.of_config(2, config)
    builder = Builder(config=named, data_dir=str(tmp_path / "tfds"), examples=SIZES)
    builder.download_and_prepare()
    by_tfds = Path(builder.data_path)
    assert examples_hash(by_tfds) == examples_hash(own)
    assert by_tfds.relative_to(tmp_path / "tfds") == own.relative_to(tmp_path / "own")
    for name in ("features.json", "metadata.json"):
        assert (own / name).read_text() == (by_tfds / name).read_text()
    assert verify(config.with_overrides({"data.sources": "2"}), tmp_path / "tfds", share=1) == []
    pairs = tfds.load(
        f"diffusion_fields/{named.name}",
        split="test",
        data_dir=str(tmp_path / "own"),
        as_supervised=True,
    )
    inputs, field = next(iter(pairs))
    example = recipe_of(config).example("test", 0)
    assert same_solutions(field[..., 0], example.field)
    parts = {"source_image": example.source_image, **example.maps}
    inputs = inputs if example.maps else {"source_image": inputs}
    assert inputs.keys() == parts.keys()
    for name, values in parts.items():
        np.testing.assert_array_equal(inputs[name][..., 0], values)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["as computed", "tissue"])
def test_beam_makes_the_same(tiny, tmp_path, kind):
    pytest.importorskip("apache_beam")
    config = config_of(tiny, kind).with_overrides({"data.sources": "2"})
    own = generate_dataset(config, 2, tmp_path / "own")
    two = ["--direct_num_workers=2", "--direct_running_mode=multi_processing"]
    generate(config, tmp_path / "beam", beam_options=["--runner=DirectRunner", *two])
    assert examples_hash(dataset_path(config, 2, tmp_path / "beam")) == examples_hash(own)
    assert verify(config, tmp_path / "beam", share=1) == []
    assert leftovers(tmp_path / "beam") == []


def test_lengths_are_log_uniform_and_tissues_change_no_sources(tiny):
    plain, lengths, tissue = (
        recipe_of(config_of(tiny, kind)) for kind in ("fixed values", "lengths", "tissue")
    )
    for k in range(5):
        for recipe in (lengths, tissue):
            np.testing.assert_array_equal(
                recipe.sources("train", k).image(), plain.sources("train", k).image()
            )
    drawn = np.array([lengths.drawn("train", k)["diffusion_length"] for k in range(4000)])
    assert np.array_equal(drawn, drawn.astype(np.float32))
    share = np.log(drawn / 0.5) / np.log(20 / 0.5)
    expected = (np.arange(4000) + 0.5) / 4000
    # Kolmogorov and Smirnov's distance, which one seed in 10,000 exceeds
    assert np.abs(np.sort(share) - expected).max() < 2.2 / np.sqrt(4000)
    assert share.min() >= 0
    assert share.max() <= 1 + 1e-7
    assert plain.drawn("train", 0).keys() == {"sources", "source_image"}


@pytest.mark.parametrize("kind", ["fixed values", "lengths", "tissue"])
def test_examples_depend_on_seed_split_count_and_number_alone(tiny, kind):
    config = config_of(tiny, kind)
    other_seed = config.with_overrides({"data.seed": 9})

    def drawn(recipe: ExampleRecipe, split: str, k: int) -> Any:
        maps = {name: values.tobytes() for name, values in recipe.maps_of(split, k).items()}
        own = recipe.drawn(split, k).get("diffusion_length"), *maps.values()
        return own if any(own) else recipe.sources(split, k).image().tobytes()

    recipes = [recipe_of(config, 2), recipe_of(config, 3), recipe_of(other_seed, 2)]
    splits = ("train", "validation", "test")
    keys = [(r, split, k) for r in recipes for split in splits for k in (0, 1)]
    assert len({drawn(*key) for key in keys}) == len(keys)
    assert drawn(recipe_of(config, 2), "train", 0) == drawn(*keys[0])
