"""The callbacks of a training run, in the order in which they build on each other."""

import keras

from diffkeras.nn.losses import AlternateWeights, AlternatingWeight
from diffkeras.training.callbacks.checkpointing import SaveCheckpoints
from diffkeras.training.callbacks.count_errors import CountErrors
from diffkeras.training.callbacks.early_stopping import StopEarly
from diffkeras.training.callbacks.history import RecordHistory
from diffkeras.training.callbacks.non_finite_loss import StopAtNonFiniteLoss
from diffkeras.training.callbacks.pictures import Pictures
from diffkeras.training.callbacks.position import CountSteps
from diffkeras.training.callbacks.progress import TrainingProgress
from diffkeras.training.callbacks.rollback import Rollback
from diffkeras.training.callbacks.tensorboard import TensorBoard
from diffkeras.training.callbacks.weight_average import AverageInValidation
from diffkeras.training.callbacks.zero_field import CompareWithZeroField
from diffkeras.training.session import TrainingSession


def make_callbacks(
    session: TrainingSession, counts: CountErrors, progress: TrainingProgress
) -> list[keras.callbacks.Callback]:
    """All callbacks of a training run.

    Args:
        session: the training run.
        counts: reads the errors per source count.
        progress: the progress bar.
    """
    section, state, checkpoints = session.config.training, session.state, session.checkpoints
    alternates = isinstance(session.compiled.loss.weight, AlternatingWeight)
    callbacks = [CountSteps(state), StopAtNonFiniteLoss(session.compiled.terms, state)]
    if alternates:
        callbacks.append(AlternateWeights(first_step=lambda: session.steps_done))
    callbacks.append(AverageInValidation())
    if section.rollback_factor is not None:
        callbacks.append(
            Rollback(
                state,
                checkpoints,
                factor=section.rollback_factor,
                window=section.rollback_window,
                # the loss itself jumps where its weight alternates
                monitor="error" if alternates else "loss",
            )
        )
    callbacks += [
        counts,
        CompareWithZeroField(counts, epochs=section.zero_field_epochs),
        RecordHistory(state, checkpoints, session.run),
    ]
    if section.early_stopping is not None:
        callbacks.append(StopEarly(state, patience=section.early_stopping))
    if session.group.is_chief:
        callbacks += [TensorBoard(session, counts), Pictures(session)]
    return [*callbacks, progress, SaveCheckpoints(session)]
