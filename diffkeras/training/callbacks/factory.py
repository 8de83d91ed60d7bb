"""The callbacks of a training, in the order in which they build on each other."""

from pathlib import Path

import keras

from diffkeras.config import Config
from diffkeras.data.reading.input_wait_time import InputWaitTime
from diffkeras.distributed.process_group import Workers
from diffkeras.nn.losses import AlternateWeights, AlternatingWeight
from diffkeras.surrogates.run_directory import Run
from diffkeras.training.callbacks.checkpointing import (
    CountSteps,
    Interruption,
    KeepHistory,
    SaveCheckpoints,
)
from diffkeras.training.callbacks.count_errors import CountErrors
from diffkeras.training.callbacks.guards import (
    CompareWithZeroField,
    Rollback,
    StopAtNonFiniteLoss,
    StopEarly,
)
from diffkeras.training.callbacks.pictures import make_pictures
from diffkeras.training.callbacks.tensorboard import TensorBoard
from diffkeras.training.callbacks.weight_average import AverageInValidation
from diffkeras.training.checkpoints import Checkpoints, TrainingState
from diffkeras.training.compiled_model import CompiledModel


def make_callbacks(
    config: Config,
    compiled: CompiledModel,
    state: TrainingState,
    run: Run,
    data_dir: Path,
    *,
    workers: Workers,
    counts: CountErrors,
    checkpoints: Checkpoints,
    interruption: Interruption,
    waiting: InputWaitTime | None,
    progress: keras.callbacks.Callback,
) -> list[keras.callbacks.Callback]:
    """All callbacks of a training.

    Args:
        config: says which guards stand.
        compiled: the model and its metrics.
        state: of the training.
        run: where history and logs go.
        data_dir: where the examples for pictures lie.
        workers: who trains; the chief alone writes for TensorBoard.
        counts: reads errors per source count.
        checkpoints: where checkpoints go.
        interruption: says when to end.
        waiting: measures the wait for data.
        progress: the progress bar.
    """
    section = config.training
    alternating = isinstance(compiled.loss.weight, AlternatingWeight)
    callbacks = [CountSteps(state), StopAtNonFiniteLoss(compiled.terms, state)]
    if alternating:
        callbacks.append(
            AlternateWeights(first_step=lambda: state.epoch * checkpoints.steps + state.step)
        )
    callbacks.append(AverageInValidation())
    if section.rollback_factor is not None:
        callbacks.append(
            Rollback(
                state,
                checkpoints,
                factor=section.rollback_factor,
                window=section.rollback_window,
                # an alternating weight lets the loss itself jump
                monitor="error" if alternating else "loss",
            )
        )
    callbacks += [
        counts,
        CompareWithZeroField(counts, epochs=section.zero_field_epochs),
        KeepHistory(state, checkpoints, run),
    ]
    if section.early_stopping is not None:
        callbacks.append(StopEarly(state, patience=section.early_stopping))
    if workers.is_chief:
        callbacks += [
            TensorBoard(
                run.logs, config, state, steps=checkpoints.steps, counts=counts, waiting=waiting
            ),
            make_pictures(config, data_dir, compiled.model, run.logs),
        ]
    return [
        *callbacks,
        progress,
        # the last, so that all others have done their part of what it calls done
        SaveCheckpoints(
            state,
            checkpoints,
            compiled.accumulators,
            workers,
            minutes=section.checkpoint_minutes,
            interruption=interruption,
        ),
    ]
