"""Datasets of sources that produce: what is solved, stored, restored, streamed and read."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generation_tools import examples_hash, generate_dataset

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.data import mixed_dataset, raw_dataset, stream_batches, training_batches
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.records import make_record
from diffkeras.data.storage import dataset_path
from diffkeras.data.writing.verify import plan_checks, run_checks
from diffkeras.errors import DataError
from diffkeras.physics import production_of
from diffkeras.representation.target import unpack_target
from diffkeras.workflows import generate, verify
from tfds_builders import Builder, DiffusionFieldsConfig

PRODUCTION = {"physics.sources": "production", "model.transform": "linear"}
AS_COMPUTED = {
    **PRODUCTION,
    "data.divide_by_maximum": True,
    "data.placement.overlap": True,
    "data.values": ["scaled_uniform", 0.01],
    "data.radius": 3,
}
VARYING = {"physics.decay": 1 / 400, "data.diffusion_length": [0.5, 20.0]}
KINDS: dict[str, dict[str, Any]] = {
    "plain": PRODUCTION,
    "as computed": AS_COMPUTED,
    "varying": {**AS_COMPUTED, **VARYING},
    "periodic": {**PRODUCTION, "physics.boundary": "periodic", "data.radius": [1, 3]},
    "reflecting": {**AS_COMPUTED, **VARYING, "physics.boundary": ["reflecting", "absorbing"]},
}


@pytest.fixture(scope="module", params=list(KINDS))
def dense(request: pytest.FixtureRequest, tiny: Config) -> Config:
    return tiny.with_overrides({**KINDS[request.param], "data.sources": 2})


@pytest.fixture(scope="module")
def made_dir(dense: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the dataset of two sources in both storages."""
    path = tmp_path_factory.mktemp("production")
    for storage in ("dense", "compact"):
        generate_dataset(dense.with_overrides({"data.storage": storage}), 2, path)
    return path


def examples_of(*arguments: Any) -> list[dict]:
    return list(raw_dataset(*arguments).as_numpy_iterator())


def test_a_field_is_that_of_its_image(dense, made_dir):
    overlapping = 0
    for example in examples_of(dense, 2, "train", made_dir):
        image, field = example["source_image"][..., 0], example["field"][..., 0]
        medium = dense.physics.medium
        if "diffusion_length" in example:
            medium = medium.with_diffusion_length(float(example["diffusion_length"]))
        exact = dk.solve(production=production_of(image, medium), medium=medium).field
        if dense.data.divide_by_maximum:
            assert example["maximum"] == np.float32(exact.max())
            assert field.max() == 1
            exact = exact / exact.max()
        np.testing.assert_array_equal(field, exact.astype(np.float32))
        overlapping += np.count_nonzero(np.unique(image)) > 2  # two values and their sum
    assert ("maximum" in example) is dense.data.divide_by_maximum
    assert bool(overlapping) is dense.data.placement.overlap


def test_compact_storage_and_streams_give_the_same(dense, made_dir, tmp_path):
    compact = dense.with_overrides({"data.storage": "compact"})
    stream = dense.with_overrides({"data.stream": True})
    expected = examples_of(dense, 2, "validation", made_dir)
    specification = raw_dataset(dense, 2, "validation", made_dir).element_spec
    for config, place in ((compact, made_dir), (stream, tmp_path)):
        assert raw_dataset(config, 2, "validation", place).element_spec == specification
        for a, b in zip(expected, examples_of(config, 2, "validation", place), strict=True):
            assert a.keys() == b.keys()
            np.testing.assert_array_equal(a["source_image"], b["source_image"])
            assert np.abs(a["field"] - b["field"]).max() < 2e-6 * a["field"].max()
            if dense.data.divide_by_maximum:
                assert b["maximum"] == pytest.approx(a["maximum"], rel=2e-6)
            for name, values in a["sources"].items():
                np.testing.assert_array_equal(values, b["sources"][name])


def test_both_storages_are_verified(dense, made_dir):
    for storage in ("dense", "compact"):
        assert verify(dense.with_overrides({"data.storage": storage}), made_dir, share=1) == []


