"""Damaged runs and datasets: an error of one line, and nothing written."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from refusals import assert_refused, damaged, files_below, flipped, invoke, words_of

from diffkeras.config import Config
from diffkeras.data import dataset_status

NESTED = b"[" * 100_000


@pytest.mark.slow
@pytest.mark.parametrize("value", [None, 3, "x", [], {}, 1e400, "deep"])
def test_wrong_types_in_run_json(place: Path, own_run: Path, data_dir: Path, value: Any) -> None:
    """A key of another type is refused or not needed, but never ends in a traceback."""
    file = own_run / "run.json"
    content = json.loads(file.read_text())
    for key in content:
        file.write_text(json.dumps({**content, key: [[]] * 9 if value == "deep" else value}))
        before = files_below(place)
        result = invoke("predict", words_of("predict", data_dir, own_run))
        if result.exit_code == 0:
            (place / "field.npy").unlink()
        else:
            assert_refused(result, place, before)


METADATA = ("dataset_info.json", "features.json")


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "evaluate", "generate"])
@pytest.mark.parametrize("name", METADATA)
def test_damaged_metadata_of_datasets(
    place: Path,
    own_data: Path,
    run_dir: Path,
    tiny: Config,
    command: str,
    name: str,
) -> None:
    file = dataset_status(tiny, 2, own_data).path / name
    content = file.read_bytes()
    fields = json.loads(content)
    others = [
        json.dumps({**fields, key: value}).encode() for key in fields for value in (3, [], "x")
    ]
    for damage in (*damaged(content), NESTED, b"[1]", b"null", *others):
        if damage == content[:-1]:
            continue  # only the last line's end is missing
        file.write_bytes(damage)
        before = files_below(place)
        values = words_of(command, own_data, run_dir)
        if command == "generate":
            values |= {"data_dir": str(own_data), "share": "0.01"}
        result = invoke(command, values)
        assert "Traceback" not in result.output
        assert isinstance(result.exception, SystemExit | None), result.exception
        assert result.exit_code in (0, 1), (damage, result.output)
        if result.exit_code == 0:  # a key that nothing reads
            for left in ("new", "results"):
                shutil.rmtree(place / left, ignore_errors=True)
        else:
            assert files_below(place) == before


@pytest.mark.slow
@pytest.mark.parametrize("command", ["evaluate", "generate"])
def test_damaged_shards(
    place: Path, own_data: Path, run_dir: Path, tiny: Config, command: str
) -> None:
    [file] = dataset_status(tiny, 2, own_data).path.glob("*-test.tfrecord-*")
    content = file.read_bytes()
    huge = (2**62).to_bytes(8, "little") + content[8:]
    for damage in (
        *damaged(content),
        huge,
        content + b"more",
        *(flipped(content, k) for k in range(9)),
    ):
        file.write_bytes(damage)
        before = files_below(place)
        values = words_of(command, own_data, run_dir)
        if command == "generate":
            values |= {"data_dir": str(own_data), "share": "0.01"}
        result = invoke(command, values)
        assert result.exit_code == 1, result.output
        assert str(file) in result.output
        assert "Traceback" not in result.output
        assert files_below(place) == before
