"""Each kind of dataset in uniform media: what is solved, stored, restored, streamed, verified."""

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
from diffkeras.representation.network_input import on_channel_scale
from diffkeras.representation.target import unpack_target
from diffkeras.workflows import generate, verify
from tfds_builders import Builder, DiffusionFieldsConfig

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
UNITS = {"physics.step": 0.5, "physics.diffusivity": 3.0}
KINDS: dict[str, dict[str, Any]] = {
    "fixed values": {},
    "without decay": {"physics.decay": 0, "physics.boundary": "periodic", "data.radius": [1, 3]},
    "lengths": {**LENGTHS, **UNITS},
    "lengths, two boundaries": {**LENGTHS, "physics.boundary": ["periodic", "absorbing"]},
    "long lengths": {**LONG, **UNITS},
    "long lengths, reflecting": {**LONG, "physics.boundary": "reflecting"},
    "long lengths, periodic": {**LONG, "physics.boundary": "periodic"},
    "production": PRODUCTION,
    "production, periodic": {
        **PRODUCTION,
        "physics.boundary": "periodic",
        "data.radius": [1, 3],
    },
    "as computed": AS_COMPUTED,
    "as computed, lengths": {
        **AS_COMPUTED,
        **LENGTHS,
        "physics.boundary": ["reflecting", "absorbing"],
    },
}


def config_of(tiny: Config, kind: str, **more: Any) -> Config:
    return tiny.with_overrides({"model.transform": "linear", **KINDS[kind], **more})


@pytest.fixture(scope="module", params=list(KINDS))
def dense(request: pytest.FixtureRequest, tiny: Config) -> Config:
    return config_of(tiny, request.param, **{"data.sources": 2})


