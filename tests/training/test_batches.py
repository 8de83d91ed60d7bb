"""Batches go on at any position, and what the replicas can't share is refused."""

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.data import steps_per_epoch, training_batches
from diffkeras.distributed.process_group import ProcessGroup
from diffkeras.errors import ConfigurationError
from diffkeras.training import batches as batches_of_training
from diffkeras.training.batches import InputWaitTime, TrainingBatches


@pytest.mark.parametrize(
    ("stream", "own_steps"), [(False, None), (False, 3), (False, 7), (True, None), (True, 7)]
)
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


class StepClock(keras.callbacks.Callback):
    """A clock by which each step takes a second, and nothing else takes any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.reads = 0.0, 0

    def monotonic(self) -> float:
        self.reads += 1
        return self.now

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        for _ in range(100):  # other threads get the time to fetch the next batches
            if self.reads % 2 == 0:  # requested and received
                break
            time.sleep(0.01)
        self.now += 1


@pytest.mark.parametrize(
    "strategy", [tf.distribute.get_strategy, lambda: tf.distribute.MirroredStrategy(["CPU:0"])]
)
def test_the_wait_for_batches_is_measured_under_each_strategy(
    strategy: Callable[[], tf.distribute.Strategy],
    tiny: Config,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time of the steps is no part of it."""
    clock = StepClock()
    monkeypatch.setattr(batches_of_training, "time", clock)
    group = ProcessGroup(strategy())
    batches = TrainingBatches(tiny, data_dir, group)
    assert batches.waiting is not None
    with group.strategy.scope():
        model = keras.Sequential([keras.Input((16, 16, 1)), keras.layers.Flatten()])
        model.add(keras.layers.Dense(1))
        model.compile(loss=lambda y, prediction: keras.ops.sum(prediction))
    model.fit(batches.training(0, 0), steps_per_epoch=1, verbose=0)
    batches.waiting.take()
    model.fit(batches.training(0, 0), steps_per_epoch=10, verbose=0, callbacks=[clock])
    assert clock.now == 10
    assert clock.reads >= 20
    assert batches.waiting.take() < 5


@pytest.mark.parametrize(("slow_source", "expected"), [(True, 10.0), (False, 0.0)])
def test_waiting_for_data_is_measured(
    slow_source: bool, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock on which only the source, or only the steps take time: a second for each batch."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(batches_of_training, "time", SimpleNamespace(monotonic=lambda: clock.now))

    def source(k: Any) -> Any:
        clock.now += slow_source
        return k

    batches = tf.data.Dataset.range(20).map(lambda k: tf.numpy_function(source, [k], tf.int64))
    waiting = InputWaitTime()
    iterator = iter(waiting.measure(batches))
    next(iterator)
    waiting.take()
    values = []
    for _ in range(10):
        values.append(int(next(iterator)))
        clock.now += not slow_source
    assert values == list(range(1, 11))
    assert waiting.take() == expected
