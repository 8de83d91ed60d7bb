"""Optimizers and learning-rate schedules by configuration, and moving averages of weights."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.nn.muon import ConvolutionalMuon

# Muon is for maps between features, and these layers map from and to the lattice; the last two are
# names for architectures of one's own. "field_conv" is also part of the name "plain_field_conv".
ADAMW_LAYERS = ["encoder_conv_0", "plain_conv_0", "field_conv", r"\bpatches/", r"\bfield/"]


class Measured:
    """Mixin for an optimizer: measures the norm of the gradient of all weights, and limits it.

    Keras' `global_clipnorm` limits the gradient of each replica, so that the step would depend on
    the number of replicas. The variable `gradient_norm` has the norm before it was limited.
    """

    def __init__(self, *, clip_norm: float | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.clip_norm = clip_norm
        self.gradient_norm = tf.Variable(
            0.0,
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            name="gradient_norm",
        )

    # undocumented: Keras calls it under TensorFlow, with the gradients of each replica
    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        pairs = list(super()._all_reduce_sum_gradients(grads_and_vars))  # type: ignore[misc]
        norm = tf.linalg.global_norm([tf.cast(g, tf.float32) for g, _ in pairs if g is not None])
        self.gradient_norm.assign(norm)
        if self.clip_norm is None:
            return pairs
        factor = self.clip_norm / tf.maximum(norm, self.clip_norm)
        return [(g if g is None else g * tf.cast(factor, g.dtype), v) for g, v in pairs]


class MeasuredAdam(Measured, keras.optimizers.Adam):
    """Adam with a measured gradient, which updates each weight by a single operation.

    Keras' Adam passes over a weight and its moments once per arithmetic operation. For the paper's
    50 million weights that takes 0.1 s longer per step on two cores.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a weight and its moments."""
        dtype = variable.dtype
        beta_1, beta_2 = (tf.cast(beta, dtype) for beta in (self.beta_1, self.beta_2))
        step = tf.cast(self.iterations + 1, dtype)
        index = self._get_variable_index(variable)
        moments = self._momentums[index], self._velocities[index]
        weight, first, second = (
            v.value if isinstance(v, keras.Variable) else v for v in (variable, *moments)
        )
        tf.raw_ops.ResourceApplyAdam(
            var=weight.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, dtype),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


class MeasuredAdamW(Measured, keras.optimizers.AdamW):
    """AdamW with a measured gradient."""


class MeasuredMuon(Measured, ConvolutionalMuon):
    """Muon for convolutions with a measured gradient."""


def make_optimizer(config: Config, steps: int) -> keras.optimizers.Optimizer:
    """The optimizer for a run of `steps` steps."""
    section = config.training
    options: dict[str, Any] = {
        "learning_rate": make_schedule(config, steps),
        "clip_norm": section.clip_norm,
    }
    if section.ema is not None:
        options |= {"use_ema": True, "ema_momentum": section.ema}
    if section.optimizer != "adam":
        options["weight_decay"] = section.weight_decay
    if section.optimizer == "muon":
        options |= {"adam_weight_decay": section.weight_decay, "exclude_layers": ADAMW_LAYERS}
    kinds = {"adam": MeasuredAdam, "adamw": MeasuredAdamW, "muon": MeasuredMuon}
    return kinds[section.optimizer](**options)


def make_schedule(
    config: Config, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate over a run of `steps` steps.

    After a linear rise it is constant, or η_end + (η − η_end)(1 + cos πt)/2 for t from 0 to 1.
    """
    section = config.training
    growth = section.batch_size / section.base_batch_size
    factors = {"none": 1.0, "linear": growth, "sqrt": math.sqrt(growth)}
    rate = section.learning_rate * factors[section.scale_learning_rate]
    warmup = round(section.warmup * steps)
    constant = section.schedule == "constant"
    if constant and not warmup:
        return rate
    return keras.optimizers.schedules.CosineDecay(
        rate / (warmup + 1) if warmup else rate,  # at rate 0 the first step would do nothing
        max(1, steps - warmup),
        alpha=1.0 if constant else section.final_factor,
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )


def learning_rate(model: keras.Model) -> float:
    """The learning rate of the next step."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))


@contextmanager
def averaged_weights(model: keras.Model) -> Iterator[None]:
    """Set the weights to their moving average, if the optimizer keeps one, and back afterwards.

    `keras.callbacks.SwapEMAWeights` adds and subtracts the two instead, which changes the last
    digits of the weights.
    """
    optimizer, pairs = model.optimizer, []
    if optimizer.use_ema:  # undocumented: the lists of Keras' optimizer
        averages = optimizer._model_variables_moving_average
        pairs = list(zip(optimizer._trainable_variables, averages, strict=True))
    weights = [keras.ops.convert_to_numpy(variable) for variable, _ in pairs]
    for variable, average in pairs:
        variable.assign(average)
    try:
        yield
    finally:
        for (variable, _), value in zip(pairs, weights, strict=True):
            variable.assign(value)
