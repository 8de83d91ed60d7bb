"""Train a surrogate on the datasets of a configuration."""

import errno
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import keras
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras._version import __version__
from diffkeras.config import Config
from diffkeras.data.examples import explain_damage
from diffkeras.data.replacing import keep_datasets
from diffkeras.data.stored import dataset_paths
from diffkeras.errors import ConfigurationError, OutOfMemoryError, OutputError
from diffkeras.identity import by_key, changed_keys, fingerprint
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import surrogate_of_run
from diffkeras.system.environment import blas_threads
from diffkeras.system.file_lock import locked
from diffkeras.system.interruption import Interruption
from diffkeras.system.saved_models import check_loadable
from diffkeras.system.tensorflow_setup import deterministic_operations
from diffkeras.training.batches import TrainingBatches
from diffkeras.training.checkpoints import (
    STATE,
    Checkpoints,
    digest,
    position,
    read_state,
    read_weights,
)
from diffkeras.training.compiled_model import compile_model
from diffkeras.training.loop import train_to_the_end
from diffkeras.training.process_group import ProcessGroup, join_process_group
from diffkeras.training.session import TrainingSession

logger = logging.getLogger(__name__)

DISK_FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))


def train(
    config: Config,
    data_dir: str | Path,
    run_dir: str | Path,
    *,
    threads: int | None = None,
    overwrite: bool = False,
    restart: bool = False,
    show_progress: bool = False,
) -> Run:
    """Train the network of a configuration, and keep the best model by the validation split.

    Uses all visible GPUs under MirroredStrategy, or the CPU if there are none, and several
    processes under MultiWorkerMirroredStrategy if TF_CONFIG or Slurm describe them; the first of
    them then writes the run. An unfinished run of the same configuration in the directory continues
    from its last checkpoint, and a finished one of it is returned.

    With `training.initial_model`, training starts from the weights of another run.

    Args:
        config: data, network, loss and optimizer.
        data_dir: where `generate` put the datasets.
        run_dir: where to write the run.
        threads: threads that read data; by default as many as tf.data finds best.
        overwrite: rename a finished run in the directory, and train again.
        restart: rename an unfinished run in the directory instead of continuing it.
        show_progress: whether to draw a progress bar.

    Returns:
        The finished run.

    Raises:
        ConfigurationError: an unknown loss, a batch that does not fit the replicas or the data, or
            an initial model with another network.
        DataError: missing, damaged or foreign datasets.
        RunError: the run directory can't be used, or another process uses it; the initial model is
            missing or not finished.
        ConvergenceError: training diverged; the best model before it is kept.
        OutOfMemoryError: the network or a batch does not fit into memory.
        WorkerError: another process was lost.
        Interrupted: SIGINT or SIGTERM; a checkpoint was saved.

    Example:

    ```python
    config = diffkeras.load_config("quickstart")
    run = diffkeras.train(config, "data", "saved_models/quickstart")
    ```
    """
    data_dir, run_dir = Path(data_dir), Path(run_dir)
    check_loadable(run_dir)  # its SavedModel is written at the end
    if not (overwrite or restart) and (run := Run(run_dir)).holds(config):
        Checkpoints(run.checkpoints).remove()  # of a process that was killed just after the end
        logger.info(f"{run_dir} holds this run, finished; --overwrite trains it again")
        return run
    keras.utils.set_random_seed(config.training.seed)
    # what must be equal in all processes of a run
    settings = {"diffkeras": __version__, **by_key(config)}
    group = join_process_group(int(fingerprint(settings), 16))
    with ExitStack() as stack:
        stack.enter_context(group.logs_of_chief())
        stack.enter_context(deterministic_operations(config.training.deterministic))
        if config.data.stream:  # here, because BLAS obeys one thread, and tf.data has several
            stack.enter_context(blas_threads())
        places = dataset_paths(config, data_dir)
        stack.enter_context(keep_datasets(places))
        existing = {"overwrite": overwrite, "restart": restart}
        if group.is_chief:  # before anything is written, and before a cache reads the data
            Run(run_dir).check(config, **existing)
        resumes = not restart and Run(run_dir).can_go_on()
        for place in Checkpoints(Run(run_dir).checkpoints).places()[-1:] if resumes else ():
            if (done := position(place)[0]) > config.training.epochs:
                raise ConfigurationError(
                    f"training.epochs: {config.training.epochs}, but {done} epochs are done "
                    f"already; give at least {done} to continue, or --restart to start again"
                )
        # only now: a loss may hold a variable, and TensorFlow connects no processes after the first
        config.training.get_loss()
        if config.model.is_own:  # its errors are found here
            build_model(config)
        initial = None if resumes else _initial_model(config)
        with explain_damage(places):
            batches = TrainingBatches(config, data_dir, group, threads=threads)
            batches.training(0, 0)
        group.gather(0)  # no process begins the run before all have looked at the directory
        run = stack.enter_context(_begun_run(config, run_dir, group, **existing))
        stack.enter_context(group.connected())
        interruption = stack.enter_context(Interruption())
        stack.enter_context(_within_memory(config))
        steps = config.training.epochs * batches.steps
        compiled = compile_model(config, group, steps, batches.at_once)
        logger.info(
            f"{compiled.parameters:,} trainable parameters, {batches.steps} steps an epoch, "
            f"{group.replicas} replica(s); follow with `tensorboard --logdir {run.logs}`"
        )
        session = TrainingSession(
            config, data_dir, group, batches, run, compiled, interruption, show_progress
        )
        if not _resume(session) and initial is not None:
            weights, session.state.initial_model = initial
            session.model.set_weights(weights)
            logger.info(f"starting from the weights of {config.training.initial_model}")
        with explain_damage(places):
            train_to_the_end(session)
    return run


