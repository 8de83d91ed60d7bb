"""The network of a configuration, compiled with loss, metrics, optimizer and precision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.nn.losses import NodeLoss
from diffkeras.nn.metrics import MaximumError, SourceCountError, UnweightedError
from diffkeras.surrogates.build import build_model
from diffkeras.training.optimizers import make_optimizer
from diffkeras.training.process_group import ProcessGroup


@dataclass(frozen=True)
class CompiledModel:
    """A network that is ready for training."""

    model: keras.Model  # with its optimizer built
    loss: NodeLoss
    counts: SourceCountError
    metrics: dict[str, keras.metrics.Metric]  # all, by name, the mean loss included

    @property
    def parameters(self) -> int:
        """Number of trainable weights."""
        return sum(int(np.prod(variable.shape)) for variable in self.model.trainable_variables)

    def metrics_so_far(self) -> dict[str, list]:
        """What each metric has accumulated so far, over all replicas."""
        return {
            name: [float(metric.result())]
            if isinstance(metric, MaximumError)
            else [keras.ops.convert_to_numpy(v).tolist() for v in metric.variables]
            for name, metric in self.metrics.items()
        }

    def restore_metrics(self, values: Mapping[str, list], replicas: int) -> None:
        """Give the metrics back what they had accumulated."""
        for name, metric in self.metrics.items():
            # TensorFlow divides what is assigned among the replicas, but a maximum is no sum
            factor = replicas if isinstance(metric, MaximumError) else 1
            for variable, value in zip(metric.variables, values[name], strict=True):
                variable.assign(keras.ops.multiply(value, factor))


def compile_model(config: Config, group: ProcessGroup, steps: int, at_once: int) -> CompiledModel:
    """The network with new weights, for a run of `steps` steps, `at_once` per call."""
    section, transform = config.training, config.model.transform
    policy = keras.config.dtype_policy()
    with group.strategy.scope():
        loss = section.get_loss()
        counts = SourceCountError(config.data.sources, transform)
        metrics = [UnweightedError(loss), *nn.default_metrics(transform), counts]
        keras.config.set_dtype_policy(section.precision)
        try:
            model = build_model(config)
        finally:
            keras.config.set_dtype_policy(policy)
        if group.processes > 1:
            model = ReplicatedModel(model.inputs, model.outputs, name=model.name)
            metrics = [
                MaximumOverProcesses(transform) if isinstance(metric, MaximumError) else metric
                for metric in metrics
            ]
        model.compile(
            optimizer=make_optimizer(config, steps),
            loss=loss,
            metrics=metrics,
            jit_compile=section.jit,
            steps_per_execution=at_once,
        )
        model.optimizer.build(model.trainable_variables)
    by_name = {metric.name: metric for metric in [model.metrics[0], *metrics]}
    return CompiledModel(model, loss, counts, by_name)


class ReplicatedModel(keras.Model):
    """A functional model that `fit` can train under MultiWorkerMirroredStrategy.

    Keras averages the logs of a step over the replicas along an axis that scalars do not have, so
    each log gets one. It builds metrics from the mean of all replicas' batches, which fails, so
    they are built from the batch of one replica (Keras issue 20585).
    """

    def train_step(self, data: Any) -> dict[str, Any]:
        """One step on one replica's share of a batch."""
        return {k: keras.ops.reshape(v, (1,)) for k, v in super().train_step(data).items()}

    def test_step(self, data: Any) -> dict[str, Any]:
        """One step of validation on one replica's share of a batch."""
        return {k: keras.ops.reshape(v, (1,)) for k, v in super().test_step(data).items()}

    # undocumented: Keras calls it before the first step
    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        if iterator is not None:
            data_batch = next(next(iter(iterator))[-1])
        local = self.distribute_strategy.experimental_local_results
        with self.distribute_strategy.scope():
            batch = keras.tree.map_structure(lambda v: local(v)[0], data_batch)
            self._symbolic_build(data_batch=batch)


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
