"""Batches go on at any position, and what the replicas can't share is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data import steps_per_epoch, training_batches
from diffkeras.distributed.process_group import ProcessGroup
from diffkeras.errors import ConfigurationError
from diffkeras.training.batches import TrainingBatches


@pytest.mark.parametrize(("stream", "own_steps"), [(False, None), (False, 7), (True, None)])
def test_batches_go_on_at_any_position(
    tiny: Config, data_dir: Path, stream: bool, own_steps: int | None
) -> None:
    config = tiny.with_overrides(
        {
            "data.stream": stream,
            "training.batch_size": 5,
            "training.steps_per_epoch": own_steps,
        }
    )
    steps = steps_per_epoch(config)
    assert steps == (own_steps or 5)

    def images(number: int, **position: int) -> list[np.ndarray]:
        batches = training_batches(config, data_dir, **position).take(number)
        return [x for x, _ in batches.as_numpy_iterator()]

    all_batches = images(3 * steps)
    epochs = [np.concatenate(all_batches[e * steps : (e + 1) * steps]) for e in range(3)]
    for epoch, step in ((0, 2), (1, 0), (2, steps - 1)):
        rest = images(3 * steps - epoch * steps - step, epoch=epoch, step=step)
        for one, other in zip(rest, all_batches[epoch * steps + step :], strict=True):
            np.testing.assert_array_equal(one, other)
    assert not np.array_equal(epochs[0], epochs[1])
    if own_steps:
        assert all(len(batch) == 5 for batch in all_batches)
        return
    # each epoch has another order, and the same examples unless it is a stream
    sums = [sorted(epoch.sum(axis=(1, 2, 3))) for epoch in epochs]
    assert (sums[0] == sums[1]) is not stream


class Replicas(ProcessGroup):
    """A group with a number of replicas that this machine need not have."""

    def __init__(self, number: int) -> None:
        super().__init__(tf.distribute.get_strategy())
        self.replicas = number


@pytest.mark.parametrize(
    ("replicas", "change", "message"),
    [
        (1, {"data.shares": 3}, "batch_size: 4 examples .* 3 shares"),
        (1, {"data.shares": 4, "data.train_examples": 3}, "train_examples: 3 .* the 4 shares"),
        (2, {"data.shares": 3}, "shares: 3 .* 2 replicas"),
        (3, {}, "batch_size: 4 examples .* 3 replicas"),
        (4, {"data.validation_examples": 3}, "validation_examples: 3 .* the 4 replicas"),
        (2, {"training.steps_per_execution": 3}, "steps_per_execution: 3 .* 2 replicas"),
        (1, {"training.steps_per_execution": 4}, "steps_per_execution: 4 doesn't divide the 6"),
        (1, {"training.batch_size": 25}, "batch_size: 25 is more than all 24"),
        (
            1,
            {"training.steps_per_epoch": 6, "training.steps_per_execution": 4},
            "steps_per_execution: 4 doesn't divide the 6",
        ),
    ],
)
def test_what_the_replicas_can_not_share_is_refused(
    replicas: int, change: dict[str, Any], message: str, tiny: Config, data_dir: Path
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        TrainingBatches(tiny.with_overrides(change), data_dir, Replicas(replicas))


def test_a_batch_may_be_larger_than_the_data_if_the_steps_are_given(
    tiny: Config, data_dir: Path
) -> None:
    config = tiny.with_overrides({"training.batch_size": 60, "training.steps_per_epoch": 2})
    batches = TrainingBatches(config, data_dir, Replicas(1))
    assert batches.steps == 2
    x, _ = next(training_batches(config, data_dir).as_numpy_iterator())
    assert len(x) == 60
    # two whole passes, and half of a third one
    times = np.unique(x.reshape(60, -1), axis=0, return_counts=True)[1]
    assert sorted(times) == [2] * 12 + [3] * 12
