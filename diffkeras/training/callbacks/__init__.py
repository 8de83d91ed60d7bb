"""The callbacks of a training run, in the order in which they build on each other."""

import keras

from diffkeras.nn.losses import AlternateLosses, AlternatingLoss
from diffkeras.training.callbacks.checkpointing import CountSteps, SaveCheckpoints
from diffkeras.training.callbacks.divergence import Rollback, StopAtNonFiniteLoss
from diffkeras.training.callbacks.history import RecordHistory, SourceCountErrors, TrainingProgress
from diffkeras.training.callbacks.tensorboard import Pictures, TensorBoard
from diffkeras.training.optimizers import AverageInValidation
from diffkeras.training.session import TrainingSession


def make_callbacks(
    session: TrainingSession, progress: TrainingProgress
) -> list[keras.callbacks.Callback]:
    """All callbacks of a training run; the last ones show the progress and save checkpoints."""
    section, state, compiled = session.config.training, session.state, session.compiled
    alternates = isinstance(compiled.loss, AlternatingLoss)
    counts = SourceCountErrors(compiled.counts, state, epochs=section.zero_field_epochs)
    callbacks = [CountSteps(state), StopAtNonFiniteLoss(compiled.terms, state)]
    if alternates:
        callbacks.append(AlternateLosses(first_step=lambda: session.steps_done))
    callbacks.append(AverageInValidation())
    if section.rollback_factor is not None:
        callbacks.append(
            Rollback(
                state,
                session.checkpoints,
                factor=section.rollback_factor,
                window=section.rollback_window,
                # an alternating loss jumps whenever it changes
                monitor="mae" if alternates else "loss",
            )
        )
    callbacks += [counts, RecordHistory(session)]
    if session.group.is_chief:
        callbacks += [TensorBoard(session, counts), Pictures(session)]
    return [*callbacks, progress, SaveCheckpoints(session)]
