"""The methods that `diffkeras evaluate` and `diffkeras benchmark` compare: one table for both."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Baseline, Config
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.pyamg_solver import pyamg_field
from diffkeras.evaluation.tensorflow_methods import tensorflow_solvers, untrained_rounds
from diffkeras.physics import (
    BatchSolution,
    MichaelisMenten,
    Sources,
    effective_strengths,
    solve,
    superpose,
)
from diffkeras.surrogates.surrogate import Surrogate

SURROGATE = "surrogate"
SOURCES_SET = "surrogate, sources set"
EXACT = "exact solver"
DOUBLE = 1e-10  # tolerance of the exact solver
TOLERANCES = (1e-2, 1e-3)  # to which surrogates and solvers prove their fields
PROVEN = ("newton-cg",)  # methods of `solve` whose bounds include all rounding
ITERATED = (1e-2, 1e-3, 1e-6)  # relative residuals at which iterations without a proof stop
WARM = "warm"  # from the field of the same tissue with `LESS` times its uptake
LESS = 0.9


class Computed(NamedTuple):
    """What a method computes for some images.

    Attributes:
        fields: (images, rows, columns), on the dataset's scale.
        bounds: (images,), proven bounds of their errors; None if nothing is proven.
    """

    fields: NDArray
    bounds: NDArray | None = None


@dataclass(frozen=True)
class Method:
    """A method that computes fields.

    Attributes:
        name: in tables and figures.
        compute: takes some images.
        description: its field, in words.
        together: whether it computes a batch at once; otherwise image by image.
        surrogate: name of the surrogate that it starts from; None for a classical method.
        timed: whether the time of `compute` is that of a prediction.
    """

    name: str
    compute: Callable[[ImageBatch], Computed]
    description: str = ""
    together: bool = False
    surrogate: str | None = None
    timed: bool = True


def image_by_image(
    field: Callable[[Sources, dict[str, Any]], NDArray],
) -> Callable[[ImageBatch], Computed]:
    """The `compute` of a function from an image's discs and the arguments of `solve` to a field."""

    def compute(batch: ImageBatch) -> Computed:
        images = zip(batch.sources, batch.problems(), strict=True)
        return Computed(batch.scaled(np.stack([field(*image) for image in images])))

    return compute


def _solved(tolerance: float, workers: int | None = None) -> Callable[[ImageBatch], Computed]:
    """`solve` to a tolerance, in some processes."""

    def compute(batch: ImageBatch) -> Computed:
        found = [
            solve(**problem, tolerance=tolerance, workers=workers) for problem in _together(batch)
        ]
        each = [one for part in found for one in cast(BatchSolution, part).image_stats]
        proven = [one.residual for one in each if one.method in PROVEN]
        fields = batch.scaled(np.concatenate([part.field for part in found]))
        if len(proven) < len(each):
            return Computed(fields)
        return Computed(fields, np.array(proven) * abs(fields).max(axis=(1, 2)))

    return compute


def _together(batch: ImageBatch) -> Iterator[dict[str, Any]]:
    """The arguments of `solve`: all images at once if they share a uniform medium."""
    medium, *more = batch.surroundings[0]
    uniform = medium.is_uniform and more == [None, None] and batch.lengths is None
    parts = [slice(None)] if uniform else [slice(k, k + 1) for k in range(len(batch))]
    for around, part in zip(batch.surroundings, parts, strict=False):
        yield around.problem(batch.images[part], batch.production)


def _in_mean_medium(_: Sources, problem: dict[str, Any]) -> NDArray:
    medium = problem["medium"]
    diffusivity = math.exp(float(np.mean(np.log(medium.diffusivities[0]))))
    mean = replace(medium, diffusivity=diffusivity, decay=float(np.mean(medium.decay)))
    return solve(**{**problem, "medium": mean}).field


def _superposed(sources: Sources, problem: dict[str, Any]) -> NDArray:
    return superpose(sources, problem["source_image"].shape, medium=problem["medium"])


def _strengths(numbers: int, pattern: str) -> Method:
    def field(sources: Sources, problem: dict[str, Any]) -> NDArray:
        lattice, medium = problem["source_image"].shape, problem["medium"]
        return effective_strengths(sources, lattice, numbers=numbers, medium=medium)

    return Method(
        f"{numbers} number{'s' * (numbers > 1)} a disc",
        image_by_image(field),
        f"each disc keeps the densities that it has alone, {pattern}",
    )


BASELINES: dict[Baseline, Method] = {
    "superposition": Method(
        "superposition",
        image_by_image(_superposed),
        "the sum of the fields that the discs have alone, with the known source values",
    ),
    "one_number": _strengths(1, "with the best strength"),
    "three_numbers": _strengths(3, "with a strength that varies around it by cos θ and sin θ"),
    "five_numbers": _strengths(5, "with cos 2θ and sin 2θ too"),
    "seven_numbers": _strengths(7, "with cos 3θ and sin 3θ too"),
    "mean_medium": Method(
        "mean medium",
        image_by_image(_in_mean_medium),
        "the exact field in a uniform medium, with the geometric mean of the diffusivity and "
        "the mean of the decay; uptake that saturates, and secretion, stay as they are",
    ),
    "exact_solver": Method(
        EXACT, _solved(DOUBLE), "the exact field; its error is the rounding of the stored fields"
    ),
    "zero_field": Method(
        "zero field", lambda batch: Computed(np.zeros_like(batch.images)), "0 everywhere"
    ),
}


