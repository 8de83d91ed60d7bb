"""One process at a time, held by the operating system: a lock ends however its holder ends."""

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from diffkeras.errors import DataError


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock file, which is gone afterwards.

    Args:
        path: the lock file.
        what: what is locked, for the message.

    Raises:
        DataError: another process holds it; the message says which.
    """
    descriptor = _acquire(path, what)
    try:
        note = f"process {os.getpid()} on {socket.gethostname()}, since {time.strftime('%F %T')}"
        os.truncate(descriptor, 0)
        with contextlib.suppress(OSError):  # on a full disk the lock holds without a note
            os.write(descriptor, note.encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, what: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o664)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(descriptor, path):
                return descriptor
        except BlockingIOError:
            holder = os.read(descriptor, 500).decode(errors="replace") or "another process"
            os.close(descriptor)
            raise DataError(
                f"{what} is being made by {holder}; run the same command again when it is done"
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        # the holder before us removed the file between our two calls
        os.close(descriptor)


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
