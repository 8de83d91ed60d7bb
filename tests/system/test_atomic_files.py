import errno
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from diffkeras.errors import OutputError, RunError
from diffkeras.system.atomic_files import (
    check_file,
    read_json,
    replacing,
    write_csv,
    write_json,
    write_text,
)
from diffkeras.system.result_folders import replacing_files
from tests.helpers.refusals import files_below
from tests.helpers.tables import read_csv


def content(directory: Path) -> dict[str, str]:
    """The text of all files below a directory."""
    return {name: text.decode() for name, text in files_below(directory).items()}


def interrupt(written: object) -> NoReturn:
    raise KeyboardInterrupt


def test_an_error_leaves_the_earlier_file_and_nothing_else(tmp_path):
    file = tmp_path / "a.txt"
    write_text(file, "old")
    with pytest.raises(KeyboardInterrupt), replacing(file) as partial:
        interrupt(partial.write_text("new"))
    assert content(tmp_path) == {"a.txt": "old"}


def test_an_error_of_the_system_names_the_file(tmp_path):
    file = tmp_path / "a.txt"
    write_text(file, "")
    for unwritable in (tmp_path, file / "below.txt"):
        with pytest.raises(OutputError, match=str(unwritable)):
            write_text(unwritable, "new")


@pytest.mark.parametrize("write", [replacing, partial(replacing_files, last="mark")])
def test_errors_of_writing_alone_are_those_of_the_output(tmp_path, write):
    output = tmp_path / "output"
    for error in (OSError(errno.ENOSPC, "No space"), OSError("of another library")):
        with pytest.raises(OutputError, match="output can't be written"), write(output):
            raise error
    with pytest.raises(OutputError, match="output can't be written"), write(output) as place:
        (place / "missing" / "file").open("w")
    for error in (FileNotFoundError(errno.ENOENT, "none", "input"), OSError(errno.ENOMEM, "fork")):
        with pytest.raises(OSError, match=error.strerror), write(output):
            raise error
    assert not output.exists()


def test_a_symbolic_link_stays_one(tmp_path):
    target, link = tmp_path / "target" / "a.txt", tmp_path / "a.txt"
    write_text(target, "old")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_json_is_strict(tmp_path):
    file = tmp_path / "deep" / "a.json"
    write_json(file, {"a": float("nan"), 1: [float("inf"), 2.5]})
    assert read_json(file) == {"a": None, "1": [None, 2.5]}
    for damaged in ("{", "[" * 100_000):
        file.write_text(damaged)
        with pytest.raises(RunError, match=r"a\.json is missing or damaged"):
            read_json(file)


def test_csv_has_empty_cells_where_there_is_nothing(tmp_path):
    file = tmp_path / "a.csv"
    write_csv(file, ["a", "b"], [[1, None], [float("nan"), "x,y"]])
    assert read_csv(file) == [{"a": "1", "b": ""}, {"a": "", "b": "x,y"}]

    def rows() -> Iterator[list[int]]:
        yield [2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_csv(file, ["a"], rows())
    assert read_csv(file) == [{"a": "1", "b": ""}, {"a": "", "b": "x,y"}]


def test_a_file_goes_where_nothing_else_lies(tmp_path):
    check_file(tmp_path / "new" / "a.txt")
    with pytest.raises(OutputError, match="no regular file"):
        check_file(tmp_path)
    with pytest.raises(OutputError, match="no regular file"):
        check_file(Path("/dev/null"))
