"""The runs of a study: the work on one, their order, and several processes for them."""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import keras

from diffkeras.errors import DataError, DiffkerasError, Interrupted, InUseError, RunError
from diffkeras.evaluation.evaluate import evaluate
from diffkeras.identity import run_identity
from diffkeras.studies.evaluations import check_evaluation, without_baselines
from diffkeras.studies.plan import PlannedRun, Study, check_trained
from diffkeras.studies.study_directory import FailedRun
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import Surrogate, surrogate_of_run
from diffkeras.system.environment import available_cores
from diffkeras.system.file_lock import locked
from diffkeras.system.interruption import Interruption
from diffkeras.system.process_pool import ProcessPool
from diffkeras.system.progress import progress_bar
from diffkeras.system.tensorflow_setup import load_tensorflow, visible_gpus
from diffkeras.training.checkpoints import Checkpoints
from diffkeras.training.train import train

logger = logging.getLogger(__name__)

RETRY = 5.0  # seconds until what another process uses is tried again
INTERRUPTED_ALONE = "a signal to the process that trained it ended it; its checkpoint is kept"
DIED = "the process that trained it died; if memory ran out, use fewer --jobs"
POLL = 1.0  # seconds between two looks at the progress of the runs


@dataclass(frozen=True)
class RunTask:
    """The work on one run of a study, of which something is missing."""

    run: PlannedRun
    study: Study
    data_dir: Path
    threads: int  # that read data


@dataclass(frozen=True)
class Outcome:
    """How the work on a run ended."""

    state: Literal["done", "failed", "in use", "interrupted"]  # in use by another process
    error: str = ""  # what went wrong, in one line
    warnings: tuple[str, ...] = ()  # what was logged as a warning meanwhile


def do_run(task: RunTask, *, show_progress: bool = False) -> Outcome:
    """Do what is missing of a run: training, and evaluations on the test sets.

    No error ends a study: all but signals become an outcome.
    """
    run_dir = task.run.run_dir
    try:
        with locked(lock_of(run_dir), f"the run {run_dir}"):
            _train(task, show_progress)
            _evaluate(task)
    except InUseError as error:
        return Outcome("in use", str(error))
    except Interrupted:
        raise
    except Exception as error:
        logger.debug("the run failed", exc_info=True)
        kind = "" if isinstance(error, DiffkerasError) else f"{type(error).__name__}: "
        return Outcome("failed", " ".join(f"{kind}{error}".split()))
    finally:
        # graphs and weights of past runs would otherwise pile up
        keras.utils.clear_session()
    return Outcome("done")


def lock_of(run_dir: Path) -> Path:
    """The file that is locked while a process works on a run."""
    return run_dir.with_name(f".{run_dir.name}.study.lock")


def do_run_in_child(task: RunTask) -> Outcome:
    """The same in a child process, whose warnings are part of the outcome instead of printed."""
    load_tensorflow()  # without its own warnings
    package, warnings = logging.getLogger("diffkeras"), list[str]()
    handler = logging.Handler(logging.WARNING)
    # shorter than a subclass of one method
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    package.handlers, package.propagate = [handler], False
    try:
        outcome = do_run(task)
    except (Interrupted, KeyboardInterrupt):
        outcome = Outcome("interrupted")
    return replace(outcome, warnings=tuple(warnings))


def _train(task: RunTask, show_progress: bool) -> None:
    run, config = Run(task.run.run_dir), task.run.config
    try:
        if _is_usable(run, task.run.identity):
            return
    except (DataError, RunError) as error:
        place = run.set_aside()
        logger.warning(f"{error}; renamed to {place.name}, and training the run again")
    train(config, task.data_dir, run.path, threads=task.threads, show_progress=show_progress)


def _is_usable(run: Run, identity: str) -> bool:
    """Whether the run is finished; an error if its directory holds something else or is damaged."""
    if not run.path.is_dir() or not any(run.path.iterdir()):
        return False
    if run_identity(run.config()) != identity:
        raise RunError(f"{run.path} holds another run than its name says")
    if not run.is_finished:
        return False
    surrogate_of_run(check_trained(run.path))  # an error if its weights are damaged
    Checkpoints(run.checkpoints).remove()
    return True


def _evaluate(task: RunTask) -> None:
    run_dir = task.run.run_dir
    for label, path in task.run.tests.items():
        test = without_baselines(task.study.test_sets[label])
        try:
            check_evaluation(path, test, task.run.identity)
            continue
        except RunError as error:
            if path.exists():
                logger.warning(f"{error}; measuring it again")
        warner = logging.getLogger(Surrogate.__module__)
        warner.disabled = True  # tests on other data than the training's are what was asked for
        try:
            evaluate(
                run_dir, task.data_dir, config=test, threads=task.threads, output=path, report=False
            )
        finally:
            warner.disabled = False


