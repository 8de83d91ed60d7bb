"""The runs of a study that are to be done, in which order, and in several processes."""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from diffkeras.errors import Interrupted
from diffkeras.studies.one_run import Outcome, RunTask, do_run_in_child
from diffkeras.studies.plan import PlannedRun, time_left
from diffkeras.studies.study_directory import FailedRun
from diffkeras.system.environment import available_cores
from diffkeras.system.interruption import Interruption
from diffkeras.system.process_pool import ProcessPool
from diffkeras.system.progress import progress_bar
from diffkeras.system.tensorflow_setup import visible_gpus

logger = logging.getLogger(__name__)

RETRY = 5.0  # seconds until what another process uses is tried again
INTERRUPTED_ALONE = "a signal to the process that trained it ended it; its checkpoint is kept"
DIED = "the process that trained it died; if memory ran out, use fewer --jobs"
POLL = 1.0  # seconds between two looks at the progress of the runs

MakeTask = Callable[[PlannedRun, int], RunTask]


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


def run_in_processes(
    queue: RunQueue, make_task: MakeTask, jobs: int, threads: int | None, *, show_progress: bool
) -> None:
    """Do all runs of a queue, `jobs` at a time, with a number of threads each.

    By default they share the cores. If there are GPUs, each process sees one of them; several share
    one only if there are more processes than GPUs. A process that dies loses its run only, and is
    replaced. Processes end with this one.

    Raises:
        Interrupted: SIGINT or SIGTERM; the runs have saved checkpoints.
    """
    jobs = min(jobs, queue.total)
    threads = threads or max(1, available_cores() // jobs)
    steps: dict[str, int] = {}  # of each run, for the progress bar
    with (
        Interruption() as interruption,
        progress_bar(queue.steps, "Training", "steps", shown=show_progress) as bar,
        _Children(threads, visible_gpus()) as children,
    ):
        while not queue.empty or children.running:
            if interruption.number:
                children.interrupt()
                if not children.running:
                    break
            else:
                while len(children.running) < jobs and (run := queue.take()):
                    children.start(run, make_task(run, threads))
            for run, outcome in children.ended():
                if outcome.state == "interrupted" and not interruption.number:
                    outcome = Outcome("failed", INTERRUPTED_ALONE)
                queue.note(run, outcome)
                steps[run.identity] = 0 if run.trained else run.config.steps
            steps |= {run.identity: _steps_done(run) for _, run in children.running.values()}
            words = f"{queue.finished} of {queue.total} runs done, {len(children.running)} in work"
            bar.set_description(words, False)
            bar.update(sum(steps.values()) - bar.n)
        number, interruption.number = interruption.number, 0
    if number:
        raise Interrupted("stopped; the runs continue from their checkpoints", number)


def _steps_done(run: PlannedRun) -> int:
    """Steps of the epochs that a run has finished; 0 if it was trained before."""
    if not run.trained:
        with contextlib.suppress(OSError):
            epochs = (run.run_dir / "history.csv").read_bytes().count(b"\n") - 1
            return min(run.config.steps, max(0, epochs) * run.config.steps_per_epoch)
    return 0


class _Children:
    """Processes that train, one run each at a time, with a number of threads and one GPU each.

    Attributes:
        running: result to come → the pool of one process that computes it, and its run.
    """

    def __init__(self, threads: int, gpus: Sequence[str] = ()) -> None:
        self.running: dict[Future[Outcome], tuple[ProcessPool, PlannedRun]] = {}
        self._threads = threads
        self._gpus = gpus
        self._idle: list[ProcessPool] = []
        self._interrupted = False

    def __enter__(self) -> "_Children":
        return self

    def __exit__(self, *_: object) -> None:
        for pool in (*self._idle, *(pool for pool, _ in self.running.values())):
            pool.shutdown()

    def start(self, run: PlannedRun, task: RunTask) -> None:
        """Give a run to an idle process, or to a new one."""
        pool = self._idle.pop() if self._idle else self._new()
        self.running[pool.submit(do_run_in_child, task)] = pool, run

    def _new(self) -> ProcessPool:
        module, pools = do_run_in_child.__module__, [pool for pool, _ in self.running.values()]
        # the first of the GPUs that the fewest processes have
        used = [pool.gpu for pool in pools]
        gpu = min(self._gpus, key=used.count, default=None)
        return ProcessPool(1, module=module, threads=self._threads, trains=True, gpu=gpu)

    def ended(self) -> list[tuple[PlannedRun, Outcome]]:
        """The runs that ended within a moment, and how."""
        if not self.running:
            time.sleep(POLL)
        done, _ = wait(self.running, POLL, FIRST_COMPLETED)
        outcomes = []
        for future in done:
            pool, run = self.running.pop(future)
            try:
                outcomes.append((run, future.result()))
                self._idle.append(pool)
            except BrokenProcessPool:
                pool.shutdown()
                death = Outcome("interrupted") if self._interrupted else Outcome("failed", DIED)
                outcomes.append((run, death))
        return outcomes

    def interrupt(self) -> None:
        """Ask all to end with a checkpoint."""
        if not self._interrupted:
            for pool, _ in self.running.values():
                pool.interrupt()
        self._interrupted = True
