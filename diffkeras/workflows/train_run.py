"""Train a surrogate on the datasets of a configuration."""

import logging
import shutil
import signal
import warnings
from contextlib import ExitStack, closing, nullcontext, suppress
from pathlib import Path

import keras

from diffkeras.config import Config
from diffkeras.data.reading.examples import explain_damage
from diffkeras.distributed.process_group import WORKER_TIMEOUT, join_process_group
from diffkeras.errors import ConvergenceError, Interrupted, WorkerLostError
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.family_barriers import write_barriers
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import replacing
from diffkeras.system.tensorflow_setup import deterministic_operations
from diffkeras.training.callbacks import make_callbacks
from diffkeras.training.callbacks.history import TrainingProgress
from diffkeras.training.checkpoints import Checkpoints, read_weights
from diffkeras.training.compiled_model import compile_model
from diffkeras.training.memory import check_memory, within_memory
from diffkeras.training.session import Interruption, TrainingSession
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
    worker_timeout: float = WORKER_TIMEOUT,
    show_progress: bool = False,
) -> Run:
    """Train the network of a configuration, and keep the best model by the validation split.

    Uses all visible GPUs under MirroredStrategy, or the CPU if there are none, and several
    processes under MultiWorkerMirroredStrategy if TF_CONFIG or Slurm describe them; the first of
    them then writes the run. An unfinished run of the same configuration in the directory continues
    from its last checkpoint.

    With `training.initial_model`, training starts from the weights of another run.

    Args:
        config: data, network, loss and optimizer.
        data_dir: where `generate` put the datasets.
        run_dir: where to write the run.
        threads: threads that read data; by default as many as tf.data finds best.
        overwrite: rename a finished run in the directory instead of raising an error.
        restart: delete an unfinished run in the directory instead of continuing it.
        worker_timeout: seconds to wait for the other processes.
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
        WorkerError: another process did not come within `worker_timeout` seconds;
            WorkerLostError: it ended during the run.
        Interrupted: SIGINT or SIGTERM; a checkpoint was saved, or, after the last epoch, the
            finished run.

    Example:

    ```python
    config = diffkeras.config.load_config("quickstart")
    run = diffkeras.workflows.train(config, "data", "saved_models/quickstart")
    ```
    """
    data_dir, run_dir = Path(data_dir), Path(run_dir)
    keras.utils.set_random_seed(config.training.seed)
    group = join_process_group(common_settings(config), timeout=worker_timeout)
    with ExitStack() as stack:
        stack.enter_context(group.only_chief_logs())
        stack.enter_context(deterministic_operations(config.training.deterministic))
        resumes = not (restart or overwrite) and any(Run(run_dir).checkpoints.glob("[0-9]*"))
        batches, initial = prepare(config, data_dir, group, threads, resumes=resumes)
        run = stack.enter_context(
            begun_run(config, run_dir, group, batches.steps, overwrite=overwrite, restart=restart)
        )
        stack.enter_context(group.connected())
        interruption = stack.enter_context(Interruption())
        with within_memory(config):
            compiled = compile_model(config, group, config.training.epochs * batches.steps)
            check_memory(config, group.processes)
        logger.info(
            f"{compiled.parameters:,} trainable parameters, {batches.steps} steps an epoch, "
            f"{group.replicas} replica(s); follow with `tensorboard --logdir {run.logs}`"
        )
        checkpoints = Checkpoints(run.checkpoints, batches.steps, writes=group.is_chief)
        session = TrainingSession(
            config,
            data_dir,
            group,
            batches,
            run,
            checkpoints,
            compiled,
            start_or_resume(config, checkpoints, compiled.model, group, initial, data_dir),
            interruption,
            show_progress,
        )
        _train_to_the_end(session)
        _check_signal(interruption, run)
    return run


