"""The methods that an evaluation compares, and how their time is measured.

Without a GPU it is CPU time, summed over all threads of the process: the time that one core would
take. So no method gains by using more threads than another, and other programs on the machine
hardly change it. TensorFlow uses all cores for the network; the NumPy methods use one. With a GPU,
whose work takes no CPU time, it is the wall time.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.config import Baseline, Config
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import (
    Sources,
    Surroundings,
    effective_strengths,
    refine_rounds,
    solve,
    superpose,
)
from diffkeras.surrogates.surrogate import Surrogate

SURROGATE = "surrogate"
SOURCES_SET = "surrogate, sources set"


class Method(NamedTuple):
    """A baseline.

    Attributes:
        label: in tables and figures.
        description: its prediction, in words.
        field: takes a source image, its sources and what surrounds them, and returns the field.
    """

    label: str
    description: str
    field: Callable[[NDArray, Sources, Surroundings], NDArray]

    def predict(self, batch: ImageBatch) -> NDArray:
        """Fields (images, rows, columns), on the dataset's scale."""
        images = zip(batch.images, batch.sources, batch.surroundings, strict=True)
        fields = np.stack([self.field(*image) for image in images])
        return fields if batch.maxima is None else fields / batch.maxima[:, None, None]


def _of_strengths(label: str, numbers: int, pattern: str) -> Method:
    def field(image: NDArray, sources: Sources, around: Surroundings) -> NDArray:
        return effective_strengths(sources, image.shape, numbers=numbers, medium=around.medium)

    return Method(label, f"each disc keeps the densities that it has alone, {pattern}", field)


def _of_rounds(label: str, rounds: int, description: str) -> Method:
    def field(image: NDArray, _: Sources, around: Surroundings) -> NDArray:
        return refine_rounds(image, rounds, medium=around.medium)

    return Method(label, description, field)


def _in_mean_medium(image: NDArray, _: Sources, around: Surroundings) -> NDArray:
    medium = around.medium
    diffusivity = math.exp(float(np.mean(np.log(medium.diffusivities[0]))))
    mean = replace(medium, diffusivity=diffusivity, decay=float(np.mean(medium.decay)))
    return solve(**around._replace(medium=mean).problem(image)).field


ZERO_FIELD = Method("zero field", "0 everywhere", lambda image, *_: np.zeros_like(image))
EXACT = "exact solver"
BASELINES: dict[str, dict[Baseline, Method]] = {  # what sources do → name → method
    "fixed_value": {
        "superposition": Method(
            "superposition",
            "the sum of the fields that the discs have alone, with the known source values",
            lambda image, sources, around: superpose(sources, image.shape, medium=around.medium),
        ),
        "one_number": _of_strengths("1 number a disc", 1, "with the best strength"),
        "three_numbers": _of_strengths(
            "3 numbers a disc", 3, "with a strength that varies around it by cos θ and sin θ"
        ),
        "five_numbers": _of_strengths("5 numbers a disc", 5, "with cos 2θ and sin 2θ too"),
        "seven_numbers": _of_strengths("7 numbers a disc", 7, "with cos 3θ and sin 3θ too"),
        "zero_rounds": _of_rounds(
            "0 rounds",
            0,
            "the correction of a field of zeros, which leaves zeros outside the sources unless a "
            "side has a value or a flux",
        ),
        "one_round": _of_rounds("1 round", 1, "a field of zeros after one round of refinement"),
        "two_rounds": _of_rounds("2 rounds", 2, "a field of zeros after two rounds of refinement"),
        "mean_medium": Method(
            "mean medium",
            "the exact field in a uniform medium, with the geometric mean of the diffusivity and "
            "the mean of the decay; uptake that saturates, and secretion, stay as they are",
            _in_mean_medium,
        ),
        "exact_solver": Method(
            EXACT,
            "the exact field; its error is the rounding of the stored fields",
            lambda image, _, around: solve(**around.problem(image)).field,
        ),
        "zero_field": ZERO_FIELD,
    },
    "production": {
        "exact_solver": Method(
            EXACT,
            "the exact field, which is the superposition of the discs' fields; its error is the "
            "rounding of the stored fields",
            lambda image, _, around: solve(**around.problem(image, production=True)).field,
        ),
        "zero_field": ZERO_FIELD,
    },
}


class MethodFields(NamedTuple):
    """What a method predicts for a batch.

    Attributes:
        method: its label.
        fields: (images, rows, columns), on the dataset's scale.
        seconds: what it took; None if that wasn't measured.
    """

    method: str
    fields: NDArray
    seconds: float | None


def baselines(config: Config) -> list[Method]:
    """The chosen baselines, which are the same for every surrogate."""
    table = BASELINES[config.physics.sources]
    return [table[name] for name in config.baselines()]


def describe_methods(config: Config) -> dict[str, str]:
    """Label and description of each method of an evaluation, in the order of display."""
    own = {
        SURROGATE: "the output of the trained network",
        SOURCES_SET: "the same, with the known source values written back onto the source nodes",
    }
    if config.physics.sources == "production":
        del own[SOURCES_SET]  # no node is held at a value
    return own | {method.label: method.description for method in baselines(config)}


def predict_by_each(
    surrogate: Surrogate, config: Config, batch: ImageBatch
) -> Iterator[MethodFields]:
    """The predictions of all methods, in the order of `describe_methods`."""
    clock = choose_clock()
    start = clock()
    fields = surrogate.network_fields(batch.images, batch_size=len(batch.images), **batch.told)
    seconds = clock() - start
    yield MethodFields(SURROGATE, fields, seconds if surrogate.timed else None)
    if not batch.production:
        start = clock()
        known = np.where(batch.images != 0, batch.images, fields)
        yield MethodFields(
            SOURCES_SET, known, seconds + clock() - start if surrogate.timed else None
        )
    for method in baselines(config):
        start = clock()
        fields = method.predict(batch)
        yield MethodFields(method.label, fields, clock() - start)


def choose_clock() -> Callable[[], float]:
    """A function that returns seconds."""
    return time.perf_counter if _gpus() else time.process_time


def describe_clock() -> str:
    """What the times are, for tables."""
    if _gpus():
        return "wall time: the network on a GPU, all other methods in one thread of the CPU"
    return "CPU time, summed over all threads: the time that one core would take"


def _gpus() -> bool:
    return bool(tf.config.list_physical_devices("GPU"))
