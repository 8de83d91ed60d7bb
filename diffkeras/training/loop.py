"""Fitting from any position: `model.fit`, from an epoch and a step within it."""

import logging
from collections.abc import Sequence

import keras

from diffkeras.distributed.process_group import Workers
from diffkeras.errors import RunError
from diffkeras.training.batches import Feed
from diffkeras.training.checkpoints import (
    Checkpoints,
    TrainingState,
    read_state,
    read_weights,
)

logger = logging.getLogger(__name__)


def fit_from(
    state: TrainingState,
    model: keras.Model,
    checkpoints: Checkpoints,
    feed: Feed,
    *,
    epochs: int,
    patience: int | None,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train from where the state stands to the last epoch.

    Keras begins with an epoch's first step alone, so what is left of an epoch is a `fit` of its
    own, and from the checkpoint at its end the next one goes on.

    Args:
        state: position to begin with; callbacks keep it up to date.
        model: compiled, with the weights of that position.
        checkpoints: written by a callback at the end of each epoch.
        feed: the batches.
        epochs: number of the last one.
        patience: epochs without improvement that end it, also if an earlier call saw them.
        callbacks: of training.
    """
    validation = feed.validation()
    model.stop_training = False
    while state.epoch < epochs and not model.stop_training and not state.out_of_patience(patience):
        rest = checkpoints.steps - state.step
        model.fit(
            feed.training(state.epoch, state.step),
            validation_data=validation,
            validation_steps=feed.validation_steps,
            initial_epoch=state.epoch,
            epochs=state.epoch + 1 if state.step else epochs,
            steps_per_epoch=rest,
            shuffle=False,  # the pipeline shuffles
            verbose=0,
            callbacks=list(callbacks),
        )
        if state.epoch < epochs and (place := checkpoints.backup()):
            # the end of a fit puts the moving average in the place of the weights
            read_weights(place, model)


def resume(checkpoints: Checkpoints, model: keras.Model, workers: Workers) -> TrainingState | None:
    """Set a model to the newest whole checkpoint, which the chief chooses for all workers.

    Returns:
        The state there; None if there is no checkpoint.

    Raises:
        RunError: there are checkpoints, but all are damaged; or a worker doesn't see the one.
    """
    place = checkpoints.latest() if workers.is_chief else None
    if place is not None:
        checkpoints.discard_after(place)
    elif checkpoints.places() and workers.is_chief:
        raise RunError(
            f"all checkpoints in {checkpoints.path} are damaged; give --restart to start anew"
        )
    steps = workers.agree(-1 if place is None else int(place.name))
    if steps < 0:
        return None
    place = checkpoints.place(steps)
    if not place.is_dir():
        raise RunError(
            f"the checkpoint {place}, with which the first worker goes on, isn't there on this "
            "one; choose a --run-dir that all workers share"
        )
    read_weights(place, model)
    state = read_state(place)
    logger.info(f"resuming at epoch {state.epoch + 1}, step {state.step} of {checkpoints.steps}")
    return state
