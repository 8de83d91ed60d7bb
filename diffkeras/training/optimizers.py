"""Optimizers and learning-rate schedules by configuration."""

import math
from typing import Any

import keras
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.nn import ConvolutionalMuon

# at the two ends a kernel is no map between features
ADAMW_LAYERS = ["encoder_conv_0", "field_conv"]


class Measured:
    """Mixin: measures, and limits, the norm of the gradient of all weights together.

    It does so after the replicas' gradients are added up. Keras' `global_clipnorm` would limit
    each replica's own before, so that the step would depend on how many replicas there are.
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

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        pairs = list(super()._all_reduce_sum_gradients(grads_and_vars))  # type: ignore[misc]
        gradients = [gradient for gradient, _ in pairs if gradient is not None]
        norm = tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in gradients])
        self.gradient_norm.assign(norm)
        if self.clip_norm is None:
            return pairs
        factor = self.clip_norm / tf.maximum(norm, self.clip_norm)
        return [
            (g if g is None else g * tf.cast(factor, g.dtype), variable) for g, variable in pairs
        ]


class MeasuredAdam(Measured, keras.optimizers.Adam):
    """Adam, with the gradient measured and limited, and each weight updated by one operation.

    Keras' own update passes over a weight and its moments once for each arithmetic operation.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update a weight and its moments."""
        index, dtype = self._get_variable_index(variable), variable.dtype
        beta_1, beta_2 = (tf.cast(beta, dtype) for beta in (self.beta_1, self.beta_2))
        step = tf.cast(self.iterations + 1, dtype)
        weight, first, second = (
            v.value if isinstance(v, keras.Variable) else v
            for v in (variable, self._momentums[index], self._velocities[index])
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
    """AdamW, with the gradient measured and limited."""


class MeasuredMuon(Measured, ConvolutionalMuon):
    """Muon for convolutions, with the gradient measured and limited."""


class SharedLossScale(keras.optimizers.LossScaleOptimizer):
    """Loss scaling for float16 in which all replicas skip a step if one of them overflows.

    As of Keras 3.15 each replica looks at its own gradients alone, before they are added up. The
    others would then apply infinite ones, or wait without end for the one that doesn't.
    """

    def check_finite(self, grads: Any) -> Any:
        """Whether all gradients of all replicas are finite."""
        finite = super().check_finite(grads)
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return finite
        overflows = tf.cast(tf.logical_not(finite), tf.float32)
        return replica.all_reduce(tf.distribute.ReduceOp.SUM, overflows) < 0.5


def make_optimizer(config: Config, steps: int) -> keras.optimizers.Optimizer:
    """The configuration's optimizer; the `innermost` has the last step's `gradient_norm`.

    Args:
        config: its section `training` says which.
        steps: of the whole training.
    """
    optimizer = _plain_optimizer(config, steps)
    half = config.training.precision == "mixed_float16"
    return SharedLossScale(optimizer) if half else optimizer


def _plain_optimizer(config: Config, steps: int) -> keras.optimizers.Optimizer:
    section = config.training
    options: dict[str, Any] = {
        "learning_rate": make_schedule(config, steps),
        "clip_norm": section.clip_norm,
    }
    if section.ema is not None:
        options |= {"use_ema": True, "ema_momentum": section.ema}
    if section.optimizer == "adam":
        return MeasuredAdam(**options)
    if section.optimizer == "adamw":
        return MeasuredAdamW(weight_decay=section.weight_decay, **options)
    return MeasuredMuon(
        weight_decay=section.weight_decay,
        adam_weight_decay=section.weight_decay,
        exclude_layers=ADAMW_LAYERS,
        **options,
    )


def make_schedule(
    config: Config, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate over the steps.

    After a linear rise it is constant, or η_end + (η − η_end)(1 + cos πt)/2 for t from 0 to 1.

    Args:
        config: its section `training` says which.
        steps: of the whole training.
    """
    section = config.training
    rate = largest_learning_rate(config)
    warmup = round(section.warmup * steps)
    constant = section.schedule == "constant"
    if constant and not warmup:
        return rate
    return keras.optimizers.schedules.CosineDecay(
        rate / (warmup + 1) if warmup else rate,  # from 0 the first step would do nothing
        max(1, steps - warmup),
        alpha=1.0 if constant else section.final_factor,
        warmup_target=rate if warmup else None,
        warmup_steps=warmup,
    )


def largest_learning_rate(config: Config) -> float:
    """The configured learning rate, scaled with the global batch where that is asked for."""
    section = config.training
    growth = section.batch_size / section.base_batch_size
    factor = {"none": 1.0, "linear": growth, "sqrt": math.sqrt(growth)}
    return section.learning_rate * factor[section.scale_learning_rate]


def innermost(optimizer: Any) -> Any:
    """The optimizer itself, without what scales the loss for it under float16."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def learning_rate(model: keras.Model) -> float:
    """The learning rate of a model's next step."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
