"""`generate --verify`: what is wrong is named by file and example."""

import re
import shutil
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from diffkeras.commands import main
from diffkeras.data import verify
from diffkeras.data.verification import differences_of
from diffkeras.errors import ConfigurationError, DataError
from tests.helpers.generation_tools import SHARD, generate_dataset, tiny_config
from tests.helpers.refusals import flip_a_bit


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("diffkeras.data.stored.SHARD_EXAMPLES", SHARD)
        return generate_dataset(tiny_config(), 2, tmp_path_factory.mktemp("data"))


@pytest.fixture
def data_dir(whole, tmp_path):
    shutil.copytree(whole.parents[2], tmp_path / "data")
    return tmp_path / "data"


def shard(data_dir, index):
    (file,) = data_dir.glob(f"*/*/*/*-train.tfrecord-{index:05d}-of-*")
    return file


def test_all_is_well(data_dir, log):
    assert verify(tiny_config(), data_dir) == []
    assert log.messages == ["datasets: 1, errors: 0"]


def cut(file):
    file.write_bytes(file.read_bytes()[:-100])


def append(file, content):
    file.write_bytes(file.read_bytes() + content)


def rewrite(file, change):
    """Rewrite the records of a file as `change` makes them."""
    records = list(tf.data.TFRecordDataset(str(file)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in change(records):
            writer.write(record)


def set_length(file, length):
    """Of the first record, with the checksum that belongs to it."""
    content, number = file.read_bytes(), length.to_bytes(8, "little")
    with tf.io.TFRecordWriter(str(file)) as writer:
        writer.write(number)  # a record ends with the checksum of what it holds
    file.write_bytes(number + file.read_bytes()[-4:] + content[12:])


@pytest.mark.parametrize(
    ("index", "damage", "found"),
    [
        (2, flip_a_bit, "damaged at example 20 of"),
        (1, cut, "is truncated or damaged"),
        (1, partial(rewrite, change=lambda rs: rs[:5]), "is truncated or damaged"),
        (1, partial(append, content=bytes(16)), ""),
        (1, partial(set_length, length=(1 << 64) - 8), "damaged at example 8 of"),
        (0, partial(rewrite, change=lambda rs: [bytes(len(rs[0])), *rs[1:]]), "be decoded"),
    ],
)
def test_a_damaged_file_is_named_with_its_example(data_dir, index, damage, found):
    file = shard(data_dir, index)
    damage(file)
    (finding,) = verify(tiny_config(), data_dir)
    assert str(file) in finding
    assert found in finding


def test_a_missing_shard_and_a_missing_dataset(data_dir):
    file = shard(data_dir, 0)
    file.unlink()
    missing, absent = verify(tiny_config(sources="2,3"), data_dir)
    assert f"{file} is missing" in missing
    assert "has no dataset of source count 3" in absent
    with pytest.raises(DataError, match="nothere has no dataset of source count 2 in this"):
        verify(tiny_config(sources="2,3"), "nothere")


def test_files_that_were_swapped(data_dir, monkeypatch):
    """They are found whichever examples are drawn, as each file's first one is solved again."""
    monkeypatch.setattr("diffkeras.data.verification.LEAST_EXAMPLES", 0)
    one, other = shard(data_dir, 1), shard(data_dir, 2)
    beside = one.with_name("beside")
    one.rename(beside)
    other.rename(one)
    beside.rename(other)
    for file, k, finding in zip(
        (one, other), (8, 16), verify(tiny_config(), data_dir, share=0), strict=True
    ):
        assert f"{file}: example {k} of the train split differs from the newly solved" in finding
        assert "rows differs" in finding


def test_an_example_in_another_ones_place_is_found_if_it_is_solved_again(data_dir, monkeypatch):
    monkeypatch.setattr("diffkeras.data.verification.LEAST_EXAMPLES", 0)
    rewrite(shard(data_dir, 1), lambda rs: [*rs[:3], rs[4], rs[3], *rs[5:]])
    assert verify(tiny_config(), data_dir, share=0) == []
    for k, finding in zip((11, 12), verify(tiny_config(), data_dir, share=1), strict=True):
        assert f"example {k} of the train split differs" in finding


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("features.json", "(?s).+", "{"),
        ("features.json", "(?s).+", '{"pythonClassName": "os.system"}'),
        ("features.json", '"32"', '"16"'),
        ("dataset_info.json", '"name": "diffusion', '"name": "other'),
        ("dataset_info.json", '"configName": "sources_02', '"configName": "sources_09'),
        ("dataset_info.json", '"version": "', '"version": "9.9'),
        ("dataset_info.json", '"fileFormat": "tfrecord"', '"fileFormat": "riegeli"'),
    ],
)
def test_damaged_metadata(data_dir, name, old, new):
    (file,) = data_dir.rglob(name)
    content, changes = re.subn(old, new, file.read_text(), count=1)
    assert changes
    file.write_text(content)
    (finding,) = verify(tiny_config(), data_dir)
    assert str(file) in finding
    assert "damaged" in finding
    with pytest.raises(DataError, match=rf"{name} is .*damaged"):
        generate_dataset(tiny_config(train=50), 2, data_dir)


def test_the_rounding_of_another_machine_is_allowed():
    new = {"field": np.float32([1.0, 1e-12, 0.5]), "sources": {"rows": np.int32([3])}}
    near = {"field": np.float32([1.0 + 2**-23, 3e-12, 0.5]), "sources": {"rows": np.int32([3])}}
    assert [*differences_of(near, new)] == []
    other = {"field": np.float32([1.0, 0.0, 0.500001]), "sources": {"rows": np.int32([4])}}
    assert [*differences_of(other, new)] == [
        "field differs by up to 1e-06",
        "rows differs by up to 1",
    ]
    assert "nan" in "".join(differences_of({**near, "field": np.float32([np.nan, 0, 0.5])}, new))
    assert [*differences_of({**near, "field": new["field"][:2]}, new)] == [
        "field has shape (2,) instead of (3,)"
    ]


def test_command(data_dir, tmp_path):
    file = tmp_path / "tiny.yaml"
    file.write_text(tiny_config().to_yaml())
    options = ["generate", "--config", str(file), "--data-dir", str(data_dir)]
    done = CliRunner().invoke(main, [*options, "--verify"])
    assert done.exit_code == 0
    assert "datasets: 1, errors: 0" in done.output
    shard(data_dir, 4).unlink()
    done = CliRunner().invoke(main, [*options, "--verify", "0.5"])
    assert done.exit_code == 1
    assert "-00004-of-00005 is missing" in done.output
    with pytest.raises(ConfigurationError, match="not nan"):
        verify(tiny_config(), data_dir, share=float("nan"))
