"""Train a surrogate on the datasets of a configuration."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from diffkeras._version import __version__
from diffkeras.config import Config
from diffkeras.data import reading
from diffkeras.data.locks import locked
from diffkeras.errors import (
    ConfigurationError,
    ConvergenceError,
    DataError,
    RunError,
)
from diffkeras.workflows.callbacks import make_callbacks
from diffkeras.workflows.checkpoints import Checkpoints, TrainingState
from diffkeras.workflows.compiling import compile_model, make_loss
from diffkeras.workflows.count_errors import CountErrors
from diffkeras.workflows.feed import Feed
from diffkeras.workflows.finishing import finish, with_best_kept
from diffkeras.workflows.fitting import fit_from, resume
from diffkeras.workflows.keeping import Interruption
from diffkeras.workflows.memory import check_memory, within_memory
from diffkeras.workflows.runs import Run, flatten
from diffkeras.workflows.training_progress import TrainingProgress
from diffkeras.workflows.workers import WORKER_TIMEOUT, gather_workers

Report = Callable[[str], None]


def train(
    config: Config,
    data_dir: Path,
    run_dir: Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    restart: bool = False,
    worker_timeout: float = WORKER_TIMEOUT,
    show_progress: bool = False,
    report: Report = lambda line: None,
) -> Run:
    """Fit the configuration's network; keep the best model by the validation split.

    Runs under MirroredStrategy over every visible GPU, on one device without, and under
    MultiWorkerMirroredStrategy where TF_CONFIG or Slurm tells of several processes; the first of
    them then writes the run. An unfinished run of the same configuration in the directory goes on
    from its last checkpoint.

    Args:
        config: data, network, loss and optimizer.
        data_dir: where `generate` put the datasets.
        run_dir: where the run goes.
        workers: threads that read data; by default as many as tf.data finds best.
        overwrite: set a finished run that lies there aside.
        restart: lose an unfinished run that lies there.
        worker_timeout: seconds to wait for the other processes.
        show_progress: whether to draw a progress bar.
        report: is told what happens, line by line.

    Returns:
        The finished run.

    Raises:
        ConfigurationError: an unknown loss, or a batch that the replicas or the data don't fit.
        DataError: missing, damaged or foreign datasets.
        RunError: the run directory can't be used, or another process uses it.
        ConvergenceError: training diverged; the best model before it is kept.
        OutOfMemoryError: a batch doesn't fit.
        WorkerError: another process didn't come; WorkerLostError: it ended meanwhile.
        Interrupted: SIGINT or SIGTERM; a checkpoint was saved.
    """
    make_loss(config)
    keras.utils.set_random_seed(config.training.seed)
    if config.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    settings = {"diffkeras": __version__, **flatten(config.model_dump(mode="json"))}
    together = gather_workers(settings, timeout=worker_timeout, report=report)
    quiet = report if together.is_chief else lambda line: None
    feed = Feed(config, data_dir, together, threads=workers)
    feed.training(0, 0)  # before a run directory is made, complains about datasets
    run = Run(run_dir)
    with ExitStack() as stack:
        if together.is_chief:
            stack.enter_context(_alone_in(run_dir))
            if not restart:
                _check_epochs(config, Checkpoints(run.checkpoints, feed.steps))
            run = Run.begin(run_dir, config, overwrite=overwrite, restart=restart)
            stack.enter_context(run.noting_how_it_ends())
        stack.enter_context(together.connected())
        interruption = stack.enter_context(Interruption())
        together.wait()  # until the run directory is there
        compiled = compile_model(config, together, config.training.epochs * feed.steps)
        quiet(
            f"{compiled.parameters:,} trainable parameters, {feed.steps} steps an epoch, "
            f"{together.replicas} replica(s); follow with `tensorboard --logdir {run.logs}`"
        )
        check_memory(config, compiled.model, together.count)
        checkpoints = Checkpoints(run.checkpoints, feed.steps, writes=together.is_chief)
        state = resume(checkpoints, compiled.model, together, quiet)
        state = state or TrainingState(seed=config.training.seed)
        progress = TrainingProgress(
            state, config.training.epochs, feed.steps, shown=show_progress and together.is_chief
        )
        counts = CountErrors(compiled.counts)
        with closing(progress), reading(config, data_dir), within_memory(config):
            callbacks = make_callbacks(
                config,
                compiled,
                state,
                run,
                data_dir,
                workers=together,
                counts=counts,
                checkpoints=checkpoints,
                interruption=interruption,
                waiting=feed.waiting,
                progress=progress,
                report=quiet,
            )
            try:
                fit_from(
                    state,
                    compiled.model,
                    checkpoints,
                    feed,
                    epochs=config.training.epochs,
                    callbacks=callbacks,
                )
            except ConvergenceError as error:
                if not together.is_chief:
                    raise
                raise with_best_kept(error, config, run, state, checkpoints) from None
        if together.is_chief:
            zero_field = counts.zero_field_mae()
            summary = finish(config, run, compiled, state, checkpoints, zero_field)
            run.write_state("finished", replicas=together.replicas, **summary)
            shutil.rmtree(run.checkpoints, ignore_errors=True)
        together.wait()  # until the run is finished
    undone = f"{len(state.rollbacks)} epoch(s) undone; " if state.rollbacks else ""
    quiet(
        f"best epoch {state.best_epoch} of {state.epoch}: validation MAE {state.best_error:.3g}; "
        f"{undone}{state.seconds:.0f} s; {run.path}"
    )
    return run


def _check_epochs(config: Config, checkpoints: Checkpoints) -> None:
    places = checkpoints.places()
    done = int(places[-1].name) // checkpoints.steps if places else 0
    if done > config.training.epochs:
        raise ConfigurationError(
            f"training.epochs: {config.training.epochs}, but {done} epochs are done already; give "
            f"at least {done} to go on, or --restart to lose them"
        )


@contextmanager
def _alone_in(run_dir: Path) -> Iterator[None]:
    """Keep other processes out of a run directory.

    Raises:
        RunError: another process trains there, or the directory can't be made.
    """
    place = Path(os.path.abspath(run_dir))
    with ExitStack() as stack:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            # beside the directory, which an earlier run's may be moved away from under the lock
            stack.enter_context(
                locked(place.with_name(f".{place.name}.lock"), f"the run {run_dir}")
            )
        except DataError as error:
            raise RunError(f"{error}, or choose another --run-dir") from None
        except OSError as error:
            raise RunError(f"the run directory {run_dir} can't be written: {error}") from None
        yield
