"""The classical methods of the scoreboard, for each problem the best that are known here."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods import EXACT, baselines
from diffkeras.evaluation.scoreboard.in_tensorflow import multigrid_methods, tensorflow_methods
from diffkeras.physics import (
    BatchSolution,
    MichaelisMenten,
    Refinement,
    production_of,
    refine,
    solve,
)
from diffkeras.physics.iterative_baselines import pyamg_field, transform_cg_field
from diffkeras.surrogates.surrogate import Surrogate

SOLVER = "solve, float64"
LOOSE, TIGHT, SINGLE, DOUBLE = 1e-2, 1e-3, 1e-6, 1e-10  # tolerances of `solve`
WARM = "warm"  # from the field of the same tissue with `LESS` times its uptake
LESS = 0.9
REFINED = (1e-2, 1e-3, 1e-6)
PROVEN = ("newton-cg",)  # methods of `solve` whose bounds include all rounding
ITERATED = (1e-2, 1e-3, 1e-6)  # relative residuals


class Computed(NamedTuple):
    """What a method computes for some images.

    Attributes:
        fields: (images, rows, columns), on the dataset's scale.
        bounds: (images,), proven bounds of their errors; None if nothing is proven.
        solved_directly: number of images that weren't refined, because solving them was quicker.
    """

    fields: NDArray
    bounds: NDArray | None = None
    solved_directly: int = 0


@dataclass(frozen=True)
class Contender:
    """A method of the scoreboard.

    Attributes:
        name: in tables and pictures.
        compute: takes some images.
        together: whether it computes a batch at once; otherwise image by image.
        surrogate: whose prediction it starts from; None for a classical method.
    """

    name: str
    compute: Callable[[ImageBatch], Computed]
    together: bool = False
    surrogate: str | None = None


def classical_methods(config: Config, workers: int | None = None) -> list[Contender]:
    """The classical methods for a problem.

    Args:
        config: of the test images.
        workers: processes among which `solve` shares out a batch; by default it takes none.
    """
    found = [
        Contender(SOLVER, _solve(DOUBLE, workers), together=bool(workers)),
        Contender("solve, float32", _solve(SINGLE, workers), together=bool(workers)),
    ]
    saturating = "uptake" in config.data.maps
    if config.data.tissue is not None:
        found += [
            Contender(f"solve to {t:g}", _solve(t, workers), bool(workers))
            for t in ((LOOSE, TIGHT) if saturating else (LOOSE,))
        ]
        untrained = multigrid_methods(config)
        found += [
            Contender(name, fields_of(rounds), together=True) for name, rounds in untrained.items()
        ]
        found += [
            Contender(f"{name}, refined to {t:g}", refined(untrained[name], t), together=True)
            for name in list(untrained)[1:-1]
            for t in (LOOSE, TIGHT)
        ]
    else:
        found += _in_tensorflow(config)
    if saturating:  # all other methods are for linear equations
        return found + [Contender(f"solve to {t:g}, {WARM}", _warm(t)) for t in (LOOSE, TIGHT)]
    found += [Contender(f"refine zeros to {t:g}", _refine(t)) for t in REFINED]
    found += [Contender(f"PyAMG, {t:g}", _each(_pyamg(t))) for t in ITERATED]
    if config.physics.sources == "fixed_value":
        found += [Contender(f"CG with transforms, {t:g}", _each(_cg(t))) for t in ITERATED]
    if config.data.tissue is None:
        chosen = [method for method in baselines(config) if method.label != EXACT]
        found += [Contender(method.label, _baseline(method)) for method in chosen]
    return found


def fields_of(surrogate: Surrogate) -> Callable[[ImageBatch], Computed]:
    """What the network of a surrogate computes, a batch at once."""

    def compute(batch: ImageBatch) -> Computed:
        size = len(batch.images)
        return Computed(surrogate.network_fields(batch.images, batch_size=size, **batch.told))

    return compute


def refined(surrogate: Surrogate, tolerance: float) -> Callable[[ImageBatch], Computed]:
    """Its fields, refined to a tolerance with a proof."""

    def compute(batch: ImageBatch) -> Computed:
        size = len(batch.images)
        found = surrogate.predict(batch.images, tolerance=tolerance, batch_size=size, **batch.told)
        bounds = found.node_bound.max(axis=(1, 2))
        return Computed(scaled(found.field, batch), scaled(bounds, batch), found.solved)

    return compute


def _solve(tolerance: float, workers: int | None) -> Callable[[ImageBatch], Computed]:
    def compute(batch: ImageBatch) -> Computed:
        found = [
            solve(**problem, tolerance=tolerance, workers=workers) for problem in _together(batch)
        ]
        each = [one for part in found for one in cast(BatchSolution, part).image_stats]
        proven = [one.residual for one in each if one.method in PROVEN]
        fields = scaled(np.concatenate([part.field for part in found]), batch)
        if len(proven) < len(each):
            return Computed(fields)
        return Computed(fields, np.array(proven) * abs(fields).max(axis=(1, 2)))

    return compute


def _warm(tolerance: float) -> Callable[[ImageBatch], Computed]:
    """`solve` as in a simulation, from a field that is near.

    The near field of an image is solved when the image is seen first, which is before any time is
    measured.
    """
    near: dict[bytes, NDArray] = {}

    def start(problem: dict[str, Any]) -> NDArray:
        uptake = problem["uptake"]
        key = hashlib.sha256(uptake.maximum.tobytes()).digest()
        if key not in near:
            less = MichaelisMenten(LESS * uptake.maximum, uptake.constant)
            near[key] = solve(**{**problem, "uptake": less}).field
        return near[key]

    def compute(batch: ImageBatch) -> Computed:
        found = [
            solve(**problem, tolerance=tolerance, initial=start(problem))
            for problem in batch.problems()
        ]
        bounds = np.array([one.error_bound for one in found])
        return Computed(np.stack([one.field for one in found]), bounds)

    return compute


def _together(batch: ImageBatch) -> Iterator[dict[str, Any]]:
    """The arguments of `solve`: all images at once if they share a uniform medium."""
    medium, *more = batch.surroundings[0]
    uniform = medium.is_uniform and more == [None, None]
    parts = [slice(None)] if uniform else [slice(k, k + 1) for k in range(len(batch.images))]
    for around, part in zip(batch.surroundings, parts, strict=False):
        yield around.problem(batch.images[part], batch.production)


def _in_tensorflow(config: Config) -> list[Contender]:
    medium, production = config.physics.medium, config.physics.sources == "production"

    def contender(name: str, graph: Any, dtype: tf.DType) -> Contender:
        def compute(batch: ImageBatch) -> Computed:
            given = production_of(batch.images, medium) if production else batch.images
            return Computed(scaled(graph(tf.constant(given, dtype)).numpy(), batch))

        return Contender(name, compute, together=True)

    return [contender(name, *method) for name, method in tensorflow_methods(config).items()]


def _refine(tolerance: float) -> Callable[[ImageBatch], Computed]:
    def compute(batch: ImageBatch) -> Computed:
        zeros = np.zeros(batch.images.shape[1:])
        found = [refine(zeros, **problem, tolerance=tolerance) for problem in batch.problems()]
        return _of_refinements(found, batch)

    return compute


def _of_refinements(found: Sequence[Refinement], batch: ImageBatch) -> Computed:
    fields = np.stack([one.field for one in found])
    bounds = np.array([one.error_bound for one in found])
    direct = sum(one.method == "direct" for one in found)
    return Computed(scaled(fields, batch), scaled(bounds, batch), direct)


def _each(field: Callable[..., NDArray]) -> Callable[[ImageBatch], Computed]:
    def compute(batch: ImageBatch) -> Computed:
        fields = [field(**problem) for problem in batch.problems()]
        return Computed(scaled(np.stack(fields), batch))

    return compute


def _pyamg(tolerance: float) -> Callable[..., NDArray]:
    return lambda source_image=None, **given: pyamg_field(source_image, tolerance, **given)


def _cg(tolerance: float) -> Callable[..., NDArray]:
    return lambda source_image, medium: transform_cg_field(source_image, tolerance, medium=medium)


def _baseline(method: Any) -> Callable[[ImageBatch], Computed]:
    return lambda batch: Computed(method.predict(batch))


def scaled(values: NDArray, batch: ImageBatch) -> NDArray:
    """Fields or bounds, (images, …), on the dataset's scale."""
    if batch.maxima is None:
        return values
    return values / batch.maxima.reshape(-1, *[1] * (values.ndim - 1))
