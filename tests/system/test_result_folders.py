import contextlib
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diffkeras.errors import OutputError
from diffkeras.system import atomic_files, file_lock, result_folders
from diffkeras.system.atomic_files import write_json, write_text
from diffkeras.system.result_folders import (
    LOCK,
    MANIFEST,
    check_replaceable,
    claiming,
    replacing_files,
)
from tests.helpers.counted_calls import CountedCalls
from tests.helpers.refusals import files_below

LAST = "metrics.json"
RESULT = (LAST, "figures/a.png", "figures/b.png", "assets/x", "variables/variables.index")
FOREIGN = (*RESULT, "figures/fig1.pdf", "variables/mine", "notes.txt", "sources.tfrecord")


def content(directory: Path) -> dict[str, str]:
    """The text of all files below a folder, besides the list of them and the lock."""
    files = files_below(directory).items()
    own = (MANIFEST, LOCK)
    return {name: text.decode() for name, text in files if Path(name).name not in own}


def write_files(folder: Path, files: dict[str, str]) -> None:
    """As other libraries do, which flush nothing."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def write_result(place: Path, files: dict[str, str], last: str = LAST) -> None:
    with replacing_files(place, last) as partial:
        write_files(partial, files)


def place_foreign(rng: random.Random, folder: Path, elsewhere: Path) -> dict[str, str]:
    """Put files of a user into a folder; what they are, by their names."""
    for name in rng.sample(FOREIGN, rng.randint(1, 4)):
        file, target = folder / name, elsewhere / name
        with contextlib.suppress(OSError):  # a part of the name is a file, or it is taken
            if rng.random() < 0.3:
                write_files(elsewhere, {name: "theirs"})
                if rng.random() < 0.5 and file.parent != folder:
                    file, target = file.parent, target.parent
                file.parent.mkdir(parents=True, exist_ok=True)
                if file.is_file():  # of the earlier result
                    file.unlink()
                file.symlink_to(target)
            elif not (file.exists() or file.is_symlink()):
                write_files(folder, {name: "theirs"})
    return {name: text for name, text in content(folder).items() if text == "theirs"}


@pytest.mark.parametrize("seed", range(80))
def test_files_of_the_user_survive_with_their_bytes(tmp_path, seed):
    rng = random.Random(seed)
    place, elsewhere = tmp_path / "results", tmp_path / "elsewhere"
    place.mkdir()
    earlier = rng.random() < 0.7
    if earlier:
        write_result(place, {name: "old" for name in RESULT if name == LAST or rng.random() < 0.6})
    theirs, linked = place_foreign(rng, place, elsewhere), content(elsewhere)
    before = content(place)
    new = {name: "new" for name in RESULT if name == LAST or rng.random() < 0.6}
    refusal = ""
    try:
        check_replaceable(place, LAST, new)
        write_result(place, new)
    except OutputError as error:
        refusal = str(error)
    if refusal:
        places = {place / part for name in FOREIGN for part in (name, Path(name).parts[0])}
        assert any(str(each) in refusal for each in places)
        assert content(place) == before
    after = content(place)
    assert theirs.items() <= after.items()
    assert content(elsewhere) == linked
    assert theirs or linked or not refusal
    if not refusal:
        assert earlier or not before
        assert new.items() <= after.items()
        assert "old" not in [
            text for name, text in after.items() if not (place / name).is_symlink()
        ]


def test_a_list_that_names_other_files_is_not_followed(tmp_path):
    place, other = tmp_path / "results", tmp_path / "mine.txt"
    write_text(other, "precious")
    for name in ("../mine.txt", str(other)):
        write_json(place / MANIFEST, {"last": LAST, "files": [name]})
        with pytest.raises(OutputError, match="is damaged"):
            write_result(place, {LAST: "new"})
    (place / MANIFEST).unlink()
    (place / MANIFEST).symlink_to(other)
    with pytest.raises(OutputError, match="is damaged"):
        write_result(place, {LAST: "new"})
    assert other.read_text() == "precious"


def test_only_a_folder_or_a_result_of_the_same_command_is_replaced(tmp_path):
    write_result(tmp_path / "model", {"saved_model.pb": "a model"}, "saved_model.pb")
    (tmp_path / "killed" / ".partial.host.1.1.result").mkdir(parents=True)
    write_text(tmp_path / "killed" / LOCK, "process 1 on host, since then")
    for place in ("killed", "new/deep"):
        check_replaceable(tmp_path / place, LAST)
    for place, message in (
        ("model", "result of another command, with saved_model"),
        ("model/saved_model.pb", "is a file"),
        ("model/saved_model.pb/below", "can't be written"),
    ):
        with pytest.raises(OutputError, match=message):
            check_replaceable(tmp_path / place, LAST)


def test_files_are_claimed_one_by_one(tmp_path):
    for text in "12":
        with claiming(tmp_path, "study.json", LAST):
            write_text(tmp_path / "study.json", text)
    write_text(tmp_path / "failed.csv", "theirs")
    with (
        pytest.raises(OutputError, match=r"failed\.csv is no file of an earlier result"),
        claiming(tmp_path, "failed.csv", LAST),
    ):
        pass
    write_result(tmp_path, {LAST: "3"})
    assert content(tmp_path) == {LAST: "3", "failed.csv": "theirs"}


def test_a_result_stopped_between_its_files_is_known_to_be_incomplete(tmp_path, monkeypatch):
    old = {LAST: "old", "figures/old.png": "old", "figures/both.png": "old"}
    new = {LAST: "new", "figures/new.png": "new", "figures/both.png": "new"}
    notes = {"notes.txt": "precious"}
    staged = []

    def replace(place: Path, files: dict[str, str]) -> None:
        with replacing_files(place, LAST) as partial:
            staged.append(partial)
            write_files(partial, files)

    places = [(Path, "replace"), (Path, "unlink")]
    places += [(module, "sync") for module in (atomic_files, result_folders)]
    for stop_at in range(1, 100):
        place = tmp_path / str(stop_at)
        write_result(place, old)
        write_files(place, notes)
        with monkeypatch.context() as patch:
            counted = CountedCalls(patch, *places)
            counted.stop_at = stop_at
            with contextlib.suppress(KeyboardInterrupt):
                replace(place, new)
        left = content(place)
        for name in new:
            left.pop(f"{staged[-1].name}/{name}", None)
        assert LAST not in left or left in (old | notes, new | notes), stop_at
        check_replaceable(place, LAST, new)
        if len(counted.made) < stop_at:
            break
        replace(place, new)
        assert content(place) == new | notes
    assert stop_at > 10
    calls = counted.made
    removed = calls.index(("unlink", place / LAST))
    assert {("sync", staged[-1] / name) for name in new} <= set(calls[:removed])
    assert calls[-3:-1] == [("replace", staged[-1] / LAST), ("sync", place)]
    assert calls[-1] == ("unlink", place / LOCK)


WRITER = """
import sys
from pathlib import Path
from diffkeras.system.atomic_files import replacing
from diffkeras.system.result_folders import replacing_files
folder = Path(sys.argv[1])
several = replacing_files(folder / "result", "metrics.json")
with replacing(folder / "field.npy") as one, several as several:
    one.write_text("half")
    (several / "metrics.json").write_text("half")
    print("written", flush=True)
    sys.stdin.readline()
