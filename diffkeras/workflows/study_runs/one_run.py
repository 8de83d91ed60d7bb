"""One run of a study: train and evaluate it, and say how that ended."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras

from diffkeras.errors import DataError, DiffkerasError, Interrupted, InUseError, RunError
from diffkeras.studies.evaluations import (
    check_evaluation,
    check_searches,
    passes,
    without_baselines,
)
from diffkeras.studies.plan import check_trained
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_identity import what_it_computes
from diffkeras.system.file_lock import locked
from diffkeras.system.tensorflow_setup import load_tensorflow
from diffkeras.workflows.evaluate_run import evaluate
from diffkeras.workflows.search_run import search_worst_cases
from diffkeras.workflows.study_runs.queue import Outcome, RunTask
from diffkeras.workflows.train_run import train

logger = logging.getLogger(__name__)


def do_run(task: RunTask, *, show_progress: bool = False) -> Outcome:
    """Train a run if it isn't, and evaluate it on those test sets on which it isn't.

    No error ends a study: all but signals become an outcome.

    Raises:
        Interrupted, KeyboardInterrupt: a signal came.
    """
    try:
        with locked(lock_of(task.run_dir), f"the run {task.run_dir}"):
            _train(task, show_progress)
            _evaluate(task)
            _search(task, show_progress)
    except InUseError as error:
        return Outcome("in use", str(error))
    except Interrupted:
        raise
    except DiffkerasError as error:
        return Outcome("failed", _line(error))
    except Exception as error:
        logger.debug("the run failed", exc_info=True)
        return Outcome("failed", f"{type(error).__name__}: {_line(error)}")
    finally:
        # graphs and weights of past runs would otherwise pile up
        keras.utils.clear_session()
    return Outcome("done")


def lock_of(run_dir: Path) -> Path:
    """The file that keeps other processes from doing a run."""
    return run_dir.with_name(f".{run_dir.name}.study.lock")


def do_run_in_child(task: RunTask) -> Outcome:
    """The same in a child process, quietly: warnings are part of the outcome."""
    load_tensorflow()  # without its own warnings
    with _gathered_warnings() as warnings:
        try:
            outcome = do_run(task)
        except (Interrupted, KeyboardInterrupt):
            outcome = Outcome("interrupted")
    return Outcome(outcome.state, outcome.error, tuple(warnings))


def _train(task: RunTask, show_progress: bool) -> None:
    try:
        if _is_usable(task):
            return
    except (DataError, RunError) as error:
        place = Run(task.run_dir).set_aside()
        logger.warning(f"{error}; renamed to {place.name}, and training the run again")
    train(
        task.config,
        task.data_dir,
        task.run_dir,
        threads=task.threads,
        show_progress=show_progress,
    )


def _is_usable(task: RunTask) -> bool:
    """Whether the run is finished; an error if its directory holds something else or is damaged."""
    run = Run(task.run_dir)
    if not run.path.is_dir() or not any(run.path.iterdir()):
        return False
    if what_it_computes(run.config()) != what_it_computes(task.config):
        raise RunError(f"{run.path} holds another run than its name says")
    if run.state()["state"] != "finished":
        return False
    check_trained(run.path, [task.config, *(test for test, _ in task.tests)]).check_model()
    run.remove_leftovers()
    return True


def _evaluate(task: RunTask) -> None:
    for test, path in task.tests:
        identity = task.run_dir.name
        if passes(check_evaluation, path, test, identity):
            continue
        with _warned_if_damaged(path):
            check_evaluation(path, without_baselines(test), identity)
        evaluate(
            task.run_dir,
            task.data_dir,
            config=test,
            threads=task.threads,
            output=path,
            report=False,
        )


def _search(task: RunTask, show_progress: bool) -> None:
    if task.search is not None:
        test, settings, path = task.search
        with _warned_if_damaged(path):
            check_searches(path, test, settings)
            return
        search_worst_cases(
            task.run_dir,
            task.data_dir,
            test,
            settings,
            output=path,
            show_progress=show_progress,
        )


@contextmanager
def _warned_if_damaged(path: Path) -> Iterator[None]:
    """Say what is wrong with results that are there, and must be measured again."""
    try:
        yield
    except RunError as error:
        if path.exists():
            logger.warning(f"{error}; measuring it again")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _gathered_warnings() -> Iterator[list[str]]:
    """Keep what diffkeras logs from WARNING on from being printed."""
    package, warnings = logging.getLogger("diffkeras"), list[str]()
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: warnings.append(record.getMessage())  # type: ignore[method-assign]
    propagate, package.propagate = package.propagate, False
    package.addHandler(handler)
    try:
        yield warnings
    finally:
        package.removeHandler(handler)
        package.propagate = propagate
