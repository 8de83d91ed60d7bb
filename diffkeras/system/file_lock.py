"""Locks that keep other processes out, and that end with the process that holds them."""

import contextlib
import logging
import math
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from diffkeras.errors import InUseError, OutputError
from diffkeras.system.atomic_files import check_directory, names_unwritable

logger = logging.getLogger(__name__)

NOTE = "process "  # with which the text of a lock begins
PATIENCE = 0.5  # seconds: the holder before may just be removing the file
UNTIL_FREE = math.inf  # a patience


@contextlib.contextmanager
def locked(path: Path, what: str, patience: float = PATIENCE) -> Iterator[None]:
    """Hold a lock file, which is removed at the end of the block.

    The lock is the operating system's, so it ends with a process that is killed; a file that stays
    then is taken over by the next process.

    Raises:
        InUseError: another process holds it for `patience` seconds; it uses `what`. With the
            patience `UNTIL_FREE`, a warning says so instead.
        OutputError: the place can't be written, has a file that is no lock, or is on a file system
            without locks.
    """
    # its lock for file systems that have none would outlive a process that is killed
    lock = FileLock(path, fallback_to_soft=False)
    check_directory(path.parent)  # filelock takes some places that can't be written for locked
    if (note := _note(path)) and not note.startswith(NOTE):
        raise OutputError(f"{path} is no lock of diffkeras; move it away, then try again")
    while not lock.is_locked:
        with names_unwritable(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        # another process may remove the folder if it is empty
        with contextlib.suppress(FileNotFoundError):
            _acquire(lock, what, patience)
    try:
        note = f"{NOTE}{os.getpid()} on {socket.gethostname()}, since {time.strftime('%F %T')}"
        with contextlib.suppress(OSError):  # the note may fail, on a full disk or on Windows
            path.write_text(note, encoding="utf-8")
        yield
    finally:
        try:
            # before the release: filelock takes no lock on a file that has been removed
            with contextlib.suppress(OSError):
                path.unlink()
        finally:
            lock.release()


def _acquire(lock: BaseFileLock, what: str, patience: float) -> None:
    path = Path(lock.lock_file)
    try:
        try:
            lock.acquire(timeout=PATIENCE if patience == UNTIL_FREE else patience)
        except Timeout:
            used = f"{what} is in use by {_note(path) or 'another process'}"
            if patience < UNTIL_FREE:
                raise InUseError(f"{used}; wait until it ends") from None
            logger.warning(f"waiting: {used}")
            lock.acquire()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise OutputError(
            f"{path} can't be locked: {error.strerror or error}; choose a directory on a file "
            "system that has locks, such as a local disk"
        ) from None


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
