"""The problems that a surrogate was trained for, and the inputs of its network."""

from dataclasses import replace
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.config import Config
from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, MichaelisMenten, Problem, Sources, production_of
from diffkeras.physics.limits import LARGEST
from diffkeras.physics.problem.keywords import MediumKeywords, ProblemKeywords
from diffkeras.physics.problem.maps import maps_of
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.reporting.text import low_to_high

ROUNDING = 1e-6  # relative differences up to this make no other medium
WANTED = "uptake as MichaelisMenten(maximum, constant), or as --uptake and --saturation"


class SurrogateKeywords(ProblemKeywords, total=False):
    """The keyword arguments of `Problem`, and the diffusion length ℓ [length]."""

    diffusion_length: float | None


def complete_problem(
    config: Config, source_images: ArrayLike | Sources, **keywords: Unpack[SurrogateKeywords]
) -> Problem:
    """The problem of source images, in the medium that a surrogate was trained for.

    Args:
        config: the configuration that the network was trained with.
        source_images: (rows, columns), (batch, rows, columns) or `Sources`: fixed values, or x of
            the production γx if the surrogate's sources produce.
        **keywords: those of `Problem`; parts of the medium that are left out are those of the
            training. `diffusion_length` stands for the decay D/ℓ².

    Raises:
        PhysicsError: a part is missing that differs between the media of the training, or `Problem`
            raises it.
    """
    own: dict[str, Any] = dict(keywords)
    length = own.pop("diffusion_length", None)
    parts = {name: own.pop(name) for name in MediumKeywords.__annotations__ if name in own}
    if own.get("medium") is None:
        own["medium"] = _completed(config, length, parts, own.get("uptake"))
    elif parts or length is not None:
        raise PhysicsError("give either medium or parts of it, such as decay or diffusion_length")
    if not config.physics.produces:
        return Problem(source_images, **own)
    if own.get("production") is not None:
        raise PhysicsError(
            "this surrogate's sources produce the decay times the source image; leave out the "
            "production, or give a Problem with the whole production"
        )
    if isinstance(source_images, Sources):
        source_images = source_images.image(dtype=np.float64)
    # given by the caller or completed above
    own["production"] = production_of(source_images, own["medium"])  # type: ignore[arg-type]
    return Problem(**own)


def _completed(config: Config, length: float | None, parts: dict[str, Any], uptake: Any) -> Medium:
    """The medium of the training with other parts, or a PhysicsError if one is missing."""
    base, needed = config.physics.medium, config.kind.inputs
    if length is not None:
        if "diffusion_length" not in needed:
            raise PhysicsError(f"{config.kind.trained_for}; leave out the diffusion length")
        if "decay" in parts:
            raise PhysicsError("give either the diffusion length or the decay, not both")
        base = base.with_diffusion_length(length)
    if "uptake" in needed and not isinstance(uptake, MichaelisMenten):
        raise PhysicsError(f"{config.kind.trained_for}; give the {WANTED}")
    present = {"uptake", "saturation", "production", *parts}
    if length is not None or "decay" in parts:
        present.add("diffusion_length")
    for name in needed:
        if name not in present:
            raise PhysicsError(f"{config.kind.trained_for}; give the {name.replace('_', ' ')}")
    return replace(base, **parts)


