"""Locks that keep other processes out, and that end with the process that holds them."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from diffkeras.errors import InUseError, OutputError
from diffkeras.system.atomic_files import check_directory, names_unwritable

NOTE = "process "  # with which the text of a lock begins
PATIENCE = 0.5  # seconds: the holder before may just be removing the file


@contextlib.contextmanager
def locked(path: Path, what: str, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a lock file, which is removed at the end of the block.

    Raises:
        InUseError: another process holds it for `patience` seconds; it uses `what`.
        OutputError: the place can't be written, or has a file that is no lock.
    """
    lock = FileLock(path)
    check_directory(path.parent)  # filelock takes some places that can't be written for locked
    with names_unwritable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if (note := _note(path)) and not note.startswith(NOTE):
            raise OutputError(f"{path} is no lock of diffkeras; move it away, then try again")
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            raise InUseError(
                f"{what} is in use by {_note(path) or 'another process'}; wait until it ends"
            ) from None
    try:
        note = f"{NOTE}{os.getpid()} on {socket.gethostname()}, since {time.strftime('%F %T')}"
        with contextlib.suppress(OSError):  # the note may fail, on a full disk or on Windows
            path.write_text(note, encoding="utf-8")
        yield
    finally:
        # before the release: filelock takes no lock on a file that has been removed
        with contextlib.suppress(OSError):
            path.unlink()
        lock.release()


def remove_stale(path: Path) -> None:
    """Remove the lock file of a process that was killed; a lock that is held stays."""
    if path.exists():
        with contextlib.suppress(InUseError, OutputError), locked(path, str(path), patience=0):
            pass


def _note(path: Path) -> str:
    """What the holder of a lock has written into it; "" for nothing yet."""
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")[:500]
    return ""
