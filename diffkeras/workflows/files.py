"""Writing files so that nobody ever sees, or is left with, half of one."""

import csv
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from diffkeras.errors import RunError


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
            raise RunError(f"{path} holds other files, which would be lost; choose another one")
        beside = Path(os.path.abspath(path)).parent
        beside.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=beside).close()
    except OSError as error:
        raise RunError(f"{path} can't be written: {error.strerror}") from None


def replace_directory(path: Path, make: Callable[[Path], None]) -> None:
    """Have `make` fill a directory beside `path`, then move its files into `path` one by one.

    What else lies there stays: nobody's notes are lost to a result that is written again. The file
    that says that all is there, `metrics.json`, comes last.
    """
    path = Path(os.path.abspath(path))  # "." has no name
    beside = path.with_name(f".{path.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir(parents=True)
        make(beside)
        files = [file for file in beside.rglob("*") if file.is_file()]
        for file in sorted(files, key=lambda file: (file.name == "metrics.json", file)):
            place = path / file.relative_to(beside)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)
    except OSError as error:
        raise RunError(f"{path} can't be written: {error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
