import json
import os
from pathlib import Path

import pytest

from diffkeras.config import Config
from diffkeras.data import generate, verify
from diffkeras.data.generation import prepare_generation
from diffkeras.data.records import check_records
from diffkeras.data.replacing import keep_datasets
from diffkeras.data.stored import check_dataset, dataset_paths, dataset_status
from diffkeras.errors import DataError, InUseError, OutputError, PackingError
from diffkeras.identity import VERSION
from tests.helpers.generation_tools import generate_dataset
from tests.helpers.lean_runs import lean_training
from tests.helpers.refusals import files_below


def shard(data_dir: Path, config: Config, count: int, split: str) -> Path:
    (file,) = dataset_status(config, count, data_dir).path.glob(f"*-{split}.tfrecord*")
    return file


def test_what_was_generated_is_there(tiny, data_dir):
    status = dataset_status(tiny, 2, data_dir)
    assert status.examples == {"train": 12, "validation": 4, "test": 5}
    assert status.suffices(tiny)
    assert not status.suffices(tiny.with_overrides({"data.test_examples": 6}))
    assert status.suffices(tiny.with_overrides({"data.test_examples": 6}), ("train", "validation"))
    check_records(status.path)
    generate(tiny, data_dir)  # removes the locks of trainings that other tests have killed
    assert [file.name for file in data_dir.iterdir()] == ["diffusion_fields"]


def test_datasets_that_are_there_are_skipped_and_never_shrink(tiny, own_data, log):
    before = files_below(own_data)
    stamps = {file: file.stat().st_mtime_ns for file in own_data.rglob("*.tfrecord*")}
    paths = generate(tiny, own_data)
    assert [path.name for path in paths] == [VERSION, VERSION]
    assert len([message for message in log.messages if "skipped" in message]) == 2
    generate(tiny.with_overrides({"data.train_examples": 2}), own_data)
    assert files_below(own_data) == before
    assert {file: file.stat().st_mtime_ns for file in stamps} == stamps


@pytest.mark.parametrize(
    "change",
    [
        {"physics.decay": 0.06},
        {"physics.lattice": [16, 18]},
        {"data.radius": [1, 2]},
    ],
    ids=str,
)
def test_other_physics_lie_elsewhere(tiny, data_dir, change):
    other = tiny.with_overrides(change)
    assert dataset_status(other, 1, data_dir).path != dataset_status(tiny, 1, data_dir).path
    with pytest.raises(DataError, match="it has sources_01-16x16") as caught:
        check_dataset(other, 1, data_dir)
    assert next(iter(change)).rpartition(".")[2] in str(caught.value)


def test_metadata_of_other_physics_are_refused(tiny, own_data):
    file = dataset_status(tiny, 1, own_data).path / "metadata.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "decay": 0.7}))
    with pytest.raises(DataError, match=r"other physics.*decay 0.7 there, 0.05 here"):
        check_dataset(tiny, 1, own_data)
    with pytest.raises(DataError, match="other physics"):
        generate(tiny, own_data)


def test_a_dataset_of_an_unreleased_version_is_refused(tiny, own_data):
    path = dataset_status(tiny, 1, own_data).path
    path.rename(path.with_name("1.0.0"))
    message = r"version 1\.0\.0, which is no longer read; .*`diffkeras generate`"
    with pytest.raises(DataError, match=message):
        check_dataset(tiny, 1, own_data)
    generate(tiny, own_data)  # makes the present version beside it
    check_dataset(tiny, 1, own_data)


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json", "metadata.json"])
@pytest.mark.parametrize("content", ["", "[]", '{"splits": [1]}', '{"featuresDict": {}}', None])
def test_damaged_metadata_are_refused(tiny, own_data, name, content):
    file = dataset_status(tiny, 1, own_data).path / name
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    for use in (lambda: check_dataset(tiny, 1, own_data), lambda: generate(tiny, own_data)):
        with pytest.raises(DataError, match=r"damaged|missing|other physics") as caught:
            use()
        assert str(file) in str(caught.value) or str(file.parent) in str(caught.value)


def test_a_truncated_file_is_named(tiny, own_data):
    file = shard(own_data, tiny, 1, "train")
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(DataError, match="truncated or damaged") as caught:
        check_dataset(tiny, 1, own_data)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("place", ["file", "/proc/diffkeras"])
