"""Which values of a configuration exclude each other."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diffkeras.config.types import format_counts
from diffkeras.physics import Medium
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.problem.sides import sides_in_words, smallest_given

if TYPE_CHECKING:
    from diffkeras.config.config import Config


def conflicts(config: "Config") -> Iterator[str]:
    """What is wrong with the combinations of values in a `Config`, each with its key."""
    yield from _lattice(config)
    yield from config.kind.conflicts()
    yield from _sources(config)
    yield from _examples(config)
    yield from _sides(config)
    yield from _network(config)
    yield from _evaluation(config)


def _lattice(config: "Config") -> Iterator[str]:
    rule = config.model.lattices
    try:
        rule.check(config.physics.lattice)
    except ValueError as error:
        yield f"physics.lattice: {error}, {rule.remedy}"


def _sources(config: "Config") -> Iterator[str]:
    if not config.physics.produces:
        return
    if config.model.fixed_values:
        yield (
            "model.fixed_values: sources that produce don't fix the value of the field, so none is "
            "known there; choose false, or physics.sources: fixed_value"
        )
    if config.model.solves_equation:
        yield (
            "model.corrections: for sources that produce, one correction gives the exact field, "
            "for any prediction: it is one transform pair of the production; use "
            "`diffkeras solve`, or choose corrections: 0 and another architecture"
        )


def _examples(config: "Config") -> Iterator[str]:
    data = config.data
    if data.stream:
        reasons = {
            "data.train_fraction": (data.train_fraction < 1, "has no end, so no fraction either"),
            "data.train_part": (data.train_part > 0, "has no end, so no parts either"),
            "data.cache": (data.cache, "has each example only once"),
            "training.symmetries": (config.training.symmetries, "has each example only once"),
        }
        for key, (chosen, reason) in reasons.items():
            if chosen:
                yield f"{key}: a stream {reason}; leave this key out, or choose data.stream: false"
    if data.train_numbers.stop > data.train_examples:
        parts = data.train_examples // data.train_examples_used
        yield (
            f"data.train_part: {data.train_examples} training examples per source count have "
            f"{parts} part(s) of {data.train_examples_used}, counted from 0, so part "
            f"{data.train_part} does not exist; choose one up to {parts - 1}, or a smaller "
            "train_fraction"
        )


def _sides(config: "Config") -> Iterator[str]:
    data, model = config.data, config.model
    outline = Medium(boundary=config.physics.boundary)
    has_values = not outline.has_homogeneous_sides
    differ = any(isinstance(side, tuple) for side in outline.sides)
    without, equal = "sides without a given value or flux", "the same at both sides of an axis"
    needs = (
        (
            f"model.corrections: {model.corrections}",
            f"{without}, {equal}, where media don't vary (data.tissue)",
            model.solves_equation and not config.kind.maps and (has_values or differ),
        ),
        ("data.divide_by_maximum: true", without, data.divide_by_maximum and has_values),
        ("training.symmetries: true", equal, config.training.symmetries and differ),
        (
            "model.transform: log",
            "values and fluxes from 0 on, as it takes no fields below -1",
            model.transform == "log" and has_values and smallest_given(outline.sides) < 0,
        ),
    )
    for setting, needed, conflict in needs:
        if conflict:
            yield (
                f"physics.boundary: {setting} needs {needed}, not {sides_in_words(outline.sides)}; "
                f"choose other sides, or change {setting.partition(':')[0]}"
            )


def _network(config: "Config") -> Iterator[str]:
    physics, model = config.physics, config.model
    if model.definition.knows_equation and not model.corrections:
        yield (
            f"model.corrections: {model.architecture} consists of corrections alone, so 0 would "
            "leave nothing; choose at least 1"
        )
    if not model.solves_equation:
        return
    if model.transform != "linear":
        yield (
            f"model.transform: corrections {model.corrections} need fields on the linear scale, on "
            f"which the equation is linear, not {model.transform}; choose linear"
        )
    medium = config.kind.slowest_medium
    if not config.kind.maps and SpectralOperator(physics.lattice, medium).is_deflated:
        yield (
            "model.corrections: in single precision, transforms lose too many digits where no "
            f"boundary absorbs and the decay is as small as {float(medium.decay):g}; choose a "
            "larger decay, an absorbing boundary, or a network without transforms"
        )


def _evaluation(config: "Config") -> Iterator[str]:
    try:
        config.baselines()
    except ValueError as error:
        yield f"evaluation.baselines: {error}"
    pictures, counts = config.evaluation.pictures or (), config.data.sources
    if absent := sorted(set(pictures) - set(counts)):
        yield (
            f"evaluation.pictures: {absent[0]} is not in data.sources, {format_counts(counts)}; "
            "choose from these, or null"
        )
