"""What `diffkeras evaluate` compares: methods that compute fields, and the models among them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError
from diffkeras.evaluation.images import ImageBatch, TestImages
from diffkeras.evaluation.predictions import check_order, read_predictions
from diffkeras.evaluation.section import Baseline
from diffkeras.physics import Problem, Sources, effective_strengths, solve, solve_many, superpose
from diffkeras.surrogates.run_directory import Run

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


Compute = Callable[[ImageBatch], ComputedFields]


@dataclass(frozen=True)
class Method:
    """A method that computes fields.

    Attributes:
        name: in tables and figures.
        compute: takes some images.
        description: its field, in words.
        takes_batches: whether it computes a batch at once; otherwise image by image.
        surrogate: name of the surrogate that it starts from; None for a classical method.
        timed: whether `compute` takes the time of a prediction.
        copy_of: name of the method whose fields it has but for the known values on the source
            nodes, and so its time, since copying them takes less than noise.
    """

    name: str
    compute: Compute
    description: str = ""
    takes_batches: bool = False
    surrogate: str | None = None
    timed: bool = True
    copy_of: str | None = None


def image_by_image(field_of: Callable[[Sources, Problem], NDArray]) -> Compute:
    """The `compute` of a function from the discs and the problem of one image to its field."""

    def compute(batch: ImageBatch) -> ComputedFields:
        images = zip(batch.sources, batch.problems, strict=True)
        return ComputedFields(batch.scaled(np.stack([field_of(*image) for image in images])))

    return compute


def solved(tolerance: float, processes: int | None = None, *, proven: bool = False) -> Compute:
    """`solve` to a tolerance, with or without the proof of its error."""

    def compute(batch: ImageBatch) -> ComputedFields:
        solutions = solve_many(batch.problems, tolerance=tolerance, processes=processes)
        fields = batch.scaled(np.stack([solution.field for solution in solutions]))
        if not proven:
            return ComputedFields(fields)
        bounds = np.array([solution.error_bound for solution in solutions])
        return ComputedFields(fields, batch.scaled(bounds))

    return compute


def _in_mean_medium(_: Sources, problem: Problem) -> NDArray:
    medium = problem.medium
    diffusivity = math.exp(float(np.mean(np.log(medium.diffusivities[0]))))
    mean = replace(medium, diffusivity=diffusivity, decay=float(np.mean(medium.decay)))
    rest: Any = {"fixed": problem.fixed, "production": problem.production, "uptake": problem.uptake}
    return solve(Problem(problem.values, medium=mean, **rest)).field


def _of_discs(field_of: Callable[..., NDArray], **options: Any) -> Compute:
    return image_by_image(lambda s, p: field_of(s, p.lattice, medium=p.medium, **options))


BASELINES: dict[Baseline, Method] = {
    "superposition": Method(
        "superposition",
        _of_discs(superpose),
        "the sum of the fields that the discs have alone, with the known source values",
    ),
    "one_number": Method(
        "1 number per disc",
        _of_discs(effective_strengths, numbers=1),
        "each disc keeps the densities that it has alone, with the best strength",
    ),
    "three_numbers": Method(
        "3 numbers per disc",
        _of_discs(effective_strengths, numbers=3),
        "each disc keeps the densities that it has alone, with a strength that varies around it by "
        "cos θ and sin θ",
    ),
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


def names_of_surrogate(config: Config) -> list[str]:
    """The names of the methods of one surrogate, which has no name of its own."""
    return [SURROGATE, SURROGATE + SET] if leaves_sources(config) else [SURROGATE]


def leaves_sources(config: Config) -> bool:
    """Whether nodes have known values that a network may miss."""
    return not config.physics.produces


def network_fields(surrogate: "Surrogate") -> Compute:
    """The `compute` of a surrogate's network, a batch at once."""
    return lambda batch: ComputedFields(surrogate.fields(batch.problems, divided=True))


def with_sources_set(network: Method) -> Method:
    """A method's fields with the known values on the source nodes."""

    def compute(batch: ImageBatch) -> ComputedFields:
        fields = network.compute(batch).fields
        return ComputedFields(np.where(batch.images != 0, batch.images, fields))

    name = network.name
    text = (
        "the same, with the known values written back onto the source nodes; its time is the "
        "network's, as a copy takes hardly any"
    )
    return replace(network, name=name + SET, compute=compute, description=text, copy_of=name)


@dataclass(frozen=True)
class Subject:
    """What is evaluated."""

    methods: list[Method]  # the first has the model's name, and its fields without changes
    # images → fields in the unit of the source values, whose errors are bounded; None for no bounds
    predict: Callable[[ImageBatch], NDArray] | None = None
    run: Run | None = None  # of a surrogate
    compared: list["Subject"] = field(default_factory=list)  # other models on the same images

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.methods[0].name

    @property
    def all_methods(self) -> list[Method]:
        """Its methods, and the methods of the models that it is compared with."""
        return self.methods + [method for other in self.compared for method in other.methods]

    @property
    def models(self) -> list[Method]:
        """The first method of it, and of each model that it is compared with."""
        return [one.methods[0] for one in (self, *self.compared)]


def of_surrogate(surrogate: "Surrogate", run: Run, name: str = SURROGATE) -> Subject:
    """A surrogate, which is the one of a run, under a name."""
    text = "the output of the trained surrogate"
    if name != SURROGATE:
        text += f" in {run.path}"
    network = Method(name, network_fields(surrogate), text, takes_batches=True)
    methods = _methods(network, surrogate.config)
    return Subject(methods, lambda batch: surrogate.fields(batch.problems), run)


def different_physics(learned: Config, tested: Config) -> list[str]:
    """What of the physics of test images a network was not trained on, in words.

    The lattice may be any that the network takes, and a range of diffusion lengths a part of the
    trained range.
    """
    different, rule = learned.view.differences(tested.view), learned.model.lattices
    if not rule.takes(lattice := tested.physics.lattice):
        different.append(f"physics.lattice {lattice} here, and the network takes {rule}")
    return different


def of_predictions(path: Path, images: TestImages, name: str = PREDICTIONS) -> Subject:
    """The fields in a file, which are looked up and so take no time that is measured.

    Predictions are of all images of `images.file`, also where a part of them is tested.
    """
    config, file = images.config, images.file
    if config.data.diffusion_length is not None:
        raise ConfigurationError(
            "data.diffusion_length: models of other programs are judged on one medium; leave it out"
        )
    counts, tested = config.data.sources, config.data.test_examples
    numbers = dict.fromkeys(counts, file.config.data.test_examples if file else tested)
    named = (file.name, file.sha256) if file else None
    stored = read_predictions(path, numbers, config.physics.lattice, images=named)
    exact = (batch.fields for count in counts for batch in images.batches(count))
    check_order(path, {count: fields[:tested] for count, fields in stored.items()}, exact)

    def compute(batch: ImageBatch) -> ComputedFields:
        return ComputedFields(stored[batch.sources[0].count][batch.numbers])

    def predict(batch: ImageBatch) -> NDArray:
        fields = compute(batch).fields
        if not config.data.divide_by_maximum:
            return fields
        return fields * config.view.size(batch.images[..., None], fields[..., None])[..., 0]

    method = Method(name, compute, f"the predictions in {path}", takes_batches=True, timed=False)
    return Subject(_methods(method, config), predict)


def _methods(method: Method, config: Config) -> list[Method]:
    return [method, with_sources_set(method)] if leaves_sources(config) else [method]
