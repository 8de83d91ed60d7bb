"""Which values of a configuration exclude each other."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from diffkeras.config.types import BASELINES, Baseline, format_counts
from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.problem.sides import sides_in_words, smallest_given

if TYPE_CHECKING:
    from diffkeras.config.config import Config

# Diffusion lengths in lattice steps. With shorter ones the field vanishes at the next node; with
# longer ones rounding dominates if no boundary absorbs.
SHORTEST_LENGTH, LONGEST_LENGTH = 0.05, 1e4
# of the arguments of recipes
KEYS = {
    "decay": "physics.decay",
    "divide_by_maximum": "data.divide_by_maximum",
    "overlap": "data.placement.overlap",
    "tissue": "data.tissue",
}
# Baselines that put fields of discs together, which is the exact field if sources produce, and not
# if a side has a value or a flux, whose field they leave out.
OF_DISCS = BASELINES[:3]


def conflicts(config: "Config") -> Iterator[str]:
    """What is wrong with the combinations of values in a `Config`, each with its key."""
    yield from _lattice(config)
    yield from _data(config)
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


def _data(config: "Config") -> Iterator[str]:
    physics, data = config.physics, config.data
    if data.diffusion_length and physics.decay != type(physics).model_fields["decay"].default:
        yield (
            f"data.diffusion_length: each example gets the decay D/ℓ², so physics.decay "
            f"{physics.decay:g} would have no effect; leave it out, or choose "
            "diffusion_length: null"
        )
    for length in data.diffusion_length or ():
        steps = length / physics.step
        if not SHORTEST_LENGTH <= steps <= LONGEST_LENGTH:
            yield (
                f"data.diffusion_length: {length:g} is {steps:.3g} lattice steps of "
                f"physics.step {physics.step:g}; choose lengths of {SHORTEST_LENGTH:g} to "
                f"{LONGEST_LENGTH:g} steps"
            )
    try:
        config.recipe(data.sources[0])
    except PhysicsError as error:
        if key := KEYS.get(error.argument or ""):
            sources = f" (physics.sources: {physics.sources})"
            yield f"{key}: {error.problem}{sources if 'sources' in error.problem else ''}"
        else:
            parts = ("tissue", "diffusion_length")
            section = next((f"data.{name}" for name in parts if getattr(data, name)), "physics")
            yield f"{section}: {error}"


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
            model.solves_equation and not config.view.maps and (has_values or differ),
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
    medium = config.view.slowest_medium
    if not config.view.maps and SpectralOperator(physics.lattice, medium).is_deflated:
        yield (
            "model.corrections: in single precision, transforms lose too many digits where no "
            f"boundary absorbs and the decay is as small as {float(medium.decay):g}; choose a "
            "larger decay, an absorbing boundary, or a network without transforms"
        )


def _evaluation(config: "Config") -> Iterator[str]:
    try:
        baselines_of(config)
    except ValueError as error:
        yield f"evaluation.baselines: {error}"
    pictures, counts = config.evaluation.pictures or (), config.data.sources
    if absent := sorted(set(pictures) - set(counts)):
        yield (
            f"evaluation.pictures: {absent[0]} is not in data.sources, {format_counts(counts)}; "
            "choose from these, or null"
        )


def baselines_of(config: "Config") -> tuple[Baseline, ...]:
    """The baselines of an evaluation: the chosen ones, or all that apply.

    Raises:
        ValueError: one that doesn't apply, or is named twice.
    """
    physics, data, chosen = config.physics, config.data, config.evaluation.baselines
    outline = Medium(boundary=physics.boundary)
    excluded: dict[str, Sequence[Baseline]] = {}  # by the reason
    if physics.produces:
        excluded["sources that produce"] = OF_DISCS
    if data.maps:  # no transform is known there, and no field of a disc alone
        excluded["media that vary (data.tissue)"] = OF_DISCS
    else:
        excluded["uniform media (data.tissue: null)"] = ("mean_medium",)
    if not outline.has_homogeneous_sides:
        excluded["sides with a given value or flux (physics.boundary)"] = OF_DISCS
    if outline.is_closed and not (physics.decay or data.diffusion_length):
        excluded["fields that don't decay (physics.decay: 0)"] = ("superposition",)
    names = [name for part in excluded.values() for name in part]
    possible = tuple(name for name in BASELINES if name not in names)
    for place, name in enumerate(chosen or ()):
        if chosen and name in chosen[:place]:
            raise ValueError(f"{name} is named twice")
        for reason, part in excluded.items():
            if name in part:
                raise ValueError(
                    f"{name} doesn't apply to {reason}; choose among {', '.join(possible)}"
                )
    return possible if chosen is None else tuple(chosen)
