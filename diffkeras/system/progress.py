"""Progress bars on standard error."""

import sys
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
        ncols=None if terminal else 80,
        mininterval=0.2 if terminal else 30,
        smoothing=0.1,
    )
