"""The media of images: what a surrogate needs to be told of them, checked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.config import Config
from diffkeras.errors import PhysicsError
from diffkeras.physics import MichaelisMenten
from diffkeras.physics.arguments import real_array
from diffkeras.physics.node_values import LARGEST
from diffkeras.representation.network_input import MAPS
from diffkeras.surrogates.surroundings import Surroundings

Media = Surroundings | tuple[Surroundings, ...]  # of all images, or of each


class MediumInputs(TypedDict, total=False):
    """What a surrogate is told of media, as keyword arguments; None is as if it wasn't given."""

    diffusion_length: ArrayLike | None
    diffusivity: ArrayLike | None
    decay: ArrayLike | None
    uptake: ArrayLike | None
    saturation: ArrayLike | None
    production: ArrayLike | None


def inputs_of(config: Config) -> tuple[str, ...]:
    """Which of `MediumInputs` a network of a configuration takes."""
    return config.data.maps or (("diffusion_length",) if config.data.diffusion_length else ())


def medium_inputs(config: Config, examples: Mapping[str, Any]) -> dict[str, Any]:
    """`MediumInputs` of an example of `data.raw_dataset`, or of a batch of them."""
    told = {name: examples[name] for name in inputs_of(config)}
    return {name: v[..., 0] if name in MAPS else v for name, v in told.items()}


def media_of(config: Config, images: tuple[int, ...], given: Mapping[str, Any]) -> Media:
    """What surrounds the sources of all images, or of each.

    Args:
        config: the configuration that the network was trained with.
        images: shape of the images, (rows, columns) or (batch, rows, columns).
        given: `MediumInputs`.

    Raises:
        PhysicsError: something that is missing, not expected, or can't be used.
    """
    if unknown := sorted(set(given) - set(MediumInputs.__annotations__)):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}")
    found = check_given(config, given)
    if config.data.maps:
        return _of_maps(config, images, found)
    if found:
        return _of_lengths(config, images[:-2], found["diffusion_length"])
    return Surroundings(config.physics.medium)


def check_given(config: Config, given: Mapping[str, Any]) -> dict[str, Any]:
    """What of the `MediumInputs` is given, if that is what the network takes.

    Raises:
        PhysicsError: something is missing or not expected. The values themselves aren't checked.
    """
    found = {name: value for name, value in given.items() if value is not None}
    wanted = inputs_of(config)
    for name in found:
        if name not in wanted:
            raise PhysicsError(f"{_trained_for(config)}; leave out {_words(name)}")
    for name in wanted:
        if name not in found:
            zeros = ", zeros if nothing is secreted" if name == "production" else ""
            raise PhysicsError(f"{_trained_for(config)}; give {_words(name)} of the images{zeros}")
    return found


def network_media(
    config: Config, media: Media, shape: tuple[int, ...]
) -> dict[str, NDArray[np.float32]]:
    """What a network takes beside images, by the name in `MediumInputs`.

    `shape` is that of the images, (images, rows, columns, 1). Diffusion lengths are (images,), maps
    have the shape of the images.
    """
    each = (media,) * shape[0] if isinstance(media, Surroundings) else media
    return {
        name: np.array([_value(name, around) for around in each], np.float32).reshape(
            shape if name in MAPS else shape[:1]
        )
        for name in inputs_of(config)
    }


def _value(name: str, around: Surroundings) -> Any:
    """What `MediumInputs` calls by a name."""
    medium, uptake, production = around
    if name == "production":
        return production
    if isinstance(uptake, MichaelisMenten) and name in ("uptake", "saturation"):
        return uptake.maximum if name == "uptake" else uptake.constant
    return getattr(medium, name)


def _of_maps(config: Config, images: tuple[int, ...], given: Mapping[str, Any]) -> Media:
    maps: dict[str, NDArray[np.float64]] = {
        name: real_array(_words(name), given[name]) for name in config.data.maps
    }
    lattice = images[-2:]
    for name, values in maps.items():
        if values.ndim == 0:
            maps[name] = values = np.full(lattice, values)
        if values.shape not in (lattice, images):
            every = f", one for each image, {images}" if len(images) == 3 else ""
            raise PhysicsError(
                f"{_words(name)} has shape {values.shape}; give one of the lattice of the images, "
                f"{lattice}{every}, or a number"
            )
        if name == "production" and not np.all(values >= 0):
            raise PhysicsError(
                f"this surrogate was trained on a production ≥ 0, and the map has {values.min():g}"
            )
        if values.max(initial=0.0) > LARGEST:  # networks take float32
            raise PhysicsError(
                f"{_words(name)} holds {values.max():g}, and at most {LARGEST:g} is possible: "
                "choose other units"
            )
    if all(values.ndim == 2 for values in maps.values()):
        return _surroundings(config, maps)
    each = [np.broadcast_to(values, images) for values in maps.values()]
    return tuple(
        _surroundings(config, dict(zip(maps, own, strict=True))) for own in zip(*each, strict=True)
    )


def _surroundings(config: Config, maps: Mapping[str, NDArray[np.float64]]) -> Surroundings:
    medium: Any = {k: values for k, values in maps.items() if k in ("diffusivity", "decay")}
    uptake = MichaelisMenten(maps["uptake"], maps["saturation"]) if "uptake" in maps else None
    own = replace(config.physics.medium, **medium)
    return Surroundings(own, uptake, maps.get("production"))


def _of_lengths(config: Config, batch: tuple[int, ...], given: Any) -> Media:
    lengths = real_array("the diffusion length", given)
    if lengths.shape not in ((), batch):
        raise PhysicsError(
            f"diffusion_length has shape {lengths.shape}; give one number, or one for each "
            f"image{f', {batch}' if batch else ''}"
        )
    # datasets hold them as float32, whose rounding may pass the ends of the range
    shortest, longest = np.array(config.data.diffusion_length, np.float32)
    rounded = lengths.astype(np.float32)
    outside = ~((rounded >= shortest) & (rounded <= longest))
    if outside.any():
        raise PhysicsError(
            f"{_trained_for(config)}, and {lengths[outside].ravel()[0]:g} lies outside"
        )
    base = config.physics.medium
    if lengths.shape == ():
        return Surroundings(base.with_diffusion_length(float(lengths)))
    return tuple(Surroundings(base.with_diffusion_length(float(length))) for length in lengths)


def _words(name: str) -> str:
    return "the diffusion length" if name == "diffusion_length" else f"the map of the {name}"


def _trained_for(config: Config) -> str:
    """What a surrogate was trained for, as the beginning of a sentence."""
    lengths, maps = config.data.diffusion_length, config.data.maps
    if maps:
        names = " and ".join(", ".join(maps).rsplit(", ", 1))
        several = "" if len(maps) > 1 else " from node to node"
        return f"this surrogate was trained on media whose {names} vary{several}"
    if lengths:
        return "this surrogate was trained on diffusion lengths of {:g} to {:g}".format(*lengths)
    length = config.physics.medium.diffusion_length
    return f"this surrogate was trained for one medium, of diffusion length {length:g}"
