import contextlib
import errno
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from diffkeras.errors import OutputError, RunError
from diffkeras.system import atomic_files
from diffkeras.system.atomic_files import (
    check_file,
    check_replaceable,
    read_json,
    replacing,
    replacing_files,
    write_csv,
    write_json,
    write_text,
)
from tests.helpers.counted_calls import CountedCalls
from tests.helpers.refusals import files_below
from tests.helpers.tables import read_csv

OWNED = ("metrics.json", "figures/*.png")


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


@pytest.mark.parametrize("write", [replacing, partial(replacing_files, owned=[], last="mark")])
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


def write_result(place: Path, files: dict[str, str]) -> None:
    with replacing_files(place, OWNED, last="metrics.json") as partial:
        for name, text in files.items():
            write_text(partial / name, text)


def test_a_result_replaces_its_predecessor_and_leaves_notes_alone(tmp_path):
    place = tmp_path / "results"
    write_result(place, {"metrics.json": "1", "figures/old.png": "1"})
    notes = {"notes.txt": "precious", "figures/notes.txt": "precious"}
    for name, text in notes.items():
        write_text(place / name, text)
    write_result(place, {"metrics.json": "2", "figures/new.png": "2"})
    assert content(place) == {"metrics.json": "2", "figures/new.png": "2", **notes}


def test_an_unfinished_result_replaces_nothing(tmp_path):
    place = tmp_path / "results"
    write_result(place, {"metrics.json": "1"})
    with (
        pytest.raises(KeyboardInterrupt),
        replacing_files(place, OWNED, "metrics.json") as partial,
    ):
        interrupt(write_text(partial / "metrics.json", "2"))
    assert content(tmp_path) == {"results/metrics.json": "1"}


def test_a_result_stopped_between_its_files_is_known_to_be_incomplete(tmp_path, monkeypatch):
    old = {"metrics.json": "old", "figures/old.png": "old", "figures/both.png": "old"}
    new = {"metrics.json": "new", "figures/new.png": "new", "figures/both.png": "new"}
    notes = {"notes.txt": "precious"}
    staged = []

    def write(folder: Path, files: dict[str, str]) -> None:
        """As other libraries do, which flush nothing."""
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)

    def replace(place: Path, files: dict[str, str]) -> None:
        with replacing_files(place, OWNED, last="metrics.json") as partial:
            staged.append(partial)
            write(partial, files)

    places = (Path, "replace"), (Path, "unlink"), (atomic_files, "sync")
    counted, states = CountedCalls(monkeypatch, *places), set()
    for stop_at in range(1, 100):
        place = tmp_path / str(stop_at)
        write(place, old | notes)
        counted.stop_at = stop_at
        counted.made.clear()
        with contextlib.suppress(KeyboardInterrupt):
            replace(place, new)
        left = content(place)
        for name in new:
            left.pop(f"{staged[-1].name}/{name}", None)
        complete = "metrics.json" in left
        assert not complete or left in (old | notes, new | notes), stop_at
        states.add(left.get("metrics.json"))
        check_replaceable(place, "metrics.json")
        if len(counted.made) < stop_at:
            break
        counted.stop_at = 0
        replace(place, new)
        assert content(place) == new | notes
    assert states == {"old", None, "new"}
    calls = counted.made
    removed = calls.index(("unlink", place / "metrics.json"))
    assert {("sync", staged[-1] / name) for name in new} <= set(calls[:removed])
    assert calls[-2:] == [("replace", staged[-1] / "metrics.json"), ("sync", place)]


def test_only_earlier_results_are_replaceable(tmp_path):
    check_replaceable(tmp_path / "new" / "deep", "mark")
    (tmp_path / "empty").mkdir()
    check_replaceable(tmp_path / "empty", "mark")
    (tmp_path / "killed" / ".partial.host.1.1.result").mkdir(parents=True)
    check_replaceable(tmp_path / "killed", "mark")
    write_text(tmp_path / "killed" / "figures" / "a.png", "")
    check_replaceable(tmp_path / "killed", "mark")
    write_text(tmp_path / "old" / "mark", "")
    check_replaceable(tmp_path / "old", "mark")
    write_text(tmp_path / "half" / "figures" / "a.png", "")
    check_replaceable(tmp_path / "half", "metrics.json", OWNED)
    with pytest.raises(OutputError, match="holds other files"):
        check_replaceable(tmp_path / "half", "metrics.json")
    write_text(tmp_path / "mine" / "thesis.tex", "")
    with pytest.raises(OutputError, match="holds other files"):
        check_replaceable(tmp_path / "mine", "mark")
    with pytest.raises(OutputError, match="is a file"):
        check_replaceable(tmp_path / "old" / "mark", "mark")
    with pytest.raises(OutputError, match="can't be written"):
        check_replaceable(tmp_path / "old" / "mark" / "below", "mark")


def test_a_file_goes_where_nothing_else_lies(tmp_path):
    check_file(tmp_path / "new" / "a.txt")
    with pytest.raises(OutputError, match="no regular file"):
        check_file(tmp_path)
    with pytest.raises(OutputError, match="no regular file"):
        check_file(Path("/dev/null"))


WRITER = """
import sys
from pathlib import Path
from diffkeras.system.atomic_files import replacing, replacing_files
folder = Path(sys.argv[1])
several = replacing_files(folder / "result", ["figures/*"], "metrics.json")
with (
    replacing(folder / "field.npy") as one,
    several as several,
    one.open("w") as file,
    (several / "metrics.json").open("w") as other,
):
    for _ in range(2):
        for opened in (file, other):
            opened.write("half ")
            opened.flush()
        print("written", flush=True)
        sys.stdin.readline()
"""
NAMES = ("field.npy", "result/metrics.json")


@pytest.fixture
def writer(tmp_path):
    """Another process that has written half of a file and of a directory; a line lets it go on."""
    words = [sys.executable, "-c", WRITER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, text=True, **pipes) as process:
        assert process.stdout.readline() == "written\n"
        yield process
        process.kill()


def write_ours(folder: Path) -> None:
    write_text(folder / "field.npy", "ours")
    with replacing_files(folder / "result", OWNED, "metrics.json") as partial:
        (partial / "metrics.json").write_text("ours")


def test_a_kill_leaves_the_earlier_files_and_the_repeated_command_no_others(tmp_path, writer):
    for name in NAMES:
        write_text(tmp_path / name, "earlier")
    writer.kill()
    assert writer.wait() == -signal.SIGKILL
    assert [(tmp_path / name).read_text() for name in NAMES] == ["earlier"] * 2
    check_replaceable(tmp_path / "result", "metrics.json")
    write_ours(tmp_path)
    assert content(tmp_path) == dict.fromkeys(NAMES, "ours")
    assert {file.name for file in tmp_path.iterdir()} == {"field.npy", "result"}


def test_of_two_writers_the_last_one_wins_and_nobody_sees_half_a_file(tmp_path, writer):
    write_ours(tmp_path)
    print(file=writer.stdin, flush=True)
    assert writer.stdout.readline() == "written\n"
    assert [(tmp_path / name).read_text() for name in NAMES] == ["ours"] * 2
    writer.communicate("\n", timeout=60)
    assert writer.returncode == 0
    assert content(tmp_path) == dict.fromkeys(NAMES, "half half ")
