"""Model and metric of a network that several processes train."""

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
