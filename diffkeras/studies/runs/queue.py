"""The runs of a study that are still to be done, in which order, and how each ended."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diffkeras.studies.plan import time_left
from diffkeras.studies.runs.outcome import Outcome
from diffkeras.studies.study import PlannedRun, Study
from diffkeras.studies.study_directory import FailedRun

logger = logging.getLogger(__name__)

RETRY = 5.0  # seconds until what another process uses is tried again


@dataclass(frozen=True)
class RunTask:
    """The work on one run.

    Attributes:
        run: what is missing of it is to be done.
        study: whose run it is.
        data_dir: where the datasets are.
        threads: threads that read data.
    """

    run: PlannedRun
    study: Study
    data_dir: Path
    threads: int


class RunQueue:
    """Runs to be done, the longest first; those that another process uses last.

    Args:
        runs: all runs that this process is to do, and those that it has done, which say how long
            the others take.

    Attributes:
        failed: the runs that failed.
        total: number of runs to be done.
        finished: number of those that are done or failed.
    """

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self.failed: list[FailedRun] = []
        self.finished = 0
        self._runs = {run.identity: run for run in runs}
        # sorted is stable, so equal runs stay in the order of the study
        self._ready = sorted((run for run in runs if not run.done), key=_work, reverse=True)
        self.total = len(self._ready)
        self._in_use: list[tuple[float, PlannedRun]] = []  # when to try again, and what
        self._announced: set[str] = set()

    @property
    def empty(self) -> bool:
        """Whether no run is left to be taken."""
        return not self._ready and not self._in_use

    @property
    def steps(self) -> int:
        """Optimisation steps of all runs that are to be trained."""
        return sum(run.config.steps for run in self._ready if not run.trained)

    def seconds_left(self) -> float | None:
        """See `time_left`."""
        return time_left(list(self._runs.values()))

    def take(self) -> PlannedRun | None:
        """The next run; None if there is none now."""
        if self._ready:
            return self._ready.pop(0)
        if self._in_use and self._in_use[0][0] <= time.monotonic():
            return self._in_use.pop(0)[1]
        return None

    def was_in_use(self, run: PlannedRun) -> bool:
        """Whether another process used a run when it was tried before."""
        return run.identity in self._announced

    def note(self, run: PlannedRun, outcome: Outcome) -> None:
        """Note how a run that was taken ended."""
        for warning in outcome.warnings:
            logger.warning(f"{run.title}: {warning}")
        if outcome.state == "in use":
            if run.identity not in self._announced:
                logger.info(f"{run.title}: another process trains it; trying again later")
            self._announced.add(run.identity)
            self._in_use.append((time.monotonic() + RETRY, run))
            return
        if outcome.state == "done":
            done = replace(run, trained=True, evaluated=frozenset(run.tests))
            self._runs[run.identity] = done
        elif outcome.state == "failed":
            logger.warning(f"{run.title} failed: {outcome.error}")
            self.failed.append(FailedRun(run.title, run.identity, outcome.error))
        self.finished += 1


def _work(run: PlannedRun) -> int:
    """A measure of the time that a run takes."""
    return 0 if run.trained else run.config.steps * run.config.training.batch_size
