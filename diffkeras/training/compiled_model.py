"""The network of a configuration, compiled: loss, metrics, optimizer and precision."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np

from diffkeras import nn
from diffkeras.config import Config
from diffkeras.distributed.multiworker_model import MaximumOverWorkers, ReplicatedModel
from diffkeras.distributed.process_group import Workers
from diffkeras.errors import ConfigurationError
from diffkeras.nn.losses import WeightedError
from diffkeras.nn.metrics import MaximumError, SourceCountError, UnweightedError
from diffkeras.surrogates.build import build_model
from diffkeras.training.optimizers import make_optimizer


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


def compile_model(config: Config, workers: Workers, steps: int) -> CompiledModel:
    """The network of a configuration with new weights, compiled for a number of steps in all."""
    section = config.training
    transform = config.model.transform
    with workers.strategy.scope():
        loss = make_loss(config)
        terms = UnweightedError(loss)
        counts = SourceCountError(config.data.sources, transform)
        metrics = [terms, *nn.default_metrics(transform), counts]
        with layers_in(section.precision):
            model = build_model(config)
            if workers.count > 1:
                model = ReplicatedModel(model.inputs, model.outputs, name=model.name)
        if workers.count > 1:
            metrics = [
                MaximumOverWorkers(transform) if isinstance(metric, MaximumError) else metric
                for metric in metrics
            ]
        model.compile(
            optimizer=make_optimizer(config, steps),
            loss=loss,
            metrics=metrics,
            jit_compile=section.jit,
            steps_per_execution=section.steps_per_execution,
        )
        model.optimizer.build(model.trainable_variables)
    accumulators = {metric.name: metric for metric in [model.metrics[0], *metrics]}
    return CompiledModel(model, loss, terms, counts, accumulators)


@contextmanager
def layers_in(precision: str) -> Iterator[None]:
    """Have layers that are made within it compute in a precision."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def make_loss(config: Config) -> WeightedError:
    """The configuration's loss.

    Raises:
        ConfigurationError: an unknown error or weight, or a parameter out of its range.
    """
    try:
        return nn.get_loss(config.training.loss)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"training.loss: {error}") from None
