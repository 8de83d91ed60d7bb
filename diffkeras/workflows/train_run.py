"""Train a surrogate on the datasets of a configuration."""

import logging
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import (
    AbstractContextManager,
    ExitStack,
    closing,
    contextmanager,
    nullcontext,
    suppress,
)
from pathlib import Path

import keras

from diffkeras._version import __version__
from diffkeras.config import Config
from diffkeras.data import explain_damage
from diffkeras.distributed.process_group import WORKER_TIMEOUT, Workers, gather_workers
from diffkeras.errors import (
    ConfigurationError,
    ConvergenceError,
    DiffkerasError,
    RunError,
    WorkerLostError,
)
from diffkeras.surrogates.config_differences import flatten
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import write_text
from diffkeras.system.file_lock import locked
from diffkeras.system.tensorflow_setup import deterministic_operations
from diffkeras.training.batches import Feed
from diffkeras.training.callbacks.checkpointing import Interruption
from diffkeras.training.callbacks.count_errors import CountErrors
from diffkeras.training.callbacks.factory import make_callbacks
from diffkeras.training.callbacks.progress import TrainingProgress
from diffkeras.training.checkpoints import Checkpoints, TrainingState
from diffkeras.training.compiled_model import compile_model, make_loss
from diffkeras.training.loop import fit_from, resume
from diffkeras.training.memory import check_memory, check_weights, within_memory
from diffkeras.training.results import finish, with_best_kept

logger = logging.getLogger(__name__)

SHARING = 10.0  # seconds until a network's file system shows what another machine has written


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
    keras.utils.set_random_seed(config.training.seed)
    settings = {"diffkeras": __version__, **flatten(config.model_dump(mode="json"))}
    together = gather_workers(settings, timeout=worker_timeout)
    if together.cluster is not None and not together.is_chief:
        own, chief = (together.cluster.name(i) for i in (together.cluster.index, 0))
        logger.info(f"{own} of {together.count}: training; {chief} shows the progress")
    feed = _make_feed(config, data_dir, together, workers)
    with ExitStack() as stack:
        if not together.is_chief:
            stack.enter_context(_warnings_only())
        stack.enter_context(deterministic_operations(config.training.deterministic))
        run = _begin(config, run_dir, together, feed, stack, overwrite=overwrite, restart=restart)
        stack.enter_context(together.connected())
        interruption = stack.enter_context(Interruption())
        with within_memory(config):
            compiled = compile_model(config, together, config.training.epochs * feed.steps)
        logger.info(
            f"{compiled.parameters:,} trainable parameters, {feed.steps} steps an epoch, "
            f"{together.replicas} replica(s); follow with `tensorboard --logdir {run.logs}`"
        )
        check_memory(config, compiled.model, together.count)
        checkpoints = Checkpoints(run.checkpoints, feed.steps, writes=together.is_chief)
        state = resume(checkpoints, compiled.model, together)
        state = state or TrainingState(seed=config.training.seed)
        progress = TrainingProgress(
            state, config.training.epochs, feed.steps, shown=show_progress and together.is_chief
        )
        counts = CountErrors(compiled.counts)
        with closing(progress), explain_damage(config, data_dir), within_memory(config):
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
            )
            try:
                fit_from(
                    state,
                    compiled.model,
                    checkpoints,
                    feed,
                    epochs=config.training.epochs,
                    patience=config.training.early_stopping,
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
        # the others wait until the run is finished; the chief's is, whatever becomes of them
        with suppress(WorkerLostError) if together.is_chief else nullcontext():
            _wait(together)
        interruption.number = 0  # a signal that came too late has nothing to interrupt
        undone = f"{len(state.rollbacks)} epoch(s) undone; " if state.rollbacks else ""
        logger.info(
            f"best epoch {state.best_epoch} of {state.epoch}: validation MAE "
            f"{state.best_error:.3g}; {undone}{state.seconds:.0f} s; {run.path}"
        )
    return run


@contextmanager
def _warnings_only() -> Iterator[None]:
    """The chief reports the progress of all workers, so the others log warnings only."""
    package = logging.getLogger("diffkeras")
    before = package.level
    package.setLevel(logging.WARNING)
    try:
        yield
    finally:
        package.setLevel(before)


def _wait(together: Workers) -> None:
    with together.connected():
        together.wait()


def _make_feed(config: Config, data_dir: Path, together: Workers, threads: int | None) -> Feed:
    """The batches, once all processes have found their data; before a run directory is made."""
    problem, feed = None, None
    try:
        # not before the processes have met: a loss may hold a variable, and once TensorFlow has
        # made one it connects no processes
        make_loss(config)
        check_weights(config)
        feed = Feed(config, data_dir, together, threads=threads)
        feed.training(0, 0)
    except DiffkerasError as error:
        problem = error
    with together.connected():
        together.all_or_none(problem)
    assert feed is not None
    return feed


def _begin(
    config: Config,
    run_dir: Path,
    together: Workers,
    feed: Feed,
    stack: ExitStack,
    *,
    overwrite: bool,
    restart: bool,
) -> Run:
    """The chief begins the run, which the others must see."""
    run, problem, token = Run(run_dir), None, secrets.randbelow(2**53)
    mark = run.path / ".together"
    if together.is_chief:
        try:
            stack.enter_context(_lock_run_dir(run_dir))
            if not restart:
                _check_epochs(config, Checkpoints(run.checkpoints, feed.steps))
            run = Run.begin(run_dir, config, overwrite=overwrite, restart=restart)
            stack.enter_context(run.noting_how_it_ends())
            if together.count > 1:
                write_text(mark, str(token))
        except DiffkerasError as error:
            problem = error
    with together.connected():
        together.all_or_none(problem)
        token = together.agree(token)
        if not together.is_chief and not _is_there(mark, str(token)):
            problem = RunError(
                f"the first worker's run isn't in {run_dir} of this one; choose a --run-dir on a "
                "disk that all workers share, the same on each"
            )
        together.all_or_none(problem)
    if together.is_chief:
        mark.unlink(missing_ok=True)
    return run


def _is_there(mark: Path, content: str) -> bool:
    end = time.monotonic() + SHARING
    while time.monotonic() < end:
        with suppress(OSError):
            if mark.read_text(encoding="utf-8") == content:
                return True
        time.sleep(0.1)
    return False


def _check_epochs(config: Config, checkpoints: Checkpoints) -> None:
    places = checkpoints.places()
    done = int(places[-1].name) // checkpoints.steps if places else 0
    if done > config.training.epochs:
        raise ConfigurationError(
            f"training.epochs: {config.training.epochs}, but {done} epochs are done already; give "
            f"at least {done} to go on, or --restart to lose them"
        )


def _lock_run_dir(run_dir: Path) -> AbstractContextManager[None]:
    """Keep other processes out of a run directory."""
    place = Path(os.path.abspath(run_dir))
    # not within the directory, since an earlier run's may be renamed under the lock
    return locked(place.with_name(f".{place.name}.lock"), f"the run {run_dir}")