def _initial_model(config: Config) -> tuple[list[NDArray], str] | None:
    """The weights that `training.initial_model` names, and the SHA-256 of their file."""
    name = config.training.initial_model
    if name is None:
        return None
    run = Run.open(Path(name))
    surrogate = surrogate_of_run(run)
    changes = changed_keys(surrogate.config, config, ("model.initial_weights",))
    other = [change for change in changes if change.startswith("model.")]
    there, here = (", ".join(c.view.varying) or "none" for c in (surrogate.config, config))
    if there != here:
        other.append(f"inputs besides the source image: {there} there, {here} here")
    if other:
        raise ConfigurationError(
            f"training.initial_model: the network of {name} differs: {'; '.join(other)}"
        )
    return surrogate.model.get_weights(), digest(run.weights_file)


@contextmanager
def _begun_run(
    config: Config, run_dir: Path, group: ProcessGroup, *, overwrite: bool, restart: bool
) -> Iterator[Run]:
    """The run directory, which the chief locks and begins; `run.json` will say how it ended."""
    if not group.is_chief:
        yield Run(run_dir)
        return
    absolute = Path(os.path.abspath(run_dir))
    # not within the directory, which may be renamed under the lock
    with locked(absolute.with_name(f".{absolute.name}.lock"), f"the run {run_dir}"):
        run = Run.begin(run_dir, config, overwrite=overwrite, restart=restart)
        with run.recording_how_it_ends():
            yield run


def _resume(session: TrainingSession) -> bool:
    """Continue from the newest undamaged checkpoint, which the chief chooses, if there is one."""
    group = session.group
    place = session.checkpoints.latest() if group.is_chief else None
    epoch, step = (-1, 0) if place is None else position(place)
    (epoch, *_), (step, *_) = group.gather(epoch), group.gather(step)
    if epoch < 0:
        return False
    place = session.checkpoints.place(epoch, step)
    session.state = state = read_state(place / STATE)
    read_weights(place, session.model)
    # with other replicas, the epoch may be shorter than before; its end isn't to be missed
    state.step = min(state.step, session.steps - session.batches.at_once)
    logger.info(f"resuming at epoch {state.epoch + 1}, step {state.step} of {session.steps}")
    return True


@contextmanager
def _within_memory(config: Config) -> Iterator[None]:
    """Turn TensorFlow's failure to get memory or disk space into one line that names the reason."""
    try:
        yield
    except (tf.errors.ResourceExhaustedError, tf.errors.OutOfRangeError, MemoryError) as error:
        for reason in DISK_FULL:
            if reason in str(error):
                raise OutputError(f"the logs of the run can't be written: {reason}") from None
        if isinstance(error, tf.errors.OutOfRangeError):
            raise
        lattice = "×".join(map(str, config.physics.lattice))
        raise OutOfMemoryError(
            f"out of memory: training this network on batches of {config.training.batch_size} "
            f"examples of {lattice} nodes doesn't fit; choose a smaller training.batch_size or "
            "network"
        ) from None
