"""Commands that must be refused, and damage to files."""

import contextlib
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner, Result

from diffkeras.commands import main
from diffkeras.commands.command import UNEXPECTED


def words_of(command: str, data_dir: Path, run_dir: Path) -> dict[str, str]:
    """Values with which a command works, by the names of its parameters."""
    data = {"data_dir": str(data_dir)}
    source = {"source_files": "sources.npy", "output": "field.npy"}
    return {
        "generate": {"config_file": "tiny.yaml", "data_dir": "data"},
        "train": {"config_file": "tiny.yaml", **data, "run_dir": "new"},
        "evaluate": {"run": str(run_dir), **data, "output": "results"},
        "export": {"run": str(run_dir), "format": "onnx", "output": "model.onnx"},
        "study": {"config_file": "study.yaml", **data, "run_dir": "study"},
        "solve": source,
        "predict": {"run": str(run_dir), **source},
    }[command]


def invoke(command: str, values: dict[str, str]) -> Result:
    """Run a command in this process with values for its parameters."""
    words = []
    for parameter in main.commands[command].params:
        if parameter.name in values:
            value = values[parameter.name]
            if isinstance(parameter, click.Argument):
                words.append(value)
            else:
                words += [f"{max(parameter.opts, key=len)}={value}"]
    return CliRunner().invoke(main, [command, *words])


def refusal_of(result: Result) -> str:
    """The one line in which a command says why it can't be done."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code not in (0, None), result.output
    assert "Traceback" not in result.output
    line = result.output.splitlines()[-1]
    # progress bars end in a carriage return instead of a new line
    assert line.rpartition("Error: ")[1], result.output
    return line.rpartition("Error: ")[2]


def files_below(directory: Path) -> dict[str, bytes]:
    files = [file for file in directory.rglob("*") if file.is_file()]
    return {file.relative_to(directory).as_posix(): file.read_bytes() for file in files}


def assert_refused(result: Result, place: Path, before: dict[str, bytes]) -> None:
    """One line, an exit status of a foreseen error, no traceback, and nothing written."""
    assert result.exit_code not in (0, None, UNEXPECTED), result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    errors = [line for line in result.stderr.splitlines() if "Error: " in line]
    assert len(errors) == 1, result.output
    assert result.stderr.splitlines()[-1].rpartition("Error: ")[2].strip()
    assert len(errors[0]) < 2000
    assert files_below(place) == before


def damaged(content: bytes) -> Iterator[bytes]:
    yield from (b"", b"\0", content[: len(content) // 2], content[:-1], b"x" * 500)


def flip_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@contextlib.contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Have the operating system refuse to let any file of this process grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