@pytest.fixture(scope="module")
def made_dir(dense: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the dataset of two sources in both storages."""
    path = tmp_path_factory.mktemp("kinds")
    for storage in ("dense", "compact"):
        generate_dataset(dense.with_overrides({"data.storage": storage}), 2, path)
    return path


def examples_of(*arguments: Any) -> list[dict]:
    return list(raw_dataset(*arguments).as_numpy_iterator())


def test_each_example_solves_its_problem(dense: Config, made_dir: Path) -> None:
    overlapping, lengths = 0, set()
    examples = examples_of(dense, 2, "train", made_dir)
    for example in examples:
        image, medium = example["source_image"][..., 0], dense.physics.medium
        if dense.data.diffusion_length is not None:
            # the stored float32 is what was solved
            length = example["diffusion_length"]
            assert (length.shape, length.dtype) == ((), np.float32)
            lengths.add(float(length))
            medium = medium.with_diffusion_length(float(length))
        produced = dense.physics.sources == "production"
        given = (
            {"production": production_of(image, medium)} if produced else {"source_image": image}
        )
        exact = dk.solve(**given, medium=medium).field
        if dense.data.divide_by_maximum:
            assert example["maximum"] == np.float32(exact.max())
            exact = exact / exact.max()
        np.testing.assert_array_equal(example["field"][..., 0], exact.astype(np.float32))
        overlapping += np.count_nonzero(np.unique(image)) > 2  # two values and their sum
        assert ("maximum" in example) is dense.data.divide_by_maximum
    assert bool(overlapping) is dense.data.placement.overlap
    assert len(lengths) == (0 if dense.data.diffusion_length is None else len(examples))


def test_compact_storage_and_streams_give_the_same(
    dense: Config, made_dir: Path, tmp_path: Path
) -> None:
    compact = dense.with_overrides({"data.storage": "compact"})
    stream = dense.with_overrides({"data.stream": True})
    expected = raw_dataset(dense, 2, "validation", made_dir)
    for config, place in ((compact, made_dir), (stream, tmp_path)):
        found = raw_dataset(config, 2, "validation", place)
        assert (found.element_spec, len(found)) == (expected.element_spec, len(expected))
        for a, b in zip(expected.as_numpy_iterator(), found.as_numpy_iterator(), strict=True):
            assert a.keys() == b.keys()
            np.testing.assert_array_equal(a["source_image"], b["source_image"])
            assert np.abs(a["field"] - b["field"]).max() < 2e-6 * a["field"].max()
            assert a.get("diffusion_length") == b.get("diffusion_length")
            if dense.data.divide_by_maximum:
                assert b["maximum"] == pytest.approx(a["maximum"], rel=2e-6)
            for name, values in a["sources"].items():
                np.testing.assert_array_equal(values, b["sources"][name])


def test_both_storages_are_verified(dense: Config, made_dir: Path) -> None:
    for storage in ("dense", "compact"):
        assert verify(dense.with_overrides({"data.storage": storage}), made_dir, share=1) == []


def test_a_stream_is_that_of_the_recipe_and_goes_on_anywhere(dense: Config, tmp_path: Path) -> None:
    stream = dense.with_overrides({"data.stream": True, "data.sources": "1-2"})
    whole = list(stream_batches(stream).take(3).as_numpy_iterator())
    x, y = (np.concatenate(parts) for parts in zip(*whole, strict=True))
    target = unpack_target(y)
    assert target.source_count.tolist() == [1, 2] * 6
    for k in range(12):
        example = DatasetConfig.of((1, 2)[k % 2], stream).recipe().example("stream", k)
        # as in predictions; only overlapping discs have a largest value other than 1
        largest = example.source_image.max()
        image = example.source_image / largest
        np.testing.assert_array_equal(x[k, ..., 0], image)
        np.testing.assert_array_equal(target.source_image[k], image)
        scale = 1.0 if stream.data.divide_by_maximum else largest
        assert np.abs(target.field[k] * scale - example.field).max() < 2e-6 * example.field.max()
        if stream.data.diffusion_length is not None:
            scale = on_channel_scale(example.diffusion_length, stream.data.diffusion_length)
            np.testing.assert_allclose(x[k, ..., 1], scale, atol=1e-6)
    later = next(training_batches(stream, tmp_path, step=1).as_numpy_iterator())
    np.testing.assert_array_equal(later[0], x[4:8])
    np.testing.assert_array_equal(later[1], y[4:8])


@pytest.mark.parametrize("storage", ["dense", "compact"])
@pytest.mark.parametrize(
    ("kind", "constant", "other", "found"),
    [
        ("as computed", "SPLIT_KEYS", {"train": 1, "validation": 2, "test": 3}, "sources/"),
        ("lengths", "LENGTH_KEY", 2, "diffusion_length differs by up to"),
    ],
)
def test_verifying_finds_other_examples(
    tiny: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    storage: str,
    kind: str,
    constant: str,
    other: Any,
    found: str,
) -> None:
    config = config_of(tiny, kind, **{"data.storage": storage})
    generate_dataset(config, 2, tmp_path)
    checks, findings = plan_checks(config, 2, tmp_path, 1.0, np.random.default_rng(0))
    assert findings == []
    monkeypatch.setattr(f"diffkeras.physics.examples.{constant}", other)
    findings = list(run_checks(checks, 1))
    assert len(findings) == 21
    assert all(found in finding for finding in findings)
    if config.data.divide_by_maximum and storage == "dense":
        assert all("maximum differs" in finding for finding in findings)


@pytest.fixture
def computed(tiny: Config) -> Config:
    return config_of(tiny, "as computed", **{"data.sources": 2})


def test_a_compact_example_holds_its_recipe_alone(computed):
    dataset = DatasetConfig.of(20, computed.with_overrides({"data.storage": "compact"}))
    # 20 discs of four numbers, and the names of the features
    assert len(make_record(dataset, "train", 0)) < 450
    features = Builder(config=DiffusionFieldsConfig.of(dataset)).info.features
    assert set(features) == {"sources"}


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
        image = example["source_image"]
        np.testing.assert_array_equal(x[k], image / image.max())
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