class RunQueue:
    """Runs to be done, the longest first; those that another process uses last.

    Attributes:
        runs: all runs by identity, also those that were done before.
        left: the runs that are left to be taken.
        failed: the runs that failed.
        total: number of runs to be done.
        finished: number of those that are done or failed.
    """

    def __init__(self, runs: Sequence[PlannedRun]) -> None:
        self.runs = {run.identity: run for run in runs}
        self.failed: list[FailedRun] = []
        self.finished = 0
        # sorted is stable, so equal runs stay in the order of the study
        self.left = sorted((run for run in runs if not run.done), key=_work, reverse=True)
        self.total = len(self.left)
        self._retries: dict[str, float] = {}  # when to try again what another process used

    def take(self) -> PlannedRun | None:
        """The next run; None if there is none now."""
        now = time.monotonic()
        for place, run in enumerate(self.left):
            if self._retries.get(run.identity, 0.0) <= now:
                return self.left.pop(place)
        return None

    def was_in_use(self, run: PlannedRun) -> bool:
        """Whether another process used a run when it was tried before."""
        return run.identity in self._retries

    def note(self, run: PlannedRun, outcome: Outcome) -> None:
        """Note how a run that was taken ended."""
        for warning in outcome.warnings:
            logger.warning(f"{run.title}: {warning}")
        if outcome.state == "in use":
            if not self.was_in_use(run):
                logger.info(f"{run.title}: another process trains it; trying again later")
            self._retries[run.identity] = time.monotonic() + RETRY
            self.left.append(run)
            return
        if outcome.state == "done":
            self.runs[run.identity] = replace(run, trained=True, evaluated=frozenset(run.tests))
        elif outcome.state == "failed":
            logger.warning(f"{run.title} failed: {outcome.error}")
            self.failed.append(FailedRun(run.title, run.identity, outcome.error))
        self.finished += 1


def _work(run: PlannedRun) -> int:
    """A measure of the time that a run takes."""
    return _steps(run) * run.config.training.batch_size


def _steps(run: PlannedRun) -> int:
    """Optimisation steps that are left."""
    return 0 if run.trained else run.config.steps


def run_in_processes(
    queue: RunQueue,
    make_task: Callable[[PlannedRun, int], RunTask],
    jobs: int,
    threads: int | None,
    *,
    show_progress: bool,
) -> None:
    """Do all runs of a queue, `jobs` at a time, with a number of threads each.

    By default they share the cores. If there are GPUs, each process sees one of them; several share
    one only if there are more processes than GPUs. A process that dies loses its run only, and is
    replaced. After SIGINT or SIGTERM, the runs save checkpoints.
    """
    jobs = min(jobs, queue.total)
    threads = threads or max(1, available_cores() // jobs)
    gpus: list[str | None] = [*visible_gpus()] or [None]
    idle = [_new_pool(threads, gpus[place % len(gpus)]) for place in range(jobs)]
    running: dict[Future[Outcome], tuple[ProcessPool, PlannedRun]] = {}
    steps: dict[str, int] = {}  # of each run, for the progress bar
    total, number = sum(map(_steps, queue.runs.values())), 0
    with (
        Interruption() as interruption,
        progress_bar(total, "Training", "steps", shown=show_progress) as bar,
    ):
        try:
            while running or (queue.left and not number):
                if interruption.number and not number:
                    number = interruption.number
                    for pool, _ in running.values():
                        pool.interrupt()  # a second signal would end training without a checkpoint
                while idle and not number and (run := queue.take()):
                    pool = idle.pop(0)
                    running[pool.submit(do_run_in_child, make_task(run, threads))] = pool, run
                if not running:
                    time.sleep(POLL)
                done, _ = wait(running, POLL, FIRST_COMPLETED)
                for future in done:
                    pool, run = running.pop(future)
                    try:
                        outcome = future.result()
                    except BrokenProcessPool:
                        pool.shutdown()
                        pool = _new_pool(threads, pool.gpu)
                        outcome = Outcome("interrupted") if number else Outcome("failed", DIED)
                    idle.append(pool)
                    if outcome.state == "interrupted" and not interruption.number:
                        outcome = Outcome("failed", INTERRUPTED_ALONE)
                    queue.note(run, outcome)
                    steps[run.identity] = _steps(run)
                steps |= {run.identity: _steps_done(run) for _, run in running.values()}
                words = f"{queue.finished} of {queue.total} runs done, {len(running)} in work"
                bar.set_description(words, False)
                bar.update(sum(steps.values()) - bar.n)
        finally:
            for pool in (*idle, *(pool for pool, _ in running.values())):
                pool.shutdown()
        number, interruption.number = interruption.number, 0
    if number:
        raise Interrupted("stopped; the runs continue from their checkpoints", number)


def _new_pool(threads: int, gpu: str | None) -> ProcessPool:
    """A process, started with its first run, that trains with a number of threads and one GPU."""
    module = do_run_in_child.__module__
    return ProcessPool(1, module=module, threads=threads, trains=True, gpu=gpu)


def _steps_done(run: PlannedRun) -> int:
    """Steps of the epochs that a run has finished; 0 if it was trained before."""
    with contextlib.suppress(OSError):
        epochs = (run.run_dir / "history.csv").read_bytes().count(b"\n") - 1
        return min(_steps(run), max(0, epochs) * run.config.steps_per_epoch)
    return 0
