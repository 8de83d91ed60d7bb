"""Shards, and that the records are the same whichever way they were made."""

import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest

from diffkeras.data import generate
from diffkeras.data.generation import Estimate, prepare_generation
from diffkeras.data.records import compress_rows
from diffkeras.data.stored import SHARD_EXAMPLES, check_dataset, examples_per_shard
from diffkeras.data.stored import plan_shards as plan
from diffkeras.errors import DataError
from tests.helpers.generation_tools import (
    SHARD,
    dataset_hash,
    dataset_path,
    generate_dataset,
    leftovers,
    records_hash,
    tiny_config,
)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("diffkeras.data.stored.SHARD_EXAMPLES", SHARD)


@pytest.mark.parametrize(
    ("record_bytes", "examples"),
    [(1_050_000, 64), (1_045_000, 64), (4_000, SHARD_EXAMPLES), (2**30, 1)],
)
def test_examples_per_shard(monkeypatch, record_bytes, examples):
    monkeypatch.undo()
    assert examples_per_shard(record_bytes) == examples


def test_a_larger_plan_keeps_all_shards_but_the_last():
    small, large = plan({"train": 20}, 8), plan({"train": 30}, 8)
    assert [shard.examples for shard in small] == [8, 8, 4]
    assert small[:2] == large[:2]
    assert [k for shard in large for k in shard.numbers] == list(range(30))
    names = [shard.name for shard in plan({"train": 3000}, 256)]
    assert names == sorted(names)


@pytest.mark.slow
def test_same_files_with_two_processes(tmp_path, monkeypatch):
    # as if the work were worth starting processes for
    monkeypatch.setattr(Estimate, "useful_processes", lambda self, processes: processes)
    config, solved = tiny_config(), []
    one = generate_dataset(config, 2, tmp_path / "one")
    two = generate_dataset(config, 2, tmp_path / "two", processes=2, on_examples=solved.append)
    assert sum(solved) == 52
    names = sorted(file.name for file in one.iterdir())
    assert names == sorted(file.name for file in two.iterdir())
    assert len([name for name in names if "-train." in name]) == 40 / SHARD
    for name in names:
        if name != "dataset_info.json":  # has the directory
            assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize("links", [True, False])
def test_growing_makes_only_what_is_new(tmp_path, monkeypatch, links):
    def refuse(self, target):
        raise OSError("no links here")

    path = generate_dataset(tiny_config(20), 2, tmp_path)
    before = (path / "diffusion_fields-train.tfrecord-00000-of-00003").stat().st_ino
    if not links:  # as on some file systems
        monkeypatch.setattr(Path, "hardlink_to", refuse)
    grown = tiny_config().with_overrides({"data.test_examples": 1})  # no split shrinks
    with prepare_generation(grown, [2], tmp_path) as job:
        assert job.kept == 16 + 3 + 9
        assert job.estimate.examples == 40 - 16
        job.run(1)
    after = (path / "diffusion_fields-train.tfrecord-00000-of-00005").stat().st_ino
    assert (after == before) is links
    whole = generate_dataset(tiny_config(), 2, tmp_path / "other")
    assert records_hash(path) == records_hash(whole)


def test_only_a_missing_file_is_made_again(tmp_path, log):
    config = tiny_config()
    generate(config, tmp_path)
    complete = dataset_hash(config, tmp_path)
    lost = dataset_path(config, 2, tmp_path) / "diffusion_fields-train.tfrecord-00001-of-00005"
    lost.unlink()
    with pytest.raises(DataError, match=r"00001-of-00005 is missing; .* makes it again"):
        check_dataset(config, 2, tmp_path)
    log.clear()
    generate(config, tmp_path)
    assert "8 examples (44 more exist already)" in log.messages[0]
    assert dataset_hash(config, tmp_path) == complete


def test_a_disk_without_enough_space(tmp_path, monkeypatch, log):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=100_000))
    with pytest.raises(DataError, match=r"kB are needed and 100\.0 kB are free; ask .* or ch"):
        generate(tiny_config(), tmp_path)
    assert log.messages[0].startswith("generating 52 examples: ")
    assert leftovers(tmp_path) == []


def test_estimate():
    estimate = Estimate(1, 100, 2.0).times(10) + Estimate(1, 200, 8.0).times(5)
    assert estimate == Estimate(15, 2000, 60.0)
    assert estimate.useful_processes(4) == 4
    assert 60 / 4 < estimate.seconds(4) < 60
    assert Estimate(1, 1, 1.0).useful_processes(4) == 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 1), (500, 700, 1)])
@pytest.mark.parametrize("filled", [0.0, 0.01, 1.0])
def test_any_zlib_reads_compressed_images(shape, filled):
    rng = np.random.default_rng(0)
    image = rng.random(shape, np.float32) * (rng.random((shape[0], 1, 1)) < filled)
    image = image.astype(np.float32)
    assert zlib.decompress(compress_rows(image)) == image.tobytes()
