"""Training that ends at a chosen point, by an exception or by a signal to the process."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from diffkeras.training import callbacks, checkpoints, loop
from diffkeras.training.callbacks import TrainingProgress
from diffkeras.training.session import TrainingSession


class Stop(Exception):
    """Training ends here."""


def session_at_start(train: Callable[[], object]) -> TrainingSession:
    """Call `train` and have it end where its first epoch would begin."""
    begun: list[TrainingSession] = []

    def stop(session: TrainingSession) -> None:
        begun.append(session)
        raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "run_epochs", stop)
        with pytest.raises(Stop):
            train()
    return begun[0]


def stop_at(step: int, train: Callable[[], object]) -> None:
    """Call `train` and have it end by an exception at a step."""

    def stop(self: TrainingProgress, batch: int, logs: object = None) -> None:
        if self.model.optimizer.iterations.numpy() == step:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingProgress, "on_train_batch_end", stop)
        with pytest.raises(Stop):
            train()


def hit_at(
    point: str, step: int, number: int, setattr: Callable[[Any, str, Any], None] = setattr
) -> None:
    """Patch the place named `point`: it sends the signal when the state is at `step` steps."""
    owner, name = {
        "step": (callbacks.CountSteps, "on_train_batch_end"),
        "validation": (callbacks.RecordHistory, "on_test_batch_end"),  # step: 0, within validation
        "best": (callbacks.RecordHistory, "on_epoch_end"),  # best model written, no checkpoint yet
        "checkpoint": (checkpoints, "digest"),  # weights written, not yet renamed
    }[point]
    original = getattr(owner, name)
    seen = {"steps": 0}

    def patched(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        if point == "step":
            seen["steps"] = args[0].model.optimizer.iterations.numpy()
        else:
            seen["steps"] += 1
        if seen["steps"] == step:
            os.kill(os.getpid(), number)
        return result

    setattr(owner, name, patched)
