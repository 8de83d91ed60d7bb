"""Which values of a configuration exclude each other."""

from collections.abc import Iterator
from typing import Any

from diffkeras.config.sections import PhysicsConfig
from diffkeras.config.types import format_counts
from diffkeras.errors import PackingError, PhysicsError
from diffkeras.physics import Medium
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.problem.sides import sides_in_words, smallest_given

# Diffusion lengths in lattice steps. With shorter ones the field vanishes at the next node; with
# longer ones rounding dominates if no boundary absorbs.
SHORTEST, LONGEST = 0.05, 1e4


def conflicts(config: Any) -> Iterator[str]:
    """What is wrong with the combinations of values in a `Config`, each with its key."""
    yield from _lattice(config)
    yield from _sources(config)
    yield from _media(config)
    yield from _family(config)
    yield from _examples(config)
    yield from _sides(config)
    yield from _network(config)
    yield from _evaluation(config)


def _lattice(config: Any) -> Iterator[str]:
    rule = config.model.lattices
    try:
        rule.check(config.physics.lattice)
    except ValueError as error:
        yield f"physics.lattice: {error}, {rule.remedy}"


def _sources(config: Any) -> Iterator[str]:
    physics, data, model = config.physics, config.data, config.model
    if physics.sources == "fixed_value":
        if data.divide_by_maximum:
            yield (
                "data.divide_by_maximum: fields of fixed values have the maximum 1 already, so "
                "true would have no effect; choose false, or physics.sources: production"
            )
        if data.placement.overlap:
            yield (
                "data.placement.overlap: a node can't have the values of two discs, so true is "
                "impossible with fixed values; choose false, or physics.sources: production"
            )
        return
    if not physics.decay:
        yield (
            "physics.decay: sources that produce add the decay rate times their value, so a decay "
            "of 0 gives fields of 0; choose a decay above 0, or sources: fixed_value"
        )
    if data.tissue is not None:
        yield (
            "data.tissue: sources that produce in a tissue are not implemented; choose "
            "physics.sources: fixed_value, or tissue: null"
        )
    if model.fixed_values:
        yield (
            "model.fixed_values: sources that produce don't fix the value of the field, so none is "
            "known there; choose false, or physics.sources: fixed_value"
        )
    if model.solves_equation:
        yield (
            "model.corrections: for sources that produce, one correction gives the exact field, "
            "for any prediction: it is one transform pair of the production; use "
            "`diffkeras solve`, or choose corrections: 0 and another architecture"
        )


def _media(config: Any) -> Iterator[str]:
    physics, tissue, lengths = config.physics, config.data.tissue, config.data.diffusion_length
    if tissue is not None:
        if lengths is not None:
            yield (
                "data.tissue: physics.decay and the cells' uptake give the decay of each node, "
                "which excludes a range of diffusion lengths; choose diffusion_length: null"
            )
        try:
            tissue.check(physics.lattice, physics.medium)
        except PhysicsError as error:
            yield f"data.tissue: {error}"
    if lengths is None:
        return
    if physics.decay != PhysicsConfig.model_fields["decay"].default:
        yield (
            f"data.diffusion_length: each example gets the decay D/ℓ², so physics.decay "
            f"{physics.decay:g} would have no effect; leave it out, or choose "
            "diffusion_length: null"
        )
    for length in lengths:
        if not SHORTEST <= length / physics.step <= LONGEST:
            yield (
                f"data.diffusion_length: {length:g} is {length / physics.step:.3g} lattice steps "
                f"of physics.step {physics.step:g}; choose lengths of {SHORTEST:g} to {LONGEST:g} "
                "steps"
            )


def _family(config: Any) -> Iterator[str]:
    data, model = config.data, config.model
    if data.family is None:
        if config.takes_parameters:
            yield (
                f"model.architecture: {model.architecture} is for the parameters of one geometry; "
                "give data.family, or choose another architecture"
            )
        return
    if config.physics.sources != "fixed_value":
        yield (
            "data.family: the sources of a family hold fixed values, and what else they produce is "
            "the part 'production'; choose physics.sources: fixed_value"
        )
    fields = type(data).model_fields
    for key in ("radius", "placement", "values", "divide_by_maximum", "diffusion_length", "tissue"):
        if getattr(data, key) != fields[key].default:
            yield (
                f"data.{key}: a family has the geometry and the medium of data.family, so this key "
                "would have no effect; leave it out"
            )
    if len(data.sources) > 1:
        yield "data.sources: a family is one dataset, and not one per source count; leave this out"
    try:
        family = config.family
        data.family.wider(family)
    except (PhysicsError, PackingError) as error:
        yield f"data.family: {error}"
        return
    if config.takes_parameters:
        yield from _reduced_basis(config)
        return
    if data.family.unseen:
        yield (
            f"model.architecture: {model.architecture} takes maps of the lattice, which don't show "
            f"{data.family.unseen[0]}; choose reduced_basis"
        )
    if (family.problem.fixed & (family.problem.values == 0)).any():
        yield (
            f"model.architecture: {model.architecture} takes those nodes as fixed whose value is "
            "not 0, and this family has others; choose reduced_basis"
        )


def _reduced_basis(config: Any) -> Iterator[str]:
    data, model, training = config.data, config.model, config.training
    examples = data.train_examples_used
    refused = {
        "data.stream": (data.stream, "is made of stored training fields; choose false"),
        "model.transform": (
            model.transform != "linear",
            f"adds modes, which needs fields on the linear scale, not {model.transform}; choose "
            "linear",
        ),
        "model.corrections": (model.corrections, "takes no lattice to correct; choose 0"),
        "model.fixed_values": (model.fixed_values, "has fixed values in any case; leave it out"),
        "training.symmetries": (
            training.symmetries,
            "knows one geometry, which is not turned; choose false",
        ),
        "model.modes": (
            model.modes > examples,
            f"of {model.modes} modes is larger than {examples} training examples; choose more "
            "examples or fewer modes",
        ),
        "training.epochs": (
            model.regression == "kernel" and training.epochs > 1,
            "with a kernel is fitted once, before the first epoch; choose 1",
        ),
    }
    for key, (conflict, reason) in refused.items():
        if conflict:
            yield f"{key}: a reduced basis {reason}"


def _examples(config: Any) -> Iterator[str]:
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


def _sides(config: Any) -> Iterator[str]:
    data, model = config.data, config.model
    outline = Medium(boundary=config.physics.boundary)
    has_values = not outline.is_homogeneous
    differ = any(isinstance(side, tuple) for side in outline.sides)
    without, equal = "sides without a given value or flux", "the same at both sides of an axis"
    needs = (
        (
            f"model.corrections: {model.corrections}",
            f"{without}, {equal}, where media don't vary (data.tissue, data.family)",
            model.solves_equation and not data.maps and (has_values or differ),
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


def _network(config: Any) -> Iterator[str]:
    physics, data, model = config.physics, config.data, config.model
    if model.kind.knows_equation and not model.corrections:
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
    medium = physics.medium
    if data.diffusion_length is not None:
        medium = medium.with_diffusion_length(data.diffusion_length[1])
    if not data.maps and SpectralOperator(physics.lattice, medium).deflated:
        yield (
            "model.corrections: in single precision, transforms lose too many digits where no "
            f"boundary absorbs and the decay is as small as {float(medium.decay):g}; choose a "
            "larger decay, an absorbing boundary, or a network without transforms"
        )


def _evaluation(config: Any) -> Iterator[str]:
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
