"""The network of a configuration, compiled: strategy, loss, metrics and optimizer."""

from dataclasses import dataclass
from functools import lru_cache

import keras
import numpy as np
import tensorflow as tf

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.errors import ConfigurationError
from diffkeras.nn.losses import WeightedError
from diffkeras.nn.metrics import SourceCountError, UnweightedError
from diffkeras.workflows.optimizers import make_optimizer
from diffkeras.workflows.surrogate import build_model


@dataclass(frozen=True)
class CompiledModel:
    """A network that is ready to be fitted.

    Attributes:
        model: with its optimizer built.
        loss: compiled into it.
        terms: the metric that sees the loss's terms.
        counts: the metric that tells source counts apart.
        accumulators: every metric by its name, the mean loss among them.
    """

    model: keras.Model
    loss: WeightedError
    terms: UnweightedError
    counts: SourceCountError
    accumulators: dict[str, keras.metrics.Metric]

    @property
    def parameters(self) -> int:
        """Number of trainable weights."""
        return sum(int(np.prod(variable.shape)) for variable in self.model.trainable_variables)


def compile_model(config: Config, strategy: tf.distribute.Strategy, steps: int) -> CompiledModel:
    """The network of a configuration with new weights, compiled for a number of steps in all."""
    with strategy.scope():
        loss = make_loss(config)
        terms = UnweightedError(loss)
        counts = SourceCountError(config.data.sources, config.model.transform)
        metrics = [terms, *nn.default_metrics(config.model.transform), counts]
        model = build_model(config)
        model.compile(optimizer=make_optimizer(config, steps), loss=loss, metrics=metrics)
        model.optimizer.build(model.trainable_variables)
    accumulators = {metric.name: metric for metric in [model.metrics[0], *metrics]}
    return CompiledModel(model, loss, terms, counts, accumulators)


@lru_cache(maxsize=1)
def make_strategy() -> tf.distribute.Strategy:
    """MirroredStrategy over all visible GPUs (or logical CPUs), or the default one.

    One object a process: a second MirroredStrategy on the same devices fails in its first
    collective (TensorFlow issue 62790), which a study of several runs would meet.
    """
    for kind in ("GPU", "CPU"):
        devices = tf.config.list_logical_devices(kind)
        if len(devices) > 1:
            return tf.distribute.MirroredStrategy([device.name for device in devices])
        if devices:
            break
    return tf.distribute.get_strategy()


def make_loss(config: Config) -> WeightedError:
    """The configuration's loss.

    Raises:
        ConfigurationError: an unknown error or weight, or a parameter out of its range.
    """
    try:
        return nn.get_loss(config.training.loss)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"training.loss: {error}") from None