def _check_problem(config: Config, problem: Problem) -> None:
    """Raise a PhysicsError if a surrogate was not trained for a problem.

    It may have other source images, and other values of what differs in the training.
    """
    trained, maps = config.kind.trained_for, config.kind.maps
    if len(problem.lattice) != 2:
        raise PhysicsError(
            f"surrogates are for two dimensions, and the lattice here is {problem.lattice}"
        )
    config.model.lattices.check(problem.lattice)
    media = {id(image.medium): image.medium for image in problem.images}  # images may share one
    for medium in media.values():
        _check_medium(config, medium)
    for image in problem.images:
        if "uptake" not in maps and image.reduced.uptake is not None:
            raise PhysicsError(f"{trained}, and uptake saturates in the problem")
        if "uptake" in maps and not isinstance(image.uptake, MichaelisMenten):
            raise PhysicsError(f"{trained}; give the {WANTED}")
    production = problem.production
    if config.physics.produces:
        if problem.fixed.any():
            raise PhysicsError("this surrogate's sources produce, and the problem fixes nodes")
    elif production is not None and production.any() and "production" not in maps:
        raise PhysicsError(f"{trained} without production; leave out production")
    elif np.any(problem.fixed & (problem.values == 0)):
        raise PhysicsError(
            "this surrogate was trained without fixed nodes of value 0, and takes those nodes as "
            "fixed whose value is not 0"
        )
    given = {"source values": problem.values, "production": production}
    for name, values in given.items():
        if values is None:
            continue
        for wrong in values[~((values >= 0) & (values <= LARGEST))][:1]:
            raise PhysicsError(
                f"surrogates take {name} between 0 and {LARGEST:g}, and the problem has {wrong:g}"
            )


def _check_medium(config: Config, medium: Medium) -> None:
    """Raise a PhysicsError if a medium is none of those of the training."""
    trained, inputs = config.physics.medium, config.kind.inputs
    start = f"{config.kind.trained_for}, and"
    if medium.sides != trained.sides:
        here, there = map(sides_in_words, (medium.sides, trained.sides))
        raise PhysicsError(f"{start} the problem has the boundary {here!r} instead of {there!r}")
    if "diffusion_length" in inputs and medium.is_uniform:
        shortest, longest = np.array(config.data.diffusion_length, np.float32)
        length = np.float32(medium.diffusion_length)  # as datasets store it
        if not shortest <= length <= longest:
            raise PhysicsError(f"{start} {medium.diffusion_length:g} lies outside")
        inputs += ("decay",)
    for name in ("step", "diffusivity", "decay"):
        own, here = getattr(trained, name), getattr(medium, name)
        if isinstance(here, tuple) and not isinstance(own, tuple):
            raise PhysicsError(f"{start} the problem has the {name} {here}")
        if name not in inputs and not np.allclose(here, own, rtol=ROUNDING, atol=0):
            low = float(np.min(here))
            scaled = ""
            if name == "step" and medium.has_homogeneous_sides:
                scaled = (
                    f" (a problem with the step {own:g} and {(own / low) ** 2:g} times the "
                    "diffusivity has the same field, and so has one whose diffusivity, decay, "
                    "uptake and production are multiplied by one number)"
                )
            span = low_to_high(low, np.max(here))
            raise PhysicsError(
                f"{start} the problem has the {name} {span} instead of {own:g}{scaled}"
            )


def inputs_of_problem(config: Config, problem: Problem) -> dict[str, NDArray[np.float32]]:
    """The inputs of a network for a problem, by name.

    Returns:
        "source_images" (images, rows, columns, 1), with "diffusion_length" (images,) [length] or
        maps of the shape of the images, where these differ in the training.

    Raises:
        PhysicsError: the surrogate was not trained for the problem.
    """
    _check_problem(config, problem)
    kind = config.kind
    inputs: dict[str, Any] = {}
    shape = (len(problem.images), *problem.lattice, 1)
    sources = problem.values
    if config.physics.produces:
        production = np.zeros(shape) if problem.production is None else problem.production
        decays = [np.broadcast_to(image.medium.decay, problem.lattice) for image in problem.images]
        sources = production.reshape(shape) / np.stack(decays)[..., None]
    inputs["source_images"] = sources.reshape(shape).astype(np.float32)
    for name, values in maps_of(problem, kind.maps).items():
        if values.max() > LARGEST:  # networks take float32
            raise PhysicsError(
                f"the map of the {name} holds {values.max():g}, and at most {LARGEST:g} is "
                "possible: choose other units"
            )
        inputs[name] = values.reshape(shape).astype(np.float32)
    if "diffusion_length" in kind.inputs:
        lengths = [image.medium.diffusion_length for image in problem.images]
        inputs["diffusion_length"] = np.array(lengths, np.float32)
    return inputs