def test_a_stream_is_that_of_the_recipe_and_goes_on_anywhere(dense, tmp_path):
    stream = dense.with_overrides({"data.stream": True, "data.sources": "1-2"})
    whole = list(stream_batches(stream).take(3).as_numpy_iterator())
    x, y = (np.concatenate(parts) for parts in zip(*whole, strict=True))
    fields = unpack_target(y).field
    for k in range(12):
        recipe = DatasetConfig.of((1, 2)[k % 2], stream).recipe()
        example = recipe.example("stream", k)
        assert np.array_equal(x[k, ..., 0], example.source_image)
        assert np.abs(fields[k] - example.field).max() < 2e-6 * example.field.max()
    later = next(training_batches(stream, tmp_path, step=1).as_numpy_iterator())
    assert np.array_equal(later[0], x[4:8])
    assert np.array_equal(later[1], y[4:8])


@pytest.fixture
def computed(tiny: Config) -> Config:
    return tiny.with_overrides({**AS_COMPUTED, "data.sources": 2})


def test_a_compact_example_holds_its_recipe_alone(computed):
    dataset = DatasetConfig.of(20, computed.with_overrides({"data.storage": "compact"}))
    # 20 discs of four numbers, and the names of the features
    assert len(make_record(dataset, "train", 0)) < 450
    features = Builder(config=DiffusionFieldsConfig.of(dataset)).info.features
    assert set(features) == {"sources"}


@pytest.mark.parametrize("storage", ["dense", "compact"])
def test_verifying_finds_fields_and_sources_of_another_kind(
    computed, tmp_path, storage, monkeypatch
):
    config = computed.with_overrides({"data.storage": storage})
    generate_dataset(config, 2, tmp_path)
    checks, findings = plan_checks(config, 2, tmp_path, 1.0, np.random.default_rng(0))
    assert findings == []
    keys = {"train": 1, "validation": 2, "test": 3}
    monkeypatch.setattr("diffkeras.physics.examples.SPLIT_KEYS", keys)
    findings = list(run_checks(checks, 1))
    assert len(findings) == 21
    assert all("sources/" in finding for finding in findings)
    if storage == "dense":
        assert all("maximum differs" in finding for finding in findings)


def test_beam_makes_the_same(computed, tmp_path):
    pytest.importorskip("apache_beam")
    own = generate_dataset(computed, 2, tmp_path / "own")
    generate(computed, tmp_path / "beam", beam_options=["--runner=DirectRunner"])
    assert examples_hash(dataset_path(computed, 2, tmp_path / "beam")) == examples_hash(own)


def test_batches_for_keras_hold_the_divided_field(computed, tmp_path):
    path = generate_dataset(computed, 2, tmp_path)
    x, y = next(mixed_dataset(computed, "test", path.parents[2]).as_numpy_iterator())
    stored = examples_of(computed, 2, "test", tmp_path)
    fields = unpack_target(y).field
    assert (fields.max(axis=(1, 2)) == 1).all()
    for k, example in enumerate(stored[:4]):
        np.testing.assert_array_equal(x[k], example["source_image"])
        np.testing.assert_array_equal(fields[k], example["field"][..., 0])


def test_a_dataset_of_the_other_kind_is_named(computed, tiny, data_dir, tmp_path):
    with pytest.raises(DataError, match=r"it holds sources_02-16x16-\w+ with .*production False"):
        raw_dataset(tiny.with_overrides(PRODUCTION), 2, "test", data_dir)
    generate_dataset(computed, 2, tmp_path)
    fixed = computed.with_overrides(
        {
            "physics.sources": "fixed_value",
            "data.divide_by_maximum": False,
            "data.placement.overlap": False,
        }
    )
    with pytest.raises(DataError) as caught:
        raw_dataset(fixed, 2, "test", tmp_path)
    message = str(caught.value)
    assert "it holds sources_02-production-16x16-" in message
    for difference in ("production True", "divide_by_maximum True", "'overlap': True"):
        assert difference in message
