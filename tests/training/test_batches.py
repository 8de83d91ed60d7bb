"""What the replicas can't share is refused."""

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.data import batches as reading
from diffkeras.data import mixed_dataset
from diffkeras.data.batches import DataShares, training_batches
from diffkeras.errors import ConfigurationError
from diffkeras.training.batches import TrainingBatches
from diffkeras.training.process_group import ProcessGroup


class Replicas(ProcessGroup):
    """A group with a number of replicas that this machine need not have."""

    def __init__(self, number: int) -> None:
        super().__init__(tf.distribute.get_strategy())
        self.replicas = number


@pytest.mark.parametrize(
    ("replicas", "change", "message"),
    [
        (1, {"data.shares": 3}, "batch_size: 4 .* 3 shares"),
        (1, {"data.shares": 4, "data.train_examples": 3}, "train_examples: 3 .* the 4 shares"),
        (2, {"data.shares": 3}, "shares: 3 .* 2 replicas"),
        (3, {}, "batch_size: 4 .* 3 replicas"),
        (4, {"data.validation_examples": 3}, "validation_examples: 3 .* the 4 replicas"),
        (1, {"training.steps_per_execution": 4}, "steps_per_execution: 4 doesn't divide the 6"),
        (1, {"training.batch_size": 25}, "batch_size: 25 is more than all 24"),
        (
            1,
            {"data.shares": 2, "data.train_examples": 3, "training.batch_size": 6},
            "batch_size: 6 is more than all 4",  # each share has one example of each count
        ),
    ],
)
def test_what_the_replicas_can_not_share_is_refused(replicas, change, message, tiny, data_dir):
    with pytest.raises(ConfigurationError, match=message):
        TrainingBatches(tiny.with_overrides(change), data_dir, Replicas(replicas))


def test_a_batch_may_be_larger_than_the_data_if_the_steps_are_given(tiny, data_dir):
    config = tiny.with_overrides({"training.batch_size": 60, "training.steps_per_epoch": 2})
    batches = TrainingBatches(config, data_dir, Replicas(1))
    assert batches.steps == 2
    x, _ = next(training_batches(config, data_dir).as_numpy_iterator())
    assert len(x) == 60
    # two whole passes, and half of a third one
    times = np.unique(x.reshape(60, -1), axis=0, return_counts=True)[1]
    assert sorted(times) == [2] * 12 + [3] * 12


@pytest.mark.parametrize("batch", [2, 4, 6, 10])
def test_the_validation_steps_of_replicas_are_those_of_their_examples(batch, tiny, data_dir):
    changes = {"data.cache": True, "training.batch_size": batch}
    at_once = {"training.steps_per_execution": 4}  # of one replica
    config = tiny.with_overrides({"training.steps_per_epoch": 1, **changes, **at_once})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "_in_memory", None)  # no example is read to count them
        batches = TrainingBatches(config, data_dir, Replicas(2))
    assert batches.at_once == 1
    for replica in range(2):
        shares = DataShares(range(replica, replica + 1), 2)
        own = mixed_dataset(config, "validation", data_dir, shares=shares)
        assert own.cardinality() == batches.validation_steps
