"""Train a surrogate on the datasets of a configuration."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import keras
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data import mixed_dataset, reading, steps_per_epoch, training_batches
from diffkeras.data.locks import locked
from diffkeras.data.waiting import WaitingTime
from diffkeras.errors import ConfigurationError, ConvergenceError, DataError, RunError
from diffkeras.workflows.callbacks import make_callbacks
from diffkeras.workflows.checkpoints import Checkpoints, TrainingState
from diffkeras.workflows.compiling import compile_model, make_loss, make_strategy
from diffkeras.workflows.finishing import finish, with_best_kept
from diffkeras.workflows.fitting import fit_from, resume, within_memory
from diffkeras.workflows.keeping import Interruption
from diffkeras.workflows.runs import Run
from diffkeras.workflows.training_progress import TrainingProgress

Report = Callable[[str], None]


def train(
    config: Config,
    data_dir: Path,
    run_dir: Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    restart: bool = False,
    show_progress: bool = False,
    report: Report = lambda line: None,
) -> Run:
    """Fit the configuration's network; keep the best model by the validation split.

    Runs under MirroredStrategy over every visible GPU, and on one device without. An unfinished
    run of the same configuration in the directory goes on from its last checkpoint.

    Args:
        config: data, network, loss and optimizer.
        data_dir: where `generate` put the datasets.
        run_dir: where the run goes.
        workers: threads that read data; by default as many as tf.data finds best.
        overwrite: set a finished run that lies there aside.
        restart: lose an unfinished run that lies there.
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
        Interrupted: SIGINT or SIGTERM; a checkpoint was saved.
    """
    make_loss(config)
    keras.utils.set_random_seed(config.training.seed)
    if config.training.deterministic:
        tf.config.experimental.enable_op_determinism()
    strategy = make_strategy()
    replicas = strategy.num_replicas_in_sync
    steps = _count_steps(config, replicas)
    waiting = WaitingTime() if replicas == 1 else None

    def batches_from(epoch: int, step: int) -> tf.data.Dataset:
        batches = training_batches(
            config,
            data_dir,
            epoch=epoch,
            step=step,
            # Keras averages the replicas' means: the batch's mean for equal shares alone
            drop_remainder=replicas > 1,
            workers=workers,
        )
        return waiting.measure(batches) if waiting else batches

    batches_from(0, 0)  # before a run directory is made, complains about datasets
    validation = mixed_dataset(config, "validation", data_dir, workers=workers)
    with _alone_in(run_dir), Interruption() as interruption:
        run = Run.begin(run_dir, config, overwrite=overwrite, restart=restart)
        compiled = compile_model(config, strategy, config.training.epochs * steps)
        report(
            f"{compiled.parameters:,} trainable parameters, {steps} steps an epoch, {replicas} "
            f"replica(s); follow with `tensorboard --logdir {run.logs}`"
        )
        checkpoints = Checkpoints(run.checkpoints, steps)
        state = resume(checkpoints, compiled.model, report)
        state = state or TrainingState(seed=config.training.seed)
        progress = TrainingProgress(state, config.training.epochs, steps, shown=show_progress)
        with closing(progress), reading(config, data_dir), within_memory(config):
            callbacks = make_callbacks(
                config,
                compiled,
                state,
                run,
                data_dir,
                checkpoints=checkpoints,
                interruption=interruption,
                waiting=waiting,
                progress=progress,
                report=report,
            )
            try:
                fit_from(
                    state,
                    compiled.model,
                    checkpoints,
                    batches_from,
                    validation,
                    epochs=config.training.epochs,
                    callbacks=callbacks,
                )
            except ConvergenceError as error:
                raise with_best_kept(error, run, compiled, state, checkpoints) from None
        summary = finish(config, run, compiled, state, checkpoints)
        run.write_state("finished", replicas=replicas, **summary)
        shutil.rmtree(run.checkpoints, ignore_errors=True)
    undone = f"{len(state.rollbacks)} epoch(s) undone; " if state.rollbacks else ""
    report(
        f"best epoch {state.best_epoch} of {state.epoch}: validation MAE {state.best_error:.3g}; "
        f"{undone}{state.seconds:.0f} s; {run.path}"
    )
    return run


def _count_steps(config: Config, replicas: int) -> int:
    batch = config.training.batch_size
    if batch % replicas:
        raise ConfigurationError(
            f"training.batch_size: {batch} examples can't be shared evenly by {replicas} replicas; "
            f"choose a multiple of {replicas}"
        )
    steps = steps_per_epoch(config, drop_remainder=replicas > 1)
    if not steps:
        raise ConfigurationError(f"training.batch_size: {batch} is more than all training examples")
    return steps


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
