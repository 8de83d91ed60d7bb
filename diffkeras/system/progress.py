"""Standard error: progress bars on it, and imports of C++ code, which print to it."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm


def shows_on_terminal() -> bool:
    """Whether standard error is a terminal; a process may also have none (`2>&-`)."""
    return sys.stderr is not None and sys.stderr.isatty()


def progress_bar(
    total: int, description: str, unit: str, *, done: int = 0, shown: bool = True
) -> Any:
    """A bar on standard error. In a log file it writes a line every half minute instead."""
    terminal = shows_on_terminal()
    return tqdm(
        total=total,
        initial=done,
        desc=description,
        unit=f" {unit}",
        disable=not shown or sys.stderr is None,
        dynamic_ncols=terminal,
        ncols=None if terminal else 110,
        mininterval=0.2 if terminal else 30,
        smoothing=0.1,
    )


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
