"""One run of a study: train and evaluate it, and report the outcome."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import keras

from diffkeras.errors import DataError, DiffkerasError, Interrupted, InUseError, RunError
from diffkeras.evaluation.evaluate import evaluate
from diffkeras.identity import run_identity
from diffkeras.studies.evaluations import check_evaluation, without_baselines
from diffkeras.studies.plan import PlannedRun, Study, check_trained
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import surrogate_of_run
from diffkeras.system.file_lock import locked
from diffkeras.system.tensorflow_setup import load_tensorflow
from diffkeras.training.checkpoints import Checkpoints
from diffkeras.training.train import train

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunTask:
    """The work on one run of a study, of which something is missing."""

    run: PlannedRun
    study: Study
    data_dir: Path
    threads: int  # that read data


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


def do_run(task: RunTask, *, show_progress: bool = False) -> Outcome:
    """Do what is missing of a run: training, and evaluations on the test sets.

    No error ends a study: all but signals become an outcome.

    Raises:
        Interrupted, KeyboardInterrupt: a signal came.
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
        evaluate(
            run_dir, task.data_dir, config=test, threads=task.threads, output=path, report=False
        )
