"""Datasets of lattices whose sides hold a value or let a flux in."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generation_tools import examples_hash, generate_dataset
from sparse_newton import solve_saturating_reference

import diffkeras as dk
from diffkeras.config import Config
from diffkeras.data import raw_dataset, stream_batches
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.reading.order import symmetry_count
from diffkeras.data.storage import dataset_path
from diffkeras.data.writing.verify import plan_checks, run_checks
from diffkeras.physics import FixedFlux, FixedValue, Medium
from diffkeras.representation.network_input import MAPS
from diffkeras.representation.target import unpack_target
from tfds_builders import Builder, DiffusionFieldsConfig

SIDES = {
    "top": {"value": 0.8},
    "bottom": {"flux": 0.03},
    "left": "reflecting",
    "right": "absorbing",
}
CELLS = {"cells": [4, 9], "cell_radius": [1, 2], "uptake": [0.05, 0.5], "regions": [2, 3]}
SATURATING = {"saturation": [0.1, 0.4], "secreting_cells": [1, 3], "secretion": [0.01, 0.1]}
CHANGES = {
    "physics.boundary": SIDES,
    "physics.diffusivity": 3.0,
    "physics.step": 0.5,
    "model.transform": "linear",
    "data.train_examples": 1,
    "data.validation_examples": 1,
    "data.test_examples": 2,
}
KINDS: dict[str, Any] = {
    "uniform": {},
    "tissue": {"data.tissue": CELLS},
    "saturating": {"data.tissue": {**CELLS, **SATURATING}},
}


def reference_field(example: dict[str, Any]) -> np.ndarray:
    """The field of a stored example by sparse matrices, with what sides supply added up there."""
    maps = {name: example[name][..., 0] for name in example if name in MAPS}
    medium = Medium(
        maps.get("diffusivity", 3.0),
        maps.get("decay", 0.05),
        step=0.5,
        boundary=((FixedValue(0.8), FixedFlux(0.03)), ("reflecting", "absorbing")),
    )
    uptake = dk.MichaelisMenten(maps.get("uptake", 0.0), maps.get("saturation", 1.0))
    given: Any = {"uptake": uptake, "medium": medium, "production": maps.get("production")}
    return solve_saturating_reference(example["source_image"][..., 0], **given)


@pytest.mark.parametrize("kind", KINDS)
def test_stored_fields_are_those_of_an_independent_solver(
    tiny: Config, tmp_path: Path, kind: str
) -> None:
    config = tiny.with_overrides({**CHANGES, **KINDS[kind]})
    generate_dataset(config, 2, tmp_path)
    for k, example in enumerate(raw_dataset(config, 2, "test", tmp_path).as_numpy_iterator()):
        own = DatasetConfig.of(2, config).recipe().example("test", k)
        np.testing.assert_array_equal(example["field"][..., 0], own.field)
        np.testing.assert_allclose(own.field, reference_field(example), rtol=0, atol=1e-6)
        homogeneous = config.with_overrides({"physics.boundary": "absorbing"})
        without = DatasetConfig.of(2, homogeneous).recipe().example("test", k)
        np.testing.assert_array_equal(without.source_image, own.source_image)
        assert np.abs(without.field - own.field).max() > 0.1
    checks, findings = plan_checks(config, 2, tmp_path, 1.0, np.random.default_rng(0))
    assert findings == list(run_checks(checks, 1)) == []


def test_tfds_makes_the_same_examples(tiny: Config, tmp_path: Path) -> None:
    config = tiny.with_overrides({**CHANGES, **KINDS["saturating"]})
    generate_dataset(config, 2, tmp_path)
    builder = Builder(
        config=DiffusionFieldsConfig.of_config(2, config),
        data_dir=str(tmp_path / "tfds"),
        examples={"train": 1, "validation": 1, "test": 2},
    )
    builder.download_and_prepare()
    by_tfds = examples_hash(Path(builder.data_path))
    assert by_tfds == examples_hash(dataset_path(config, 2, tmp_path))


def test_streams_have_the_examples_of_the_recipes(tiny: Config, tmp_path: Path) -> None:
    config = tiny.with_overrides(CHANGES)
    stream = config.with_overrides({"data.stream": True})
    _, y = next(stream_batches(stream).as_numpy_iterator())
    target = unpack_target(y)
    for k in range(4):
        example = DatasetConfig.of((1, 2)[k % 2], stream).recipe().example("stream", k)
        np.testing.assert_array_equal(target.source_image[k], example.source_image)
        np.testing.assert_array_equal(target.field[k], example.field)
    generate_dataset(config, 1, tmp_path)
    stored = raw_dataset(config, 1, "validation", tmp_path)
    solved = raw_dataset(stream, 1, "validation", tmp_path / "nothing")
    assert solved.element_spec == stored.element_spec
    for a, b in zip(stored.as_numpy_iterator(), solved.as_numpy_iterator(), strict=True):
        np.testing.assert_array_equal(a["field"], b["field"])


def test_streams_of_other_numbers(tiny: Config, tmp_path: Path) -> None:
    lengths = {**CHANGES, "physics.decay": 1 / 400, "data.diffusion_length": [1, 20]}
    divided = {
        "physics.boundary": [["absorbing", "reflecting"], "periodic"],
        "physics.sources": "production",
        "data.divide_by_maximum": True,
    }
    for changes, name in ((lengths, "diffusion_length"), (divided, "maximum")):
        config = tiny.with_overrides({**changes, "data.stream": True})
        (example, *_) = raw_dataset(config, 2, "validation", tmp_path).as_numpy_iterator()
        own = DatasetConfig.of(2, config).recipe().example("validation", 0)
        assert example[name] == np.float32(getattr(own, name))
        np.testing.assert_array_equal(example["field"][..., 0], own.field)


def test_sides_are_part_of_the_identity_in_one_spelling(tiny: Config) -> None:
    pairs = [[{"value": 0.8}, {"flux": 0.03}], ["no-flux", "dirichlet"]]
    spelled = [tiny.with_overrides({"physics.boundary": b}) for b in (SIDES, pairs)]
    others = [
        tiny.with_overrides({"physics.boundary": {**SIDES, "top": top}})
        for top in ({"value": 0.9}, {"flux": 0.8}, "absorbing")
    ]
    names = [DatasetConfig.of(2, c).name for c in (*spelled, *others, tiny)]
    assert names[0] == names[1]
    assert len(set(names)) == 5


def test_symmetries_are_those_of_the_sides(tiny: Config) -> None:
    def symmetries(boundary: Any) -> int:
        changes = {"physics.boundary": boundary, "training.symmetries": True}
        return symmetry_count(tiny.with_overrides(changes))

    assert symmetries({"value": 0.5}) == 8
    assert symmetries([{"value": 0.5}, {"value": 0.25}]) == 4
    assert symmetries([{"value": 0.5}, "absorbing"]) == 4