def baselines(config: Config) -> list[Method]:
    """The baselines of an evaluation, which are the same for every surrogate."""
    return [BASELINES[name] for name in config.baselines()]


def describe_methods(config: Config) -> dict[str, str]:
    """Name and description of each method of an evaluation, in the order of display."""
    own = {
        SURROGATE: "the output of the trained network",
        SOURCES_SET: "the same, with the known source values written back onto the source nodes",
    }
    if config.physics.sources == "production":
        del own[SOURCES_SET]  # no node has a fixed value
    return own | {method.name: method.description for method in baselines(config)}


def network_fields(surrogate: Surrogate) -> Callable[[ImageBatch], Computed]:
    """The `compute` of a surrogate's network, a batch at once."""

    def compute(batch: ImageBatch) -> Computed:
        size = len(batch)
        fields = surrogate.network_fields(batch.images, batch_size=size, **batch.medium_inputs)
        return Computed(fields)

    return compute


def with_sources_set(network: Method, name: str) -> Method:
    """A method's fields with the known values on the source nodes."""

    def compute(batch: ImageBatch) -> Computed:
        return Computed(np.where(batch.images != 0, batch.images, network.compute(batch).fields))

    return replace(network, name=name, compute=compute)


def learned_methods(surrogate: Surrogate, name: str, config: Config) -> list[Method]:
    """The methods of one surrogate in `diffkeras benchmark`.

    Args:
        surrogate: any.
        name: in tables.
        config: of the test images.
    """
    network = Method(name, network_fields(surrogate), together=True, surrogate=name)
    found = [network]
    model = surrogate.config.model
    sets_sources = model.fixed_values or model.solves_equation
    if config.physics.sources == "fixed_value" and not sets_sources:
        found.append(with_sources_set(network, f"{name}, sources set"))
    found.append(replace(network, name=f"{name}, certified", compute=_certified(surrogate)))
    return found + [
        replace(network, name=f"{name} to {t:g}", compute=_proven(surrogate, t)) for t in TOLERANCES
    ]


def _certified(surrogate: Surrogate) -> Callable[[ImageBatch], Computed]:
    def compute(batch: ImageBatch) -> Computed:
        found = surrogate.predict(batch.images, batch_size=len(batch), **batch.medium_inputs)
        bounds = found.node_bound.max(axis=(1, 2))
        return Computed(batch.scaled(found.field), batch.scaled(bounds))

    return compute


def _proven(surrogate: Surrogate, tolerance: float) -> Callable[[ImageBatch], Computed]:
    """Its fields, solved on from where the bound exceeds a tolerance."""

    def compute(batch: ImageBatch) -> Computed:
        found = surrogate.predict(
            batch.images, tolerance=tolerance, batch_size=len(batch), **batch.medium_inputs
        )
        bounds = found.node_bound.max(axis=(1, 2))
        return Computed(batch.scaled(found.field), batch.scaled(bounds))

    return compute


def classical_methods(config: Config, workers: int | None = None) -> list[Method]:
    """The methods of `diffkeras benchmark` without learning, the best that are known here.

    Args:
        config: of the test images.
        workers: processes among which `solve` shares out a batch; by default it takes none.
    """
    saturating, varying = "uptake" in config.data.maps, config.data.tissue is not None
    shared = bool(workers)
    found = [Method(EXACT, _solved(DOUBLE, workers), together=shared)]
    found += [
        Method(f"solve to {t:g}", _solved(t, workers), together=shared)
        for t in (1e-6, *reversed(TOLERANCES))
    ]
    if varying:
        rounds = untrained_rounds(config)
        found += [Method(k, network_fields(own), together=True) for k, own in rounds.items()]
        found += [
            Method(f"{name} to {t:g}", _proven(rounds[name], t), together=True)
            for name in list(rounds)[1:-1]
            for t in TOLERANCES
        ]
    else:
        found += [
            Method(name, _in_graph(graph), together=True)
            for name, graph in tensorflow_solvers(config).items()
        ]
    if saturating:  # all other methods are for linear equations
        return found + [Method(f"solve to {t:g}, {WARM}", _warm(t)) for t in TOLERANCES]
    found += [Method(f"PyAMG, {t:g}", image_by_image(_pyamg(t))) for t in ITERATED]
    if not varying:
        found += [method for method in baselines(config) if method.name != EXACT]
    return found


def _in_graph(graph: Callable[[NDArray], NDArray]) -> Callable[[ImageBatch], Computed]:
    return lambda batch: Computed(batch.scaled(graph(batch.images)))


def _pyamg(tolerance: float) -> Callable[[Sources, dict[str, Any]], NDArray]:
    return lambda _, problem: pyamg_field(tolerance=tolerance, **problem)


def _warm(tolerance: float) -> Callable[[ImageBatch], Computed]:
    """`solve` as in a simulation, from a field that is near.

    The near field of an image is solved when the image is first seen, which is before any time is
    measured.
    """
    near: dict[bytes, NDArray] = {}

    def start(problem: dict[str, Any]) -> NDArray:
        uptake = problem["uptake"]
        key = uptake.maximum.tobytes()
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
