"""The methods without learning, for each problem the best known here."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods.table import (
    DOUBLE,
    EXACT,
    ComputedFields,
    Method,
    baselines,
    image_by_image,
    network_fields,
    solved,
)
from diffkeras.nn.equation.corrections import TINY, inner_product
from diffkeras.nn.equation.transforms import inverse, ring_of
from diffkeras.physics import Problem, Sources, maps_of, solve, with_parts
from diffkeras.surrogates.build import build_model, make_operator
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.tf_solver import TensorSolver
from diffkeras_benchmark.learned import TOLERANCES, predicted
from diffkeras_benchmark.pyamg_solver import pyamg_field

SINGLE = 1e-6  # tolerance of the solver for fields in single precision
ITERATED = (1e-2, 1e-3, 1e-6)  # relative residuals at which iterations without a proof stop
WARM = "warm"  # starts from the field of the same tissue with `LESS` times its uptake
LESS = 0.9
ROUNDS = (4, 8, 12)  # numbers of rounds of conjugate gradients on the ring, unpreconditioned
CYCLES = (3, 4, 5, 6)  # numbers of rounds of conjugate gradients with multigrid
STEPS = (4, 5, 6, 7)  # numbers of steps of Newton's method with multigrid

Compute = Callable[[ImageBatch], ComputedFields]


def classical_methods(config: Config, processes: int | None = None) -> list[Method]:
    """All methods of a problem.

    Args:
        config: of the test images.
        processes: among which `solve` shares out a batch; by default one.
    """
    varying = config.kind.varies
    solvers = {EXACT: solved(DOUBLE, processes, proven=varying)}
    if varying:
        for tolerance in (SINGLE, *reversed(TOLERANCES)):
            solvers[f"solve to {tolerance:g}"] = solved(tolerance, processes, proven=True)
    else:
        solvers[f"{EXACT}, certified"] = solved(DOUBLE, processes, proven=True)
        solvers[f"solve to {SINGLE:g}"] = solved(SINGLE, processes)
    saturating = "uptake" in config.kind.maps
    alone = {f"solve to {t:g}, {WARM}": _warm(t) for t in TOLERANCES if saturating}
    if not saturating:  # PyAMG is for linear equations
        alone |= {f"PyAMG, {t:g}": image_by_image(_pyamg(t)) for t in ITERATED}
    in_batches = _of_varying_media(config) if varying else _of_uniform_media(config)
    return [
        *(Method(name, each, takes_batches=bool(processes)) for name, each in solvers.items()),
        *(Method(name, each, takes_batches=True) for name, each in in_batches.items()),
        *(Method(name, compute) for name, compute in alone.items()),
        *(m for m in baselines(config) if m.name != EXACT and not varying),
    ]


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
    saturating = "uptake" in config.kind.maps
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
        values = maps_of(batch.problem, (name,))[name] if name == "production" else batch.images
        return ComputedFields(batch.scaled(fields(tf.constant(values, precision)).numpy()))

    return compute


def _ring_rounds(config: Config, rounds: int) -> Compute:
    """Rounds of conjugate gradients on the ring system G q = c, from q = 0, without preconditioner.

    Each is one transform pair. Written out, as the layers of an untrained network, which compute
    the same, take two to three times as long: the bar for surrogates is the lowest time.
    """
    operator: Any = make_operator(config)

    @tf.function(autograph=False)
    def fields(images: tf.Tensor) -> tf.Tensor:
        fixed = tf.not_equal(images, 0.0)
        ring = ring_of(tf.cast(fixed, tf.float32), operator.boundaries)
        solution, residual = tf.zeros_like(images), ring * images
        direction, energy = residual, inner_product(residual, residual)
        for _ in range(rounds):
            step_field = inverse(direction, operator.decay, operator.boundaries)
            step = energy / tf.maximum(inner_product(direction, step_field), TINY)
            solution += step * step_field
            residual -= step * ring * step_field
            energy, last = inner_product(residual, residual), energy
            direction = residual + energy / tf.maximum(last, TINY) * direction
        return tf.where(fixed, images, solution)

    return lambda batch: ComputedFields(batch.scaled(fields(tf.constant(batch.images)).numpy()))


def _pyamg(tolerance: float) -> Callable[[Sources, Problem], NDArray]:
    return lambda _, problem: pyamg_field(problem, tolerance)


def _warm(tolerance: float) -> Compute:
    """`solve` as in a simulation, from a field that is near.

    The near field of an image is solved when the image is first seen, which is before any time is
    measured.
    """
    near: dict[bytes, NDArray] = {}

    def start(problem: Problem) -> NDArray:
        uptake: Any = problem.uptake
        key = uptake.maximum.tobytes()
        if key not in near:
            less = with_parts(problem, {"uptake.maximum": LESS * uptake.maximum})
            near[key] = solve(less).field
        return near[key]

    def compute(batch: ImageBatch) -> ComputedFields:
        solutions = [
            solve(problem, tolerance=tolerance, initial=start(problem))
            for problem in batch.problem.images
        ]
        bounds = np.array([one.error_bound for one in solutions])
        return ComputedFields(np.stack([one.field for one in solutions]), bounds)

    return compute