def _train_to_the_end(session: TrainingSession) -> None:
    """Train the remaining epochs, and write the results."""
    group = session.group
    try:
        run_epochs(session)
    except ConvergenceError as error:
        raise _after_divergence(session, error) from None
    if group.is_chief:
        write_results(session)
        shutil.rmtree(session.run.checkpoints, ignore_errors=True)
    # the others wait for the results; the chief's are complete even if another one is lost now
    with suppress(WorkerLostError) if group.is_chief else nullcontext():
        group.gather(0)
    _log_summary(session)


def run_epochs(session: TrainingSession) -> None:
    """Train from where the state of a session is to the last epoch.

    Keras starts at the first step of an epoch only, so the rest of an epoch is a call of `fit` of
    its own. The next call continues from the checkpoint at its end.
    """
    state, model, batches = session.state, session.model, session.batches
    with (
        ExitStack() as stack,
        closing(TrainingProgress(session)) as progress,
        explain_damage(session.config, session.data_dir),
        within_memory(session.config),
    ):
        if not model.trainable_weights:  # as a kernel has none, which is no cause for concern
            stack.enter_context(warnings.catch_warnings(action="ignore"))
        callbacks = make_callbacks(session, progress)
        validation = batches.validation()
        while state.epoch < session.epochs and not session.out_of_patience:
            model.fit(
                batches.training(state.epoch, state.step),
                validation_data=validation,
                validation_steps=batches.validation_steps,
                initial_epoch=state.epoch,
                epochs=state.epoch + 1 if state.step else session.epochs,
                steps_per_epoch=session.steps - state.step,
                shuffle=False,  # the pipeline shuffles
                verbose=0,
                callbacks=list(callbacks),
            )
            if state.epoch < session.epochs and (place := session.checkpoints.backup()):
                # at the end of a fit Keras sets the weights to their moving average
                read_weights(place, model)


def write_results(session: TrainingSession) -> None:
    """Write the best model in both forms, and mark the run as finished."""
    config, run, state = session.config, session.run, session.state
    if not state.best_epoch:
        raise ConvergenceError(
            f"training diverged: the validation MAE was finite in none of {state.epoch} epochs; "
            f"choose a smaller training.learning_rate than {config.training.learning_rate:g}"
        )
    surrogate = Surrogate(_save_best_model(session), config)
    export_saved_model(surrogate, run.saved_model)
    if family := config.kind.family:
        write_barriers(run.barriers_file, family, surrogate.network_fields)
    best = state.history[state.best_epoch - 1]
    origin = {"initial_model": state.initial_model} if state.initial_model else {}
    run.write_state(
        "finished",
        replicas=session.group.replicas,
        seed=config.training.seed,
        data_dir=str(session.data_dir.resolve()),
        **origin,
        trainable_parameters=session.compiled.parameters,
        seconds=round(state.seconds, 1),
        epochs=state.epoch,
        best_epoch=state.best_epoch,
        rolled_back_epochs=state.rollbacks,
        zero_field_mae=state.zero_field_mae,
        validation={k[4:]: v for k, v in best.items() if k.startswith("val_")},
    )


def _save_best_model(session: TrainingSession) -> keras.Model:
    """Write model.keras: without the optimizer, which is twice its size, and in float32."""
    run, file = session.run, session.checkpoints.best_file(session.state.best_epoch)
    best = build_model(session.config)
    best.load_weights(file)
    with replacing(run.model_file) as partial:
        keras.saving.save_model(best, partial)
    return best


def _after_divergence(session: TrainingSession, error: ConvergenceError) -> ConvergenceError:
    """Write the best model before training diverged; the error, which says where it is."""
    state = session.state
    if not session.group.is_chief or not state.best_epoch:
        return error
    _save_best_model(session)
    return ConvergenceError(
        f"{error}. The best model before, of epoch {state.best_epoch}, is kept in "
        f"{session.run.model_file}"
    )


def _log_summary(session: TrainingSession) -> None:
    state = session.state
    undone = f"{len(state.rollbacks)} epoch(s) undone; " if state.rollbacks else ""
    logger.info(
        f"best epoch {state.best_epoch} of {state.epoch}: validation MAE {state.best_error:.3g}; "
        f"{undone}{state.seconds:.0f} s; {session.run.path}"
    )


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
