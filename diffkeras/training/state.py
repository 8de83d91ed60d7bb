"""How far a training run has come, apart from the weights."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from diffkeras.errors import RunError


@dataclass
class TrainingState:
    """How far a training run has come, apart from the weights.

    Attributes:
        epoch: number of completed epochs.
        step: number of completed steps of the current epoch.
        seed: of the run.
        dataset_versions: of the data that the run began with, by source count.
        history: losses and metrics of each completed epoch.
        best_epoch: the epoch with the lowest validation error, counted from 1; 0 before the first.
        best_error: validation MAE of that epoch.
        best_digest: checksum of the file with the weights of that epoch.
        losses: training losses of the epochs that were not undone.
        rollbacks: the epochs that were undone, counted from 1.
        metrics: accumulators of the metrics over the steps of the current epoch.
        seconds: training time, over all interruptions.
        epoch_seconds: time of the steps of the current epoch, without validation.
        zero_field_mae: validation MAE of a field of zeros.
    """

    epoch: int = 0
    step: int = 0
    seed: int = 0
    dataset_versions: dict[str, str] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_error: float = float("inf")
    best_digest: str = ""
    losses: list[float] = field(default_factory=list)
    rollbacks: list[int] = field(default_factory=list)
    metrics: dict[str, list] = field(default_factory=dict)
    seconds: float = 0.0
    epoch_seconds: float = 0.0
    zero_field_mae: float | None = None


def write_state(file: Path, state: TrainingState, weights_digest: str) -> None:
    """Write a state and the checksum of the weights that belong to it, with a checksum of both."""
    # Python's JSON restores every float to the last bit, and NaN as well
    text = json.dumps({**asdict(state), "weights_digest": weights_digest})
    file.write_text(json.dumps({"state": text, "digest": _digest(text)}), encoding="utf-8")


def read_state(file: Path) -> tuple[TrainingState, str]:
    """A state, and the checksum of the weights that belong to it."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        text = content["state"]
        if _digest(text) != content["digest"]:
            raise ValueError("it has another checksum")
        values: dict[str, Any] = json.loads(text)
        weights_digest = values.pop("weights_digest")
        return TrainingState(**values), weights_digest
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RunError(f"{file} is damaged: {reason}") from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
