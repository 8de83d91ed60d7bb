"""Writing files so that an incomplete one is never read and never stays."""

import contextlib
import csv
import errno
import json
import math
import os
import re
import shutil
import socket
import tempfile
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from diffkeras.errors import OutputError, RunError

PARTIAL = ".partial"
# a full disk, a full quota, the limit of a file's size, and a disk that has failed
WRITE_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


@contextlib.contextmanager
def names_unwritable(path: Path, partial: Path | None = None) -> Iterator[None]:
    """Turn an error of the operating system into an OutputError that names the file.

    With `partial`, a temporary file or directory for `path`, only errors of writing there: the
    block may also read files, and start processes.
    """
    try:
        yield
    except OSError as error:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        if partial is not None and not (
            any(Path(name).absolute().is_relative_to(partial.absolute()) for name in names)
            # errors of open files and of other libraries name none
            or (not names and error.errno in (None, *WRITE_ERRORS))
        ):
            raise
        place = error.filename2 or path  # what a file could not be renamed to
        raise OutputError(f"{place} can't be written: {error.strerror or error}") from None


def temporary(folder: Path, name: str) -> Path:
    """A path for a temporary file or directory, which no other thread or process uses.

    What processes of this machine that were killed have left under such a path is removed.
    """
    start = f"{PARTIAL}.{zlib.crc32(socket.gethostname().encode()):08x}"
    known = re.compile(rf"{re.escape(start)}\.(\d+)\.\d+\.{re.escape(name)}")
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            if found := known.fullmatch(entry.name):
                import psutil  # here, as it is slow to import

                if not psutil.pid_exists(int(found[1])):
                    shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    return folder / f"{start}.{os.getpid()}.{threading.get_native_id()}.{name}"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file next to `path` that replaces it at the end of the block.

    It is flushed to the disk before it is renamed, so after a crash either the earlier file or the
    new one is there. Of several processes that replace it, the last one wins. Where `path` is a
    symbolic link, the file that it points to is replaced.
    """
    with names_unwritable(path):
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
    partial = temporary(target.parent, target.name)
    try:
        with names_unwritable(path, partial):
            yield partial
        with names_unwritable(path):
            sync(partial)
            partial.replace(target)
            sync(target.parent)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file, or the names in a directory, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_space(directory: Path, size: int) -> None:
    """Raise an OutputError if a directory has no room for a file of a number of bytes."""
    with names_unwritable(directory), tempfile.TemporaryFile(dir=directory) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)


def write_text(path: Path, text: str) -> None:
    """Replace a text file."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Replace a file."""
    with replacing(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Replace a file by strict JSON: numbers that are not finite become null."""
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
    """The content of a JSON file; a RunError if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from None


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Replace a file by a CSV table with a header; None and NaN become empty cells."""
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        # only NaN differs from itself
        writer.writerows(["" if cell != cell else cell for cell in row] for row in rows)


def check_file(path: Path) -> None:
    """Raise an OutputError, before the work, if a file can't be written there."""
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is no regular file; choose another name")
    check_directory(Path(os.path.realpath(path)).parent)


def check_directory(path: Path) -> None:
    """Raise an OutputError, before the work, if files can't be written to a directory.

    The directory is not created before there is something to write.
    """
    folder = Path(os.path.realpath(path))
    with names_unwritable(path):
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        tempfile.TemporaryFile(dir=folder).close()
