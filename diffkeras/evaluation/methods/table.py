"""The methods that `diffkeras evaluate` compares."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Baseline, Config
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import Problem, Sources, effective_strengths, solve, superpose

if TYPE_CHECKING:
    from diffkeras.surrogates.surrogate import Surrogate

SURROGATE, PREDICTIONS = "surrogate", "predictions"
SET = ", sources set"  # ends the name of a method with the known values on the source nodes
EXACT = "exact solver"
ZERO_FIELD = "zero field"
DOUBLE = 1e-10  # tolerance of the exact solver


class ComputedFields(NamedTuple):
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
        takes_batches: whether it computes a batch at once; otherwise image by image.
        surrogate: name of the surrogate that it starts from; None for a classical method.
        timed: whether the time of `compute` is that of a prediction.
        copy_of: name of the method whose fields it has but for the known values on the source
            nodes, and so its time, since copying them takes less than noise.
    """

    name: str
    compute: Callable[[ImageBatch], ComputedFields]
    description: str = ""
    takes_batches: bool = False
    surrogate: str | None = None
    timed: bool = True
    copy_of: str | None = None


def image_by_image(
    field: Callable[[Sources, Problem], NDArray],
) -> Callable[[ImageBatch], ComputedFields]:
    """The `compute` of a function from the discs and the problem of one image to its field."""

    def compute(batch: ImageBatch) -> ComputedFields:
        images = zip(batch.sources, batch.problem.images, strict=True)
        return ComputedFields(batch.scaled(np.stack([field(*image) for image in images])))

    return compute


def solved(
    tolerance: float, processes: int | None = None, *, proven: bool = False
) -> Callable[[ImageBatch], ComputedFields]:
    """`solve` to a tolerance, with or without the proof of its error."""

    def compute(batch: ImageBatch) -> ComputedFields:
        solution: Any = solve(batch.problem, tolerance=tolerance, processes=processes)
        fields = batch.scaled(solution.field)
        if not proven:
            return ComputedFields(fields)
        bounds = np.array([image.error_bound for image in solution.images])
        return ComputedFields(fields, batch.scaled(bounds))

    return compute


def _in_mean_medium(_: Sources, problem: Problem) -> NDArray:
    medium = problem.medium
    diffusivity = math.exp(float(np.mean(np.log(medium.diffusivities[0]))))
    mean = replace(medium, diffusivity=diffusivity, decay=float(np.mean(medium.decay)))
    rest: Any = {"fixed": problem.fixed, "production": problem.production, "uptake": problem.uptake}
    return solve(Problem(problem.values, medium=mean, **rest)).field


def _superposed(sources: Sources, problem: Problem) -> NDArray:
    lattice: Any = problem.lattice
    return superpose(sources, lattice, medium=problem.medium)


def _strengths(numbers: int, pattern: str) -> Method:
    def field(sources: Sources, problem: Problem) -> NDArray:
        lattice: Any = problem.lattice
        return effective_strengths(sources, lattice, numbers=numbers, medium=problem.medium)

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
    "mean_medium": Method(
        "mean medium",
        image_by_image(_in_mean_medium),
        "the exact field in a uniform medium, with the geometric mean of the diffusivity and "
        "the mean of the decay; uptake that saturates, and secretion, stay as they are",
    ),
    "exact_solver": Method(
        EXACT, solved(DOUBLE), "the exact field; its error is the rounding of the stored fields"
    ),
    "zero_field": Method(
        ZERO_FIELD, lambda batch: ComputedFields(np.zeros_like(batch.images)), "0 everywhere"
    ),
}


def baselines(config: Config) -> list[Method]:
    """The baselines of an evaluation, which are the same for every surrogate."""
    return [BASELINES[name] for name in config.baselines()]


def describe_methods(config: Config, models: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name and description of each method of an evaluation, in the order of display.

    Args:
        config: of the test images.
        models: name → description of what is evaluated; by default one surrogate.
    """
    own: dict[str, str] = {}
    for name, text in (models or {SURROGATE: "the output of the trained surrogate"}).items():
        own[name] = text
        if leaves_sources(config):
            own[name + SET] = (
                "the same, with the known values written back onto the source nodes; its time is "
                "the network's, as a copy takes hardly any"
            )
    return own | {method.name: method.description for method in baselines(config)}


def leaves_sources(config: Config) -> bool:
    """Whether nodes have known values that a network may miss."""
    return not config.physics.produces


def network_fields(surrogate: "Surrogate") -> Callable[[ImageBatch], ComputedFields]:
    """The `compute` of a surrogate's network, a batch at once."""

    def compute(batch: ImageBatch) -> ComputedFields:
        return ComputedFields(surrogate.network_fields(batch.problem, batch_size=len(batch)))

    return compute


def with_sources_set(network: Method) -> Method:
    """A method's fields with the known values on the source nodes."""

    def compute(batch: ImageBatch) -> ComputedFields:
        fields = network.compute(batch).fields
        return ComputedFields(np.where(batch.images != 0, batch.images, fields))

    name = network.name
    return replace(network, name=name + SET, compute=compute, copy_of=name)
