"""Train a surrogate on the datasets of a configuration."""

import logging
import signal
from contextlib import ExitStack
from pathlib import Path

import keras

from diffkeras.config import Config
from diffkeras.data.writing.replacing import keep_datasets
from diffkeras.errors import Interrupted
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.blas_threads import blas_threads
from diffkeras.system.interruption import Interruption
from diffkeras.system.saved_models import check_loadable
from diffkeras.system.tensorflow_setup import deterministic_operations
from diffkeras.training.checkpoints import Checkpoints
from diffkeras.training.compiled_model import compile_model
from diffkeras.training.loop import train_to_the_end
from diffkeras.training.memory import check_memory, within_memory
from diffkeras.training.process_group import join_process_group
from diffkeras.training.session import TrainingSession
from diffkeras.training.start import begun_run, common_settings, prepare, start_or_resume

logger = logging.getLogger(__name__)


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
        Interrupted: SIGINT or SIGTERM; a checkpoint was saved, or, after the last epoch, the
            finished run.

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
    group = join_process_group(common_settings(config))
    with ExitStack() as stack:
        stack.enter_context(group.only_chief_logs())
        stack.enter_context(deterministic_operations(config.training.deterministic))
        if config.data.stream:  # here, because BLAS obeys one thread, and tf.data has several
            stack.enter_context(blas_threads())
        stack.enter_context(keep_datasets(config, data_dir))
        existing = {"overwrite": overwrite, "restart": restart}
        batches, initial = prepare(config, data_dir, run_dir, group, threads, **existing)
        run = stack.enter_context(begun_run(config, run_dir, group, **existing))
        stack.enter_context(group.connected())
        interruption = stack.enter_context(Interruption())
        with within_memory(config):
            compiled = compile_model(config, group, config.training.epochs * batches.steps)
            check_memory(config, group.processes)
        logger.info(
            f"{compiled.parameters:,} trainable parameters, {batches.steps} steps an epoch, "
            f"{group.replicas} replica(s); follow with `tensorboard --logdir {run.logs}`"
        )
        session = TrainingSession(
            config, data_dir, group, batches, run, compiled, interruption, show_progress
        )
        start_or_resume(session, initial)
        train_to_the_end(session)
        _check_signal(interruption, run)
    return run


def _check_signal(interruption: Interruption, run: Run) -> None:
    """Raise Interrupted for a signal that came when nothing was left to be interrupted.

    The run is finished, but the sender of the signal, or the study, has to see it.
    """
    number, interruption.number = interruption.number, 0
    if number:
        name = signal.Signals(number).name
        raise Interrupted(
            f"{name} came after the last epoch; the run in {run.path} is finished", number
        )
