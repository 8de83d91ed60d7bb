"""A model and a metric for several processes, and batches for each replica."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from diffkeras.nn.metrics import MaximumError
from diffkeras.system.keras_compat import BuiltFromOneReplica


class ReplicatedModel(BuiltFromOneReplica):
    """A functional model that `fit` can train under MultiWorkerMirroredStrategy.

    Keras averages the logs of a step over the replicas along an axis that scalars do not have
    (Keras issue 20585), so each log gets one.
    """

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step on one replica's share of a batch."""
        return _with_axis(super().train_step(data))

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of validation on one replica's share of a batch."""
        return _with_axis(super().test_step(data))


def _with_axis(logs: dict[str, Any]) -> dict[str, Any]:
    return {name: keras.ops.reshape(value, (1,)) for name, value in logs.items()}


class MaximumOverProcesses(MaximumError):
    """The largest error on all replicas of all processes.

    TensorFlow adds up the variables of replicas when it reads them; it has no maximum.
    """

    def result(self) -> Any:
        """Largest error so far; in the code of a replica, the largest of that replica."""
        variable = self.maximum.value
        strategy = getattr(variable, "distribute_strategy", None)  # None while Keras infers shapes
        replica = tf.distribute.get_replica_context()
        if strategy is None or (replica is not None and replica.strategy is strategy):
            return tf.identity(variable)
        maxima = strategy.run(lambda: tf.reshape(tf.identity(variable), (1,)))
        return tf.reduce_max(strategy.gather(maxima, axis=0))


def distribute(
    strategy: tf.distribute.Strategy, make: Callable[[int], tf.data.Dataset]
) -> tf.data.Dataset:
    """Batches for each replica, read by the process in which the replica runs.

    Args:
        strategy: with its replicas.
        make: makes the batches of replica r. Batch k must have the same size for all replicas.
    """

    def of_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = context.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * local
        own = [make(replica) for replica in range(first, first + local)]
        if local == 1:
            return own[0]
        # TensorFlow hands successive batches to successive replicas
        return tf.data.Dataset.choose_from_datasets(own, tf.data.Dataset.range(local).repeat())

    return strategy.distribute_datasets_from_function(of_process)
