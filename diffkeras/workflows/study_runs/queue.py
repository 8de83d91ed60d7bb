"""The runs of a study that are still to be done, in which order, and how each ended."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from diffkeras.config import Config
from diffkeras.studies.config import Study, WorstCasesConfig
from diffkeras.studies.evaluations import without_baselines
from diffkeras.studies.plan import Cell, time_left
from diffkeras.studies.study_directory import FailedRun

logger = logging.getLogger(__name__)

RETRY = 5.0  # seconds until a run that another process uses is tried again


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
    """

    config: Config
    run_dir: Path
    tests: tuple[tuple[Config, Path], ...]
    data_dir: Path
    threads: int
    search: tuple[Config, WorstCasesConfig, Path] | None = None


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


class RunQueue:
    """Runs to be done, the longest first; those that another process uses last.

    Args:
        study: the study.
        cells: all its runs that this process is to do, and those that it has done, which say how
            long the others take.
        lacking: labels of the test sets on which the first run is to measure the baselines.

    Attributes:
        failed: the runs that failed.
        total: number of runs to be done.
        finished: number of those that are done or failed.
    """

    def __init__(self, study: Study, cells: Sequence[Cell], lacking: Sequence[str] = ()) -> None:
        self.failed: list[FailedRun] = []
        self.finished = 0
        self._cells = {cell.identity: cell for cell in cells}
        # sorted is stable, so equal runs stay in the order of the study
        self._ready = sorted((cell for cell in cells if not cell.done), key=_work, reverse=True)
        self.total = len(self._ready)
        self._used: list[tuple[float, Cell]] = []  # when to try again, and what
        self._alone = {label: without_baselines(t) for label, t in study.test_sets.items()}
        self._with = {label: study.test_sets[label] for label in lacking}
        self._measures: str | None = None
        self._announced: set[str] = set()

    @property
    def empty(self) -> bool:
        """Whether no run is left to be taken."""
        return not self._ready and not self._used

    @property
    def steps(self) -> int:
        """Optimisation steps of all runs that are to be trained."""
        return sum(cell.steps for cell in self._ready if not cell.trained)

    def seconds_left(self, jobs: int = 1) -> float | None:
        """See `time_left`."""
        return time_left(list(self._cells.values()), jobs)

    def take(self) -> Cell | None:
        """The next run; None if there is none now."""
        now = time.monotonic()
        due = [entry for entry in self._used if entry[0] <= now]
        if self._ready:
            cell = self._ready.pop(0)
        elif due:
            cell = due[0][1]
            self._used.remove(due[0])
        else:
            return None
        if self._measures is None and cell.tests:
            self._measures = cell.identity
        return cell

    def was_in_use(self, cell: Cell) -> bool:
        """Whether another process used a run when it was tried before."""
        return cell.identity in self._announced

    def tests_of(self, cell: Cell) -> tuple[tuple[Config, Path], ...]:
        """The test sets of a run that was taken, and where its errors go."""
        tests = self._alone | (self._with if self._measures == cell.identity else {})
        return tuple((tests[label], path) for label, path in cell.tests.items())

    def note(self, cell: Cell, outcome: Outcome) -> None:
        """Note how a run that was taken ended."""
        for warning in outcome.warnings:
            logger.warning(f"{cell.title}: {warning}")
        if outcome.state != "done" and self._measures == cell.identity:
            self._measures = None  # the next one does
        if outcome.state == "in use":
            if cell.identity not in self._announced:
                logger.info(f"{cell.title}: another process trains it; trying again later")
            self._announced.add(cell.identity)
            self._used.append((time.monotonic() + RETRY, cell))
            return
        if outcome.state == "done":
            trained = replace(cell, trained=True, evaluated=frozenset(cell.tests), searched=True)
            self._cells[cell.identity] = trained
        elif outcome.state == "failed":
            logger.warning(f"{cell.title} failed: {outcome.error}")
            self.failed.append(FailedRun(cell.title, cell.identity, outcome.error))
        self.finished += 1


def _work(cell: Cell) -> int:
    """A measure of the time that a run takes."""
    return 0 if cell.trained else cell.steps * cell.config.training.batch_size
