"""Classical methods in TensorFlow, which compute a batch at once on any device."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.surrogates.build import build_model, make_operator
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.tf_solver import TensorSolver

ROUNDS = (4, 8, 12)  # of plain conjugate gradients
CYCLES = (3, 4, 5, 6)  # of conjugate gradients with multigrid
STEPS = (4, 5, 6, 7)  # of Newton's method with multigrid
TINY = 1e-30  # replaces a denominator of 0 at convergence


def tensorflow_solvers(config: Config) -> dict[str, Callable[[NDArray], NDArray]]:
    """Methods of uniform media, by name: from source images to fields, (batch, rows, columns)."""
    found = {}
    for precision in ("float32", "float64"):
        solver = TensorSolver(config.physics.lattice, config.physics.medium, precision)
        found[f"TensorSolver, {precision}"] = _compiled(config, _solver(config, solver), precision)
    if config.physics.sources == "fixed_value":
        for rounds in ROUNDS:
            graph = _compiled(config, _ring_rounds(config, rounds), "float32")
            found[f"plain CG, {rounds} rounds"] = graph
    return found


def untrained_rounds(config: Config) -> dict[str, Surrogate]:
    """Methods of media that vary, by name: rounds of conjugate gradients with a multigrid cycle.

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


def _compiled(
    config: Config, fields: Callable[[tf.Tensor], tf.Tensor], precision: str
) -> Callable[[NDArray], NDArray]:
    spec = tf.TensorSpec((None, *config.physics.lattice), tf.as_dtype(precision))
    graph = tf.function(fields, [spec], autograph=False)
    return lambda images: graph(tf.constant(images, precision)).numpy()


def _solver(config: Config, solver: TensorSolver) -> Callable[[tf.Tensor], tf.Tensor]:
    if config.physics.sources == "fixed_value":
        return lambda images: solver.solve(images).field
    decay = float(config.physics.medium.decay)
    return lambda images: solver.solve(production=decay * images).field


def _ring_rounds(config: Config, rounds: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Rounds of conjugate gradients on the ring system G q = c, from q = 0, without preconditioner.

    They are what the corrections of a network are without learning. Each is one transform pair.
    """
    operator: Any = make_operator(config)

    def fields(images: tf.Tensor) -> tf.Tensor:
        fixed = tf.not_equal(images, 0.0)
        ring = operator.ring(tf.cast(fixed, tf.float32))
        decay = operator.decay_of(images[..., None])
        field, residual = tf.zeros_like(images), ring * images
        direction, energy = residual, _product(residual, residual)
        for _ in range(rounds):
            step_field = operator.inverse(direction, decay)
            step = energy / tf.maximum(_product(direction, step_field), TINY)
            field += step * step_field
            residual -= step * ring * step_field
            energy, last = _product(residual, residual), energy
            direction = residual + energy / tf.maximum(last, TINY) * direction
        return tf.where(fixed, images, field)

    return fields


def _product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(a * b, axis=(1, 2), keepdims=True)
