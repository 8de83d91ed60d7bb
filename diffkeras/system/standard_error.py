"""Standard error, to which imports of C++ code print."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Discard what is written to standard error: for imports whose C++ code prints at its start.

    C++ writes to the file descriptor, which replacing `sys.stderr` doesn't affect. An exception is
    still printed: Python does that after the descriptor is restored.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        with open(os.devnull, "w") as sink:
            os.dup2(sink.fileno(), 2)
            yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
