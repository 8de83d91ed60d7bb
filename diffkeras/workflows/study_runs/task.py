"""What is to be done for a run of a study, and how it ended: what processes tell each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from diffkeras.config import Config
from diffkeras.studies.config import WorstCasesConfig


@dataclass(frozen=True)
class RunTask:
    """What is to be done for a run.

    Attributes:
        config: the run's configuration.
        run_dir: its directory, which is named after its identity.
        tests: each test set, and the directory of the errors on it.
        data_dir: where the datasets are.
        threads: threads that read data.
        search: test set, settings and directory of a worst-case search; None for no search.
        first_stage: directory of the finished run from which it goes on, if any.
    """

    config: Config
    run_dir: Path
    tests: tuple[tuple[Config, Path], ...]
    data_dir: Path
    threads: int
    search: tuple[Config, WorstCasesConfig, Path] | None = None
    first_stage: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        state: done; failed with an error; in use by another process; or interrupted by a signal.
        error: what went wrong, in one line.
        warnings: what was logged as a warning meanwhile.
    """

    state: Literal["done", "failed", "in use", "interrupted"]
    error: str = ""
    warnings: tuple[str, ...] = ()