def test_a_directory_that_cant_be_written_is_refused(tiny, tmp_path, place):
    (tmp_path / "file").write_text("precious")
    for path in (tmp_path / place, tmp_path / place / "data"):
        with pytest.raises(OutputError, match="can't be written"):
            generate(tiny, path)
    assert (tmp_path / "file").read_text() == "precious"


def test_what_doesnt_fit_is_refused_before_anything_is_made(tiny, tmp_path):
    config = tiny.with_overrides({"data.sources": "1,500", "data.radius": 3})
    with pytest.raises(PackingError, match="500 discs of radius 3 don't fit on 16×16"):
        generate(config, tmp_path)
    assert not list(tmp_path.rglob("*.tfrecord*"))


def test_a_dataset_that_is_read_is_not_replaced(tiny, own_data):
    larger = tiny.with_overrides({"data.train_examples": 20})
    name = dataset_status(tiny, 1, own_data).path.parent.name
    (own_data / f".reading-{name}-0123abcd.lock").touch()  # of a process that was killed
    places = dataset_paths(tiny, own_data)
    with keep_datasets(places):
        with pytest.raises(InUseError, match=f"the dataset {name} in .* by process {os.getpid()}"):
            generate(larger, own_data)
        generate(tiny, own_data)  # has nothing to do
    with (
        prepare_generation(larger, [1], own_data) as job,
        keep_datasets(places),  # since the examples are solved
        pytest.raises(InUseError),
    ):
        job.run(1)
    check_dataset(tiny, 1, own_data)
    generate(larger, own_data)
    check_dataset(larger, 1, own_data)
    assert not list(own_data.glob(".reading-*"))


def test_two_processes_dont_make_the_same_dataset(tiny, tmp_path):
    refusals: list[str] = []
    solved: list[int] = []

    def meanwhile(number: int) -> None:
        solved.append(number)
        if not refusals:
            with pytest.raises(InUseError) as caught:
                generate_dataset(tiny, 1, tmp_path)
            refusals.append(str(caught.value))
            generate_dataset(tiny, 2, tmp_path)  # of another source count

    generate_dataset(tiny, 1, tmp_path, on_examples=meanwhile)
    assert sum(solved) == 21
    assert f"process {os.getpid()}" in refusals[0]
    for count in (1, 2):
        check_records(dataset_status(tiny, count, tmp_path).path)


def test_the_files_are_the_same_wherever_and_however_often_they_are_made(tiny, data_dir, tmp_path):
    for place in (tmp_path, data_dir):  # there, it removes locks of trainings that were killed
        generate(tiny, place)
    assert files_below(tmp_path) == files_below(data_dir)


def test_metadata_of_other_files_are_refused(tiny, own_data):
    file = dataset_status(tiny, 2, own_data).path / "dataset_info.json"
    file.write_text(file.read_text().replace('"name": "train"', '"name": "../x"', 1))
    before = files_below(own_data)
    with pytest.raises(DataError, match=r"a split is named '\.\./x', not train, valid"):
        generate(tiny, own_data)
    assert files_below(own_data) == before


def test_metadata_without_their_splits_are_no_verified_dataset(tiny, own_data):
    file = dataset_status(tiny, 2, own_data).path / "dataset_info.json"
    info = json.loads(file.read_text())
    for kept, message in ((["test"], "has 0 train examples"), ([], "has no dataset")):
        splits = [split for split in info["splits"] if split["name"] in kept]
        file.write_text(json.dumps({**info, "splits": splits}))
        [finding] = verify(tiny.with_overrides({"data.sources": "2"}), own_data)
        assert message in finding


@pytest.mark.parametrize("cache", [False, True])
def test_training_names_a_file_with_a_flipped_byte(
    tiny_file, tiny, own_data, refused, tmp_path, cache
):
    file = shard(own_data, tiny, 2, "train")
    content = bytearray(file.read_bytes())
    content[300] ^= 4
    file.write_bytes(content)
    words = ["train", "--config", tiny_file, "--data-dir", own_data, "--run-dir", tmp_path / "run"]
    with lean_training():
        message = refused(*words, "--set", f"data.cache={str(cache).lower()}")
    assert f"{file} is truncated or damaged at example 0 of the train split" in message
