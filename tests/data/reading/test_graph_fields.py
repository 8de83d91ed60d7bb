"""Compact storage: what is restored is what dense storage holds."""

from pathlib import Path

import numpy as np
import pytest
from generation_tools import generate_dataset

from diffkeras.config import Config, parse_config
from diffkeras.data import dataset_status, training_batches
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.records import make_record
from diffkeras.errors import ConvergenceError
from diffkeras.physics import Medium, ring_densities, sample_sources
from diffkeras.representation.target import unpack_target


@pytest.fixture(scope="module")
def compact(tiny: Config) -> Config:
    return tiny.with_overrides({"data.storage": "compact"})


@pytest.fixture(scope="module")
def compact_dir(compact: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("compact")
    for count in compact.data.sources:
        generate_dataset(compact, count, path)
    return path


def test_training_reads_what_dense_storage_gives(tiny, data_dir, compact, compact_dir):
    dense, restored = (
        training_batches(config, place).take(6)
        for config, place in ((tiny, data_dir), (compact, compact_dir))
    )
    assert restored.element_spec == dense.element_spec
    for (x, y), (xr, yr) in zip(dense, restored, strict=True):
        assert np.array_equal(x, xr)
        expected, target = unpack_target(y), unpack_target(yr)
        assert np.array_equal(expected.source_image, target.source_image)
        assert np.array_equal(expected.source_count, target.source_count)
        # the square root is steep at 0
        assert np.abs(np.square(expected.field) - np.square(target.field)).max() < 2e-6


def test_both_storages_share_a_directory_and_a_fingerprint(tiny, compact, own_data, compact_dir):
    before = dataset_status(tiny, 1, own_data)
    generate_dataset(compact, 1, own_data)
    assert dataset_status(tiny, 1, own_data) == before
    assert dataset_status(compact, 1, own_data).path.parent.name == (
        f"{before.path.parent.name}-compact"
    )
    assert DatasetConfig.of(5, parse_config({})).name == "sources_05"


def test_an_example_of_the_paper_takes_less_than_4_kb():
    paper = parse_config({"data": {"storage": "compact"}})
    config = DatasetConfig.of(20, paper)
    assert config.name == "sources_20-compact"
    assert len(make_record(config, "train", 0)) < 4000


def test_densities_that_need_an_iteration(monkeypatch):
    image = sample_sources(6, (48, 48), radius=3, rng=np.random.default_rng(0)).image((48, 48))
    for medium in (Medium(), Medium(decay=0.0, boundary="periodic")):
        dense = ring_densities(image, medium=medium)
        with monkeypatch.context() as patch:
            patch.setattr("diffkeras.physics.densities.dense_ring", lambda size: np.inf)
            iterated = ring_densities(image, medium=medium)
        assert np.abs(dense - iterated).max() < 1e-8


def test_densities_that_rounding_spoils_are_refused():
    image = sample_sources(2, (32, 32), rng=np.random.default_rng(0)).image((32, 32))
    with pytest.raises(ConvergenceError, match="choose dense storage"):
        ring_densities(image, medium=Medium(), tolerance=1e-30)
    assert not ring_densities(np.zeros((8, 8)), medium=Medium()).size
