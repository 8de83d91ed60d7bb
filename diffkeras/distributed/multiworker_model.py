"""A network whose copies train together: what Keras lacks for several processes."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from diffkeras.nn.metrics import MaximumError


class ReplicatedModel(keras.Model):
    """A functional model that `fit` trains under MultiWorkerMirroredStrategy as well.

    Keras fails there in two places (Keras issue 20585): it traces the metrics with a batch of all
    replicas at once, and averages the logs of a step over an axis that scalars don't have.
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        if iterator is not None:
            data_batch = next(next(iter(iterator))[-1])
        local = self.distribute_strategy.experimental_local_results
        with self.distribute_strategy.scope():
            self._symbolic_build(
                data_batch=keras.tree.map_structure(lambda v: local(v)[0], data_batch)
            )

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step on one replica's share of a batch."""
        return _with_axis(super().train_step(data))

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of validation on one replica's share of a batch."""
        return _with_axis(super().test_step(data))


def _with_axis(logs: dict[str, Any]) -> dict[str, Any]:
    return {name: keras.ops.reshape(value, (1,)) for name, value in logs.items()}


class MaximumOverWorkers(MaximumError):
    """The largest error on all replicas of all workers, which TensorFlow can't reduce by itself."""

    def result(self) -> Any:
        """Largest error so far; on a replica, its own."""
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
    """Batches for each replica, each read by the process that the replica runs in.

    Args:
        strategy: with its replicas.
        make: the batches of replica r. All replicas' must have the same sizes, one after another.
    """

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        local = context.num_replicas_in_sync // context.num_input_pipelines
        first = context.input_pipeline_id * local
        own = [make(replica) for replica in range(first, first + local)]
        if local == 1:
            return own[0]
        # TensorFlow hands successive batches to successive replicas
        return tf.data.Dataset.choose_from_datasets(own, tf.data.Dataset.range(local).repeat())

    return strategy.distribute_datasets_from_function(of_worker)