"""


def write_all(folder: Path, text: str) -> None:
    write_text(folder / "field.npy", text)
    write_result(folder / "result", {LAST: text})


def test_a_kill_leaves_the_earlier_files_and_the_repeated_command_no_others(tmp_path):
    write_all(tmp_path, "earlier")
    words = [sys.executable, "-c", WRITER, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, text=True, **pipes) as writer:
        assert writer.stdout.readline() == "written\n"
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    names = ("field.npy", "result/metrics.json")
    assert [(tmp_path / name).read_text() for name in names] == ["earlier"] * 2
    check_replaceable(tmp_path / "result", LAST)
    write_all(tmp_path, "ours")
    assert content(tmp_path) == dict.fromkeys(names, "ours")
    assert {file.name for file in tmp_path.iterdir()} == {"field.npy", "result"}


FIRST = """
import sys
from pathlib import Path
from diffkeras.system import atomic_files, result_folders
from tests.system.test_result_folders import ACTIONS

left = 0
def stopping(call):
    def stop(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            print("stopped", flush=True)
            sys.stdin.readline()
        return call(*arguments, **options)
    return stop

places = [(module, "sync") for module in (atomic_files, result_folders)]
for owner, name in ((Path, "replace"), (Path, "unlink"), *places):
    setattr(owner, name, stopping(getattr(owner, name)))
for line in sys.stdin:
    left = int(line)
    ACTIONS[sys.argv[2]](Path(sys.argv[1]) / line.strip(), "first")
    print("not stopped" if left > 0 else "done", flush=True)
"""


def write_own(place: Path, name: str) -> None:
    write_result(place, {LAST: name, "figures/both.png": name, f"figures/{name}.png": name})


def claim_own(place: Path, name: str) -> None:
    with claiming(place, f"{name}.csv", LAST):
        write_text(place / f"{name}.csv", name)


ACTIONS = {"write": write_own, "claim": claim_own}


@pytest.mark.parametrize("second", ACTIONS)
@pytest.mark.parametrize("first", ACTIONS)
def test_processes_change_a_folder_one_after_the_other(tmp_path, monkeypatch, first, second):
    """The first one is stopped before each of its calls, until the second one waits or ends."""
    monkeypatch.setattr(file_lock, "PATIENCE", 0.01)
    with subprocess.Popen(
        [sys.executable, "-c", FIRST, str(tmp_path), first],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def go_on(word: object) -> None:
            print(word, file=process.stdin, flush=True)

        for stop_at in range(1, 100):
            place, waited = tmp_path / str(stop_at), list[str]()
            if stop_at % 2:
                write_result(place, {LAST: "old", "figures/old.png": "old"})

            def warned(text: str, waited: list[str] = waited) -> None:
                waited.append(text)
                go_on("")

            monkeypatch.setattr(file_lock.logger, "warning", warned)
            go_on(stop_at)
            if process.stdout.readline() == "not stopped\n":
                break
            ACTIONS[second](place, "second")
            if not waited:
                go_on("")
            assert process.stdout.readline() == "done\n"
            if second == "write":
                both = dict.fromkeys((LAST, "figures/both.png", "figures/second.png"), "second")
                assert content(place) == both
            write_result(place, {LAST: "new"})
            assert content(place) == {LAST: "new"}
            assert (
                f"waiting: the directory {place} is in use by process {process.pid} on" in waited[0]
            )
        assert stop_at > 5
        process.stdin.close()
