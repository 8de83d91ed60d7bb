"""What a training leaves when it ends: the best model, and a summary."""

from typing import Any

import keras

from diffkeras.config import Config
from diffkeras.errors import ConvergenceError, RunError
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.atomic_files import replacing
from diffkeras.training.checkpoints import Checkpoints, TrainingState
from diffkeras.training.compiled_model import CompiledModel


def finish(
    config: Config,
    run: Run,
    compiled: CompiledModel,
    state: TrainingState,
    checkpoints: Checkpoints,
    zero_field_mae: float | None,
) -> dict[str, Any]:
    """Write the best model of a training, in both forms.

    Args:
        config: of the training.
        run: where the model goes.
        compiled: the network that was trained.
        state: says which epoch was best.
        checkpoints: hold its weights.
        zero_field_mae: validation MAE of a field of zeros.

    Returns:
        What is to be known of the run.

    Raises:
        ConvergenceError: there is no best model.
    """
    if not state.best_epoch:
        raise ConvergenceError(
            f"training diverged: the validation MAE was finite in none of {state.epoch} epochs; "
            f"choose a smaller training.learning_rate than {config.training.learning_rate:g}"
        )
    surrogate = Surrogate(save_best(config, run, state, checkpoints), config)
    export_saved_model(surrogate, run.saved_model)
    best = state.history[state.best_epoch - 1]
    return {
        "seed": config.training.seed,
        "trainable_parameters": compiled.parameters,
        "seconds": round(state.seconds, 1),
        "epochs": state.epoch,
        "best_epoch": state.best_epoch,
        "rolled_back_epochs": state.rollbacks,
        "zero_field_mae": zero_field_mae,
        "validation": {k[4:]: v for k, v in best.items() if k.startswith("val_")},
    }


def save_best(
    config: Config, run: Run, state: TrainingState, checkpoints: Checkpoints
) -> keras.Model:
    """Write model.keras: without the optimizer, twice the size of the network, and in float32.

    Raises:
        RunError: the file with the best weights is damaged.
    """
    try:
        damaged = checkpoints.best_is_damaged(state)
    except OSError:
        damaged = True
    if damaged:
        raise RunError(
            f"{checkpoints.best_file(state.best_epoch)} is damaged; the same command goes on from "
            "a checkpoint before it or, with --restart, starts anew"
        )
    best = build_model(config)
    best.load_weights(checkpoints.best_file(state.best_epoch))
    with replacing(run.model_file) as partial:
        keras.saving.save_model(best, partial)
    return best


def with_best_kept(
    error: ConvergenceError,
    config: Config,
    run: Run,
    state: TrainingState,
    checkpoints: Checkpoints,
) -> ConvergenceError:
    """Write the best model of a training that diverged; the error that says where."""
    kept = ""
    if state.best_epoch:
        save_best(config, run, state, checkpoints)
        kept = f". The best model before, of epoch {state.best_epoch}, is kept in {run.model_file}"
    return ConvergenceError(f"{error}{kept}")
