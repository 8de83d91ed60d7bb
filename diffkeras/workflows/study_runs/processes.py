"""Several runs of a study at the same time, each in a process of its own."""

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from diffkeras.errors import Interrupted
from diffkeras.studies.plan import PlannedRun
from diffkeras.system.environment import available_cores
from diffkeras.system.process_pool import ProcessPool
from diffkeras.system.progress import progress_bar
from diffkeras.training.signals import Interruption
from diffkeras.workflows.study_runs.one_run import do_run_in_child
from diffkeras.workflows.study_runs.queue import Outcome, RunQueue, RunTask

ONLY_THERE = "a signal to the process that trained it ended it; its checkpoint is kept"
POLL = 1.0  # seconds between two looks at the progress of the runs

MakeTask = Callable[[RunQueue, PlannedRun, int], RunTask]


def run_in_processes(
    queue: RunQueue, make_task: MakeTask, jobs: int, threads: int | None, *, show_progress: bool
) -> None:
    """Do all runs of a queue, `jobs` at a time, with a number of threads each.

    By default they share the cores.

    A process that dies loses its run only, and is replaced. Processes end with this one.

    Raises:
        Interrupted: SIGINT or SIGTERM; the runs have saved checkpoints.
    """
    jobs = min(jobs, queue.total)
    with (
        Interruption() as interruption,
        progress_bar(queue.steps, "Training", "steps", shown=show_progress) as bar,
        _Children(jobs, threads or max(1, available_cores() // jobs)) as children,
    ):
        progress = _Progress(bar, queue)
        while not queue.empty or children.running:
            if interruption.number:
                children.interrupt()
                if not children.running:
                    break
            else:
                while children.idle and (run := queue.take()):
                    children.start(run, make_task(queue, run, children.threads))
            for run, outcome in children.ended():
                if outcome.state == "interrupted" and not interruption.number:
                    outcome = Outcome("failed", ONLY_THERE)
                queue.note(run, outcome)
                progress.end(run)
            progress.show([run for _, run in children.running.values()])
        number, interruption.number = interruption.number, 0
    if number:
        raise Interrupted("stopped; the runs continue from their checkpoints", number)


class _Children:
    """Processes that train, one run each at a time.

    Attributes:
        threads: threads of each.
        running: its result to come → the number of a process, and its run.
    """

    def __init__(self, number: int, threads: int) -> None:
        self.threads = threads
        self.running: dict[Future[Outcome], tuple[int, PlannedRun]] = {}
        self._pools: dict[int, ProcessPool] = {}
        self._number = number
        self._interrupted = False

    def __enter__(self) -> "_Children":
        return self

    def __exit__(self, *_: object) -> None:
        for pool in self._pools.values():
            pool.shutdown()

    @property
    def idle(self) -> list[int]:
        """Numbers of those without a run."""
        busy = {number for number, _ in self.running.values()}
        return [number for number in range(self._number) if number not in busy]

    def start(self, run: PlannedRun, task: RunTask) -> None:
        """Give a run to an idle process."""
        number = self.idle[0]
        if number not in self._pools:
            self._pools[number] = ProcessPool(
                1, module=do_run_in_child.__module__, threads=self.threads, trains=True
            )
        future = self._pools[number].submit(do_run_in_child, task)
        self.running[future] = number, run

    def ended(self) -> list[tuple[PlannedRun, Outcome]]:
        """The runs that ended within a moment, and how."""
        if not self.running:
            time.sleep(POLL)
        done, _ = wait(self.running, POLL, FIRST_COMPLETED)
        found = []
        for future in done:
            number, run = self.running.pop(future)
            try:
                found.append((run, future.result()))
            except BrokenProcessPool:
                self._pools.pop(number).shutdown()
                found.append((run, self._death()))
        return found

    def _death(self) -> Outcome:
        if self._interrupted:
            return Outcome("interrupted")
        return Outcome(
            "failed", "the process that trained it died; if memory ran out, use fewer --jobs"
        )

    def interrupt(self) -> None:
        """Ask all to end with a checkpoint."""
        if not self._interrupted:
            for number, _ in self.running.values():
                self._pools[number].interrupt()
        self._interrupted = True


class _Progress:
    """A bar over the steps of all runs."""

    def __init__(self, bar: Any, queue: RunQueue) -> None:
        self._bar, self._queue = bar, queue
        self._steps: dict[str, int] = {}  # of each run

    def end(self, run: PlannedRun) -> None:
        """Count a run that ended as a whole."""
        self._steps[run.identity] = 0 if run.trained else run.steps

    def show(self, running: list[PlannedRun]) -> None:
        """Draw it."""
        for run in running:
            if not run.trained:
                self._steps[run.identity] = _steps_done(run)
        self._bar.set_description(f"Run {self._queue.finished} of {self._queue.total}", False)
        self._bar.update(sum(self._steps.values()) - self._bar.n)


def _steps_done(run: PlannedRun) -> int:
    """Steps of the epochs that a run has finished."""
    with contextlib.suppress(OSError):
        rows = (run.run_dir / "history.csv").read_bytes().count(b"\n") - 1
        return min(run.steps, max(0, rows) * run.config.steps_per_epoch)
    return 0
