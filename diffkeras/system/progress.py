"""Progress bars with the time left, on terminals and in log files."""

import sys
from typing import Any

from tqdm import tqdm

from diffkeras.system.interruption import check_signals
from diffkeras.system.standard_error import shows_on_terminal


class _Bar(tqdm):
    def update(self, n: float | None = 1) -> bool | None:
        """Advance, and end the command after a signal whose exception was lost."""
        check_signals()
        return super().update(n)


def progress_bar(
    total: int, description: str, unit: str, *, done: int = 0, shown: bool = True
) -> Any:
    """A bar on standard error. In a log file it writes a line every half minute instead."""
    terminal = shows_on_terminal()
    return _Bar(
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
