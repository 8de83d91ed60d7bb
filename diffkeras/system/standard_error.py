"""Standard error: whether it is a terminal, and imports of C++ code, which print to it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def shows_on_terminal() -> bool:
    """Whether standard error is a terminal; a process may also have none (`2>&-`)."""
    return sys.stderr is not None and sys.stderr.isatty()


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Discard what is written to standard error: for imports whose C++ code prints at its start.

    C++ writes to the file descriptor, which replacing `sys.stderr` doesn't affect. An exception is
    still printed: Python does that after the descriptor is restored. A process without standard
    error may use its descriptor for another file, which is left alone.
    """
    if sys.stderr is None:
        yield
        return
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
