"""Classical methods in TensorFlow, which compute a batch at once on any device."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.surrogates.build import build_model, make_operator
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.tf_solver import TensorSolver

ROUNDS = (4, 8, 12)  # of plain conjugate gradients
CYCLES = (3, 4, 5, 6)  # of conjugate gradients with multigrid
STEPS = (4, 5, 6, 7)  # of Newton's method with multigrid
TINY = 1e-30  # instead of a product of 0, where nothing is left to correct

Graph = Callable[[tf.Tensor], tf.Tensor]


def tensorflow_methods(config: Config) -> Mapping[str, tuple[Graph, tf.DType]]:
    """Methods of uniform media: name → the graph of fields, and the type of its numbers.

    The graph takes and returns (batch, rows, columns). The input is the source image, or, where
    sources produce, the production.
    """
    found = {f"TensorSolver, {p}": _solver(config, p) for p in ("float32", "float64")}
    if config.physics.sources == "fixed_value":
        found |= {f"plain CG, {k} rounds": (_ring_rounds(config, k), tf.float32) for k in ROUNDS}
    return {name: (_compiled(config, *method), method[1]) for name, method in found.items()}


def multigrid_methods(config: Config) -> Mapping[str, Surrogate]:
    """Methods of media that vary: rounds of conjugate gradients with a multigrid cycle.

    They are surrogates of corrections alone, before any training. Where uptake saturates, rounds
    are inexact Newton steps.
    """
    found = {}
    saturating = "uptake" in config.data.maps
    method, numbers = ("Newton with multigrid", STEPS) if saturating else ("multigrid CG", CYCLES)
    for rounds in numbers:
        own = {"architecture": "unrolled_cg", "corrections": rounds, "transform": "linear"}
        untrained = config.with_overrides({f"model.{key}": value for key, value in own.items()})
        found[f"{method}, {rounds} rounds"] = Surrogate(build_model(untrained), untrained)
    return found


def _compiled(config: Config, fields: Graph, dtype: tf.DType) -> Graph:
    spec = tf.TensorSpec((None, *config.physics.lattice), dtype)
    return tf.function(fields, [spec], autograph=False)


def _solver(config: Config, precision: Any) -> tuple[Graph, tf.DType]:
    solver = TensorSolver(config.physics.lattice, config.physics.medium, precision)
    solver_type = tf.as_dtype(precision)
    if config.physics.sources == "production":
        return lambda production: solver.solve(production=production).field, solver_type
    return lambda images: solver.solve(images).field, solver_type


def _ring_rounds(config: Config, rounds: int) -> Graph:
    """Rounds of conjugate gradients on the ring system G q = c, from q = 0, without preconditioner.

    They are what the corrections of a network are without learning. Each is one transform pair.
    """
    operator = make_operator(config)

    def fields(images: tf.Tensor) -> tf.Tensor:
        fixed = tf.not_equal(images, 0.0)
        ring, decay = (
            operator.ring(tf.cast(fixed, tf.float32)),
            operator.decay_of(images[..., None]),
        )
        field, residual = tf.zeros_like(images), ring * images
        direction, energy = residual, _product(residual, residual)
        for _ in range(rounds):
            step_field = operator.inverse(direction, decay)
            curvature = _product(direction, step_field)
            step = energy / tf.maximum(curvature, TINY)
            field += step * step_field
            residual -= step * ring * step_field
            energy, last = _product(residual, residual), energy
            direction = residual + energy / tf.maximum(last, TINY) * direction
        return tf.where(fixed, images, field)

    return fields


def _product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b, axis=(1, 2), keepdims=True)
