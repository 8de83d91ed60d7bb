"""The methods without learning, for each problem the best known here."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras import Problem, Sources, solve, with_parts
from diffkeras.config import Config
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods import (
    EXACT,
    ComputedFields,
    Method,
    baselines,
    image_by_image,
    solved,
)
from diffkeras_benchmark.learned import TOLERANCES
from diffkeras_benchmark.pyamg_solver import pyamg_field

DOUBLE = 1e-10  # tolerance of the exact solver
SINGLE = 1e-6  # tolerance of the solver for fields in single precision
ITERATED = (1e-2, 1e-3, 1e-6)  # relative residuals at which iterations without a proof stop
WARM = "warm"  # starts from the field of the same tissue with `LESS` times its uptake
LESS = 0.9

Compute = Callable[[ImageBatch], ComputedFields]


def has_tensorflow() -> bool:
    """Whether methods in TensorFlow can take part."""
    return find_spec("tensorflow") is not None and find_spec("keras") is not None


def classical_methods(config: Config, processes: int | None = None) -> list[Method]:
    """All methods of a problem; `solve` shares out a batch among processes."""
    varying = bool(config.data.maps)
    solvers = {EXACT: solved(DOUBLE, processes, proven=varying)}
    if varying:
        for tolerance in (SINGLE, *reversed(TOLERANCES)):
            solvers[f"solve to {tolerance:g}"] = solved(tolerance, processes, proven=True)
    else:
        solvers[f"{EXACT}, certified"] = solved(DOUBLE, processes, proven=True)
        solvers[f"solve to {SINGLE:g}"] = solved(SINGLE, processes)
    saturating = "uptake" in config.view.maps
    alone = {f"solve to {t:g}, {WARM}": _warm(t) for t in TOLERANCES if saturating}
    if not saturating:  # PyAMG is for linear equations
        alone |= {f"PyAMG, {t:g}": image_by_image(_pyamg(t)) for t in ITERATED}
    in_batches: dict[str, Compute] = {}
    if has_tensorflow():
        from diffkeras_benchmark import tensorflow_methods

        in_batches = tensorflow_methods.methods_of(config)
    return [
        *(Method(name, each, takes_batches=bool(processes)) for name, each in solvers.items()),
        *(Method(name, each, takes_batches=True) for name, each in in_batches.items()),
        *(Method(name, compute) for name, compute in alone.items()),
        *(m for m in baselines(config) if m.name != EXACT and not varying),
    ]


def _pyamg(tolerance: float) -> Callable[[Sources, Problem], NDArray]:
    return lambda _, problem: pyamg_field(problem, tolerance)


def _warm(tolerance: float) -> Compute:
    """`solve` from a field that is near, and solved when an image is first seen, untimed."""
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
            for problem in batch.problems
        ]
        bounds = np.array([one.error_bound for one in solutions])
        return ComputedFields(np.stack([one.field for one in solutions]), bounds)

    return compute
