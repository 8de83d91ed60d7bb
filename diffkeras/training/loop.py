"""The loop of training, and what it leaves: the best model, the SavedModel and the run's state."""

import logging
from contextlib import closing, nullcontext, suppress

import keras

from diffkeras.errors import ConvergenceError, WorkerError
from diffkeras.nn.losses import AlternateLosses, AlternatingLoss
from diffkeras.surrogates.build import build_model, save_weights
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.training.callbacks import (
    AverageInValidation,
    CountSteps,
    RecordHistory,
    Rollback,
    SaveCheckpoints,
    StopAtNonFiniteLoss,
    TrainingProgress,
)
from diffkeras.training.checkpoints import read_weights
from diffkeras.training.session import TrainingSession
from diffkeras.training.tensorboard import Pictures, TensorBoard

logger = logging.getLogger(__name__)


def train_to_the_end(session: TrainingSession) -> None:
    """Train the remaining epochs, and write the results."""
    group, state = session.group, session.state
    try:
        run_epochs(session)
    except ConvergenceError as error:
        if not group.is_chief or not state.best_epoch:
            raise
        _save_best_model(session)
        raise ConvergenceError(
            f"{error}. The best model before, of epoch {state.best_epoch}, is kept in "
            f"{session.run.weights_file}"
        ) from None
    if group.is_chief:
        write_results(session)
        session.checkpoints.remove()
    # the others wait for the results; the chief's are complete even if another one is lost now
    with suppress(WorkerError) if group.is_chief else nullcontext():
        group.gather(0)
    undone = f"{len(state.rollbacks)} epoch(s) undone; " if state.rollbacks else ""
    logger.info(
        f"best epoch {state.best_epoch} of {state.epoch}: validation lattice MAE "
        f"{state.best_error:.3g}; {undone}{state.seconds:.0f} s; {session.run.path}"
    )


def run_epochs(session: TrainingSession) -> None:
    """Train from where the state of a session is to the last epoch.

    Keras starts at the first step of an epoch only, so the rest of an epoch is a call of `fit` of
    its own. The next call continues from the checkpoint at its end.
    """
    state, model, batches = session.state, session.model, session.batches
    with closing(TrainingProgress(session)) as progress:
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


def make_callbacks(
    session: TrainingSession, progress: TrainingProgress
) -> list[keras.callbacks.Callback]:
    """All callbacks of a training run; the last ones show the progress and save checkpoints."""
    state = session.state
    callbacks = [CountSteps(state), StopAtNonFiniteLoss(state)]
    if isinstance(session.compiled.loss, AlternatingLoss):
        callbacks.append(AlternateLosses(first_step=lambda: session.steps_done))
    callbacks.append(AverageInValidation())
    if session.config.training.rollback_factor is not None:
        callbacks.append(Rollback(session))
    history = RecordHistory(session)
    callbacks.append(history)
    if session.group.is_chief:
        callbacks += [TensorBoard(session, history), Pictures(session)]
    return [*callbacks, progress, SaveCheckpoints(session)]


def write_results(session: TrainingSession) -> None:
    """Write the best model in both forms, and mark the run as finished."""
    config, run, state = session.config, session.run, session.state
    if not state.best_epoch:
        raise ConvergenceError(
            f"training diverged: the validation lattice MAE was finite in none of {state.epoch} "
            "epochs; choose a smaller training.learning_rate than "
            f"{config.training.learning_rate:g}"
        )
    export_saved_model(Surrogate(_save_best_model(session), config), run.saved_model)
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
    """Write the weights of the best model, without the optimizer, which is twice their size."""
    best = build_model(session.config)
    best.load_weights(session.checkpoints.best_file(session.state.best_epoch))
    save_weights(session.run.weights_file, best)
    return best
