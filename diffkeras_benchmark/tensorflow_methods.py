"""The methods without learning in TensorFlow, which compute a batch at once on any device."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from diffkeras.config import Config
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods import ComputedFields, network_fields
from diffkeras.graph import TensorSolver
from diffkeras.nn.equation.transforms import inverse, ring_of
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras_benchmark.learned import TOLERANCES, predicted

ROUNDS = (4, 8, 12)  # numbers of rounds of conjugate gradients on the ring, unpreconditioned
CYCLES = (3, 4, 5, 6)  # numbers of rounds of conjugate gradients with multigrid
STEPS = (4, 5, 6, 7)  # numbers of steps of Newton's method with multigrid
TINY = 1e-30  # makes 0/0 a 0, where the residual is 0

Compute = Callable[[ImageBatch], ComputedFields]


def methods_of(config: Config) -> dict[str, Compute]:
    """The methods of a problem, by name."""
    return _of_varying_media(config) if config.data.maps else _of_uniform_media(config)


def _of_uniform_media(config: Config) -> dict[str, Compute]:
    """Methods in TensorFlow, which compute a batch at once on any device."""
    if not config.physics.medium.has_equal_sides:
        return {}
    methods: dict[str, Compute] = {
        f"TensorSolver, {precision}": _tensor_solver(config, precision)
        for precision in ("float32", "float64")
    }
    if not config.physics.produces:
        methods |= {f"plain CG, {n} rounds": _ring_rounds(config, n) for n in ROUNDS}
    return methods


def _untrained(config: Config, rounds: int) -> Surrogate:
    """Rounds of conjugate gradients: a surrogate of corrections alone, before any training."""
    own = {"architecture": "unrolled_cg", "corrections": rounds, "transform": "linear"}
    untrained = config.with_overrides({f"model.{key}": value for key, value in own.items()})
    return Surrogate(build_model(untrained), untrained)


def _of_varying_media(config: Config) -> dict[str, Compute]:
    """Methods in TensorFlow: rounds of conjugate gradients with a multigrid cycle.

    Where uptake saturates, rounds are inexact Newton steps.
    """
    methods: dict[str, Compute] = {}
    saturating = "uptake" in config.view.maps
    method, numbers = ("Newton with multigrid", STEPS) if saturating else ("multigrid CG", CYCLES)
    for rounds in numbers:
        surrogate, name = _untrained(config, rounds), f"{method}, {rounds} rounds"
        methods[name] = network_fields(surrogate)
        if rounds in numbers[1:-1]:
            methods |= {f"{name} to {t:g}": predicted(surrogate, t) for t in TOLERANCES}
    return methods


def _tensor_solver(config: Config, precision: Any) -> Compute:
    """The solver in a graph."""
    solver = TensorSolver(config.physics.lattice, config.physics.medium, precision)
    name = "production" if config.physics.produces else "source_images"

    @tf.function(autograph=False)
    def fields(values: tf.Tensor) -> tf.Tensor:
        return solver.solve(**{name: values}).field

    def compute(batch: ImageBatch) -> ComputedFields:
        values = batch.images
        if name == "production":
            values = batch.maps([name])[name]
        return ComputedFields(batch.scaled(fields(tf.constant(values, precision)).numpy()))

    return compute


def _ring_rounds(config: Config, rounds: int) -> Compute:
    """Rounds of conjugate gradients on the ring system G q = c, from q = 0, without preconditioner.

    Each is one transform pair. Written out, as the layers of an untrained network, which compute
    the same, take two to three times as long: the bar for surrogates is the lowest time.
    """
    medium: Any = config.physics.medium
    decay, sides = medium.decay * medium.step**2 / medium.diffusivities[0], medium.side_kinds

    @tf.function(autograph=False)
    def fields(images: tf.Tensor) -> tf.Tensor:
        fixed = tf.not_equal(images, 0.0)
        ring = ring_of(tf.cast(fixed, tf.float32), sides)
        solution, residual = tf.zeros_like(images), ring * images
        direction, energy = residual, inner_product(residual, residual)
        for _ in range(rounds):
            step_field = inverse(direction, decay, sides)
            step = energy / tf.maximum(inner_product(direction, step_field), TINY)
            solution += step * step_field
            residual -= step * ring * step_field
            energy, last = inner_product(residual, residual), energy
            direction = residual + energy / tf.maximum(last, TINY) * direction
        return tf.where(fixed, images, solution)

    return lambda batch: ComputedFields(batch.scaled(fields(tf.constant(batch.images)).numpy()))


def inner_product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """⟨a, b⟩ of each image, (batch, 1, 1)."""
    return tf.reduce_sum(a * b, axis=(1, 2), keepdims=True)
