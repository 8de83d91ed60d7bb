"""Killed at any moment, on a full disk, next to another process: no file is half written."""

import errno
import os
import random
import shutil
import signal
from pathlib import Path

import pytest

import diffkeras.system.atomic_files
from diffkeras.data import generate
from diffkeras.data.generation import prepare_generation
from diffkeras.data.records import write_shard
from diffkeras.data.stored import dataset_status
from diffkeras.errors import OutputError
from tests.helpers.generation_tools import (
    SHARD,
    dataset_hash,
    dataset_path,
    generate_dataset,
    leftovers,
    tiny_config,
)
from tests.helpers.new_process import NewProcess

SCRIPT = Path(__file__).with_name("killed_generation.py")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("diffkeras.data.stored.SHARD_EXAMPLES", SHARD)


def generate_until(data_dir: Path, moment: int) -> tuple[int, int]:
    """The exit status of a process that kills itself at an event, and its number of events."""
    words = (data_dir, 40, moment)
    process = NewProcess(SCRIPT, *words, output=data_dir.with_name("output"))
    status = process.wait()
    return status, int(process.output.split()[-1]) if status == 0 else moment


@pytest.fixture(scope="module")
def hashes(tmp_path_factory):
    """What uninterrupted calls make, by number of training examples."""
    found = {}
    for train in (20, 40):
        data_dir = tmp_path_factory.mktemp(f"whole{train}")
        generate(tiny_config(train), data_dir)
        found[train] = dataset_hash(tiny_config(train), data_dir)
    return found


@pytest.mark.parametrize(
    ("grown", "attempts"),
    [
        pytest.param(True, 1, id="grown"),
        pytest.param(True, 40, id="grown, often", marks=pytest.mark.slow),
        pytest.param(False, 40, id="new", marks=pytest.mark.slow),
    ],
)
def test_killed_at_any_moment(hashes, tmp_path, grown, attempts):
    """Killed at a moment, and the next call at another one, if it gets that far."""
    config, rng = tiny_config(40), random.Random(4)
    data_dir, small = tmp_path / "data", tmp_path / "small"
    place = dataset_path(config, 2, data_dir)
    generate(tiny_config(20), small)

    def prepare():
        shutil.rmtree(data_dir, ignore_errors=True)
        if grown:
            shutil.copytree(small, data_dir)

    prepare()
    status, events = generate_until(data_dir, 0)
    assert status == 0
    for attempt in range(attempts):
        prepare()
        begun, shards = 1 + attempt * events // attempts, set()
        moments = begun + rng.randrange(events // attempts), 1 + rng.randrange(events)
        for again, moment in enumerate(moments):
            status, _ = generate_until(data_dir, moment)
            assert status == -signal.SIGKILL or (again and status == 0)
            files = data_dir.glob(".staging-*/diffusion_fields-*")
            made = {file.name.partition("-of-")[0] for file in files}
            whole = place.exists() and dataset_hash(config, data_dir)
            assert whole or not grown or list(place.parent.glob(".*.former"))
            assert whole in (False, hashes[40], hashes[20] if grown else "")
            assert made >= shards or whole == hashes[40]  # finished shards stay
            shards = made
        generate(config, data_dir)
        assert dataset_hash(config, data_dir) == hashes[40]
        assert leftovers(data_dir) == []


def test_an_interrupted_call_serves_one_for_more_examples(tmp_path, hashes):
    def interrupt(number, done=[]):  # noqa: B006
        done.append(number)
        if sum(done) == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_dataset(tiny_config(20), 2, tmp_path, on_examples=interrupt)
    assert dataset_status(tiny_config(20), 2, tmp_path).examples == {}
    job = prepare_generation(tiny_config(40), [2], tmp_path)
    with pytest.raises(OSError, match="no process"), job:
        raise OSError(errno.ENOMEM, "no process")  # which isn't one of writing
    with prepare_generation(tiny_config(40), [2], tmp_path) as job:
        assert job.kept == 2 * SHARD
        job.run(1)
    assert dataset_hash(tiny_config(40), tmp_path) == hashes[40]


def test_an_interrupted_call_serves_one_for_fewer_examples(tmp_path, hashes):
    with prepare_generation(tiny_config(40), [2], tmp_path) as job:
        [staging] = job.datasets
        for task in staging.missing():
            write_shard(task)
    generate(tiny_config(20), tmp_path)
    assert dataset_hash(tiny_config(20), tmp_path) == hashes[20]
    assert leftovers(tmp_path) == []


def test_a_full_disk_keeps_whole_shards(tmp_path, hashes, monkeypatch):
    written = []

    def full(path):
        written.append(path)
        if len(written) == 5:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    config = tiny_config(40)
    monkeypatch.setattr(diffkeras.system.atomic_files, "sync", full)
    with pytest.raises(OutputError, match=r"No space left on device; finished files are kept"):
        generate_dataset(config, 2, tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr("diffkeras.data.stored.SHARD_EXAMPLES", SHARD)
    assert dataset_status(config, 2, tmp_path).examples == {}
    assert not list(tmp_path.glob(".staging-*/.partial.*"))
    with prepare_generation(config, [2], tmp_path) as job:
        assert job.kept == 2 * SHARD
        job.run(1)
    assert dataset_hash(config, tmp_path) == hashes[40]


def test_a_dataset_that_cannot_be_moved_leaves_the_former_one(tmp_path, monkeypatch):
    place = generate_dataset(tiny_config(20), 2, tmp_path)
    rename = Path.rename

    def fail(path, target):
        if target == place and path.name.startswith(".staging"):
            raise OSError("no luck")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="no luck"):
        generate_dataset(tiny_config(40), 2, tmp_path)
    assert dataset_status(tiny_config(20), 2, tmp_path).suffices(tiny_config(20))
    assert not list(place.parent.glob(".*.former"))


def test_files_of_the_user_are_kept_when_a_dataset_grows(tmp_path):
    place = generate_dataset(tiny_config(20), 2, tmp_path)
    theirs = ("notes.txt", "plots/field.png", "diffusion_fields-mine.tfrecord-00000")
    for name in theirs:
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("precious")
    (place / "link").symlink_to("notes.txt")
    own = next(place.glob("*-train.tfrecord-00000-*"))
    own.rename(tmp_path / "elsewhere")
    own.symlink_to(tmp_path / "elsewhere")
    generate(tiny_config(40), tmp_path)
    assert dataset_status(tiny_config(40), 2, tmp_path).examples["train"] == 40
    for name in (*theirs, "link"):
        assert (place / name).read_text() == "precious"
    assert (place / "link").is_symlink()
    assert (tmp_path / "elsewhere").exists()
    assert leftovers(tmp_path) == []


def test_a_new_shard_never_replaces_a_file_of_the_user(tmp_path):
    place = generate_dataset(tiny_config(20), 2, tmp_path)
    number = -(-40 // SHARD)
    mine = place / f"diffusion_fields-train.tfrecord-00000-of-{number:05d}"
    mine.write_text("precious")
    with pytest.raises(OutputError, match=rf"{mine.name} is no file of the dataset"):
        generate(tiny_config(40), tmp_path)
    assert mine.read_text() == "precious"
    mine.unlink()
    generate(tiny_config(40), tmp_path)


def test_files_of_the_user_in_a_staging_directory_stay(tmp_path):
    with prepare_generation(tiny_config(20), [2], tmp_path) as job:
        [staging] = job.datasets
        (staging.directory / "notes.txt").write_text("precious")
        job.run(1)
    assert [file.read_text() for file in tmp_path.rglob("notes.txt")] == ["precious"]
