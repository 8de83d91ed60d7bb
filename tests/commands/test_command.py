"""How every command ends: one line and an exit status, and a traceback only on request."""

import errno
import logging
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from diffkeras.commands.command import DiffkerasCommand
from diffkeras.errors import PhysicsError

logger = logging.getLogger("diffkeras.some")

COMMAND = [sys.executable, "-c", "from diffkeras.commands import main; main(prog_name='diffkeras')"]


@pytest.fixture
def broken(monkeypatch):
    """Have `solve` raise an error."""

    def break_with(error: BaseException) -> None:
        def fail(*args: Any, **options: Any) -> None:
            raise error

        monkeypatch.setattr("diffkeras.commands.solve.solve_many", fail)

    return break_with


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (KeyError("some\nkey"), 70, "solve failed: KeyError: "),
        (ValueError("x" * 10**7), 70, "; --debug prints the traceback"),
        (PhysicsError("x" * 10**7 + "; take fewer"), 1, "x … x"),
        (MemoryError("1 TiB"), 1, "out of memory: 1 TiB; choose a coarser --lattice"),
        (OSError(errno.ELOOP, "Too many levels of symbolic links", "loop"), 1, "loop: Too many"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_of_any_kind_is_one_short_line(
    diffkeras, broken, discs, tmp_path, error, status, words
):
    broken(error)
    side = ("--side", "top=value:1", "--lattice", "24x32")
    result = diffkeras("solve", *side, "--decay", discs, "-o", tmp_path / "field.npy")
    [line] = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (status, "")
    assert line.startswith("Error: ")
    assert words in line
    assert len(line) < 1600


def test_the_traceback_is_printed_on_request(diffkeras, broken, discs, tmp_path):
    broken(ZeroDivisionError("words"))
    for words in (["--debug", "solve"], ["solve", "--debug"]):
        result = diffkeras(*words, discs, "-o", tmp_path / "field.npy")
        assert result.exit_code == 70
        assert "Traceback (most recent call last)" in result.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_says_what_is_kept(diffkeras, tiny_file, tmp_path, monkeypatch, number, status):
    def interrupt(*args: Any, **kwargs: Any) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr("diffkeras.data.generate_datasets.check_directory", interrupt)
    before = signal.getsignal(signal.SIGTERM)
    result = diffkeras("generate", "--config", tiny_file, "--data-dir", tmp_path / "data")
    assert signal.getsignal(signal.SIGTERM) == before
    assert result.exit_code == status
    assert "finished files are kept; run the same command again" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [("MPLBACKEND", "foo", 0), ("SOURCE_DATE_EPOCH", "x", 1), ("SOURCE_DATE_EPOCH", "7", 0)],
)
def test_variables_of_other_libraries(diffkeras, discs, tmp_path, monkeypatch, name, value, status):
    monkeypatch.setenv(name, value)
    words = ["solve", discs, "-o", tmp_path / "field.npy", "--plot", tmp_path / "field.svg"]
    result = diffkeras(*words)
    assert result.exit_code == status, result.output
    assert (f"{name} is {value!r}" in result.stderr) == bool(status)


def test_another_backend_of_keras_is_refused_in_a_sentence(diffkeras, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "foo")
    result = diffkeras("train", "--data-dir", tmp_path, "--run-dir", tmp_path / "run")
    assert result.exit_code == 1
    assert "KERAS_BACKEND is 'foo', and this needs tensorflow" in result.stderr


OUTSIDE = {
    "full disk": ('exec "$@" >/dev/full', 1, "", "standard output can't be written: No space"),
    "full disk, buffered": ('exec "$@" --help >/dev/full', 1, "", "can't be written: No space"),
    "nobody reads": ('"$@" | true', 0, "", "solved; its error"),
    "no standard error": ('exec "$@" 2>&-', 0, "wrote {field} (24×32 float64)", ""),
    "no such character": (
        'PYTHONIOENCODING=koi8-r exec "$@"',
        *(0, "wrote {field} (24\\xd732 float64)", "solved; its error"),
    ),
}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize(("script", "status", "printed", "error"), OUTSIDE.values(), ids=OUTSIDE)
def test_whatever_the_shell_gives_ends_in_a_line(discs, tmp_path, script, status, printed, error):
    field = tmp_path / "field.npy"
    words = ["sh", "-c", script, "sh", *COMMAND, "solve", str(discs), "-o", str(field)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status
    assert done.stdout.strip() == printed.format(field=field)
    assert error in done.stderr
    assert "Traceback" not in done.stderr


def test_progress_and_warnings_reach_standard_error_once(runner):
    @click.command(cls=DiffkerasCommand)
    def work() -> None:
        logger.debug("detail")
        logger.info("progress")
        logger.warning("damage")

    for _ in range(2):
        done = runner.invoke(work)
        assert done.stderr.splitlines() == ["progress", "warning: damage"]
        assert done.stdout == ""
    assert not logging.getLogger("diffkeras").handlers
    assert not logger.isEnabledFor(logging.INFO)
