"""Writing files so that nobody ever sees, or is left with, half of one."""

import contextlib
import csv
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from diffkeras.errors import RunError

WRITTEN = ".files.json"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file next to `path` that replaces it at the end of the block."""
    partial = path.with_name(f".partial.{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        raise RunError(f"{path} can't be written: {error}") from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write beside, then rename."""
    beside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise RunError(f"{path} can't be written: {error}") from None


def write_json(path: Path, content: Any) -> None:
    """Strict JSON: numbers that are not finite become null."""
    write_text(path, json.dumps(_finite(content), indent=2, ensure_ascii=False) + "\n")


def _finite(content: Any) -> Any:
    if isinstance(content, Mapping):
        return {str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        RunError: missing or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from None


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A CSV file with a header; None and NaN become empty cells."""
    beside = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for row in rows:
                writer.writerow(
                    [
                        "" if v is None or (isinstance(v, float) and math.isnan(v)) else v
                        for v in row
                    ]
                )
        beside.replace(path)
    except OSError as error:
        raise RunError(f"{path} can't be written: {error}") from None


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, by column."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def check_file(path: Path) -> None:
    """Check, before the work, that a file can be written there.

    Raises:
        RunError: a directory lies there, or its place can't be written.
    """
    try:
        if path.is_dir():
            raise RunError(f"{path} is a directory; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise RunError(f"{path} can't be written: {error.strerror}") from None


def check_replaceable(path: Path, mark: str) -> None:
    """Check, before hours of work, that `replace_directory` can write there and destroys nothing.

    Args:
        path: the directory to be written.
        mark: name of a file that shows that the directory is an earlier result.

    Raises:
        RunError: it can't be written, or holds something else.
    """
    try:
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file; choose another directory")
        if path.is_dir() and any(path.iterdir()) and not (path / mark).is_file():
            raise RunError(f"{path} holds other files and no earlier result; choose another one")
        beside = Path(os.path.abspath(path)).parent
        beside.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=beside).close()
    except OSError as error:
        raise RunError(f"{path} can't be written: {error.strerror}") from None


def replace_directory(path: Path, make: Callable[[Path], None]) -> None:
    """Have `make` fill a directory beside `path`, then move its files into `path` one by one.

    A hidden list of what was written, `.files.json`, stays there: the files of an earlier result
    that the new one doesn't have are removed by it. What else lies there stays, so nobody's notes
    are lost to a result that is written again. The file that says that all is there,
    `metrics.json`, comes last.

    Raises:
        RunError: the directory can't be written.
    """
    path = Path(os.path.abspath(path))  # "." has no name
    beside = path.with_name(f".{path.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        make(beside)
        names = {
            file.relative_to(beside).as_posix() for file in beside.rglob("*") if file.is_file()
        }
        former = _written(path)
        write_json(path / WRITTEN, sorted(former | names))  # true of an interrupted move as well
        for name in sorted(names, key=lambda name: (name == "metrics.json", name)):
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).replace(path / name)
        for name in former - names:
            _remove(path, name)
        write_json(path / WRITTEN, sorted(names))
    except OSError as error:
        raise RunError(f"{path} can't be written: {error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _written(path: Path) -> set[str]:
    """What an earlier result wrote into a directory; nothing where there is no list of it."""
    try:
        names = json.loads((path / WRITTEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return set()
    if not isinstance(names, list):
        return set()
    # a list that was tampered with must not lead out of the directory
    inside = (PurePosixPath(name) for name in names if isinstance(name, str))
    return {str(name) for name in inside if not name.is_absolute() and ".." not in name.parts}


def _remove(path: Path, name: str) -> None:
    """Remove a file of a directory, and the directories in between that it leaves empty."""
    if (path / name).is_dir():
        return
    (path / name).unlink(missing_ok=True)
    for parent in list(PurePosixPath(name).parents)[:-1]:
        try:
            (path / parent).rmdir()
        except OSError:
            return
