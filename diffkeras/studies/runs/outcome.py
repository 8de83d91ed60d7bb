"""How a run of a study ended; what this module needs is loaded quickly in a new process."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Outcome:
    """How the work on a run ended.

    Attributes:
        state: done; failed with an error; in use by another process; or interrupted by a signal.
        error: what went wrong, in one line.
        warnings: what was logged as a warning meanwhile.
    """

    state: Literal["done", "failed", "in use", "interrupted"]
    error: str = ""
    warnings: tuple[str, ...] = ()
