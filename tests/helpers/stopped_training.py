"""Training that ends by an exception at a chosen step, as if the process had died."""

from collections.abc import Callable

import pytest

from diffkeras.training.callbacks.progress import TrainingProgress


def stop_at(step: int, train: Callable[[], object]) -> None:
    """Call `train` and have it end by an exception at a step."""

    class Stop(Exception):
        pass

    def stop(self: TrainingProgress, batch: int, logs: object = None) -> None:
        if self.model.optimizer.iterations.numpy() == step:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingProgress, "on_train_batch_end", stop)
        with pytest.raises(Stop):
            train()
