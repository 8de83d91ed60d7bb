"""Warnings of images and media outside the ranges of a surrogate's training."""

import logging
import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diffkeras.config import Config
from diffkeras.physics import Sources
from diffkeras.physics.sampling.discs import check_radius
from diffkeras.reporting.text import low_to_high
from diffkeras.representation.network_input import CONCENTRATIONS
from diffkeras.surrogates.inputs import ROUNDING

logger = logging.getLogger(__name__)

# nodes of one image are neighbours along rows and columns, and those of different images never
NEIGHBOURS = ndimage.generate_binary_structure(3, 1) & [[[False]], [[True]], [[False]]]


class RangeWarnings:
    """Logs what lies outside the ranges of a training, each sentence once: loops stay quiet.

    Args:
        config: the configuration that the network was trained with.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._logged: set[str] = set()

    def log(self, inputs: Mapping[str, NDArray[np.float32]]) -> None:
        """Log the sentences of `outside_training` that weren't logged before."""
        for sentence in outside_training(self._config, inputs):
            if sentence not in self._logged:
                self._logged.add(sentence)
                logger.warning(sentence)


def outside_training(config: Config, inputs: Mapping[str, NDArray[np.float32]]) -> Iterator[str]:
    """Warnings of what lies outside the ranges of the training, as the network sees it.

    Args:
        config: the configuration that the network was trained with.
        inputs: of the network, see `inputs_of_problem`.
    """
    images = inputs["source_images"]
    trained, sides = ("×".join(map(str, s)) for s in (config.physics.lattice, images.shape[1:3]))
    # corrections alone are the same on every lattice
    if trained != sides and not config.model.definition.knows_equation:
        yield f"the surrogate was trained on {trained} nodes, and this image has {sides}"
    yield from _outside_values(config, images)
    yield from _outside_sources(config, images[..., 0])
    yield from _outside_maps(config, config.network_input.scaled(inputs)[0])


def _outside_values(config: Config, images: NDArray[np.float32]) -> Iterator[str]:
    """Values beyond the trained range, where sides keep fields from being scaled."""
    if config.physics.medium.has_homogeneous_sides:
        return
    # all discs may be on one node
    most = max(config.data.sources) if config.data.placement.overlap else 1
    largest = images.max(axis=(1, 2, 3))
    outside = (largest > 0) & ~((largest >= 1) & (largest <= most))
    if outside.any():
        yield (
            "the surrogate was trained on images whose largest value is "
            f"{low_to_high(1, most)}, and here it is {largest[outside][0]:g}; sides have a value "
            "or a flux, so images are not scaled; bounds hold there, too, but the errors may be "
            "larger"
        )


def _outside_sources(config: Config, images: NDArray[np.float32]) -> Iterator[str]:
    """More, smaller or larger sources than in training, as far as connected nodes show them.

    Connected nodes are one source or several that touch, so there are at least as many sources as
    groups of them, and none is larger than its group.
    """
    labels, number = ndimage.label(images != 0, NEIGHBOURS)
    if not number:
        return
    firsts = np.searchsorted(np.maximum.accumulate(labels.max(axis=(1, 2))), range(1, number + 1))
    counted, most = int(np.bincount(firsts).max()), max(config.data.sources)
    if counted > most:
        yield (
            f"the surrogate was trained on images of {low_to_high(min(config.data.sources), most)} "
            f"source(s), and this one has {counted}; bounds hold there, too, but the errors may be "
            "larger"
        )
    sizes, radii = np.bincount(labels.ravel()), check_radius(config.data.radius)
    least, largest = map(_disc_nodes, radii)
    longest = 2 * math.floor(radii[1]) + 1
    outside = [size for size in sizes[1:] if size < least or size > most * largest]
    # discs that overlap, or touch and have one value, look like a larger one
    if not (config.data.placement.overlap or config.data.values == "constant"):
        for source, part in enumerate(ndimage.find_objects(labels), 1):
            extent = max(side.stop - side.start for side in part[1:])
            if sizes[source] > largest or extent > longest:
                values = images[part][labels[part] == source]
                outside += [values.size] if (values == values[0]).all() else []
    if outside:
        yield (
            f"the surrogate was trained on sources of radius {low_to_high(*radii)}, of "
            f"{low_to_high(least, largest)} nodes, and this image has another one, of {outside[0]} "
            "nodes; bounds hold there, too, but the errors may be larger"
        )


def _disc_nodes(radius: float) -> int:
    reach = math.ceil(radius)
    disc = Sources.from_lists([reach], [reach], [radius], [1.0])
    return int(disc.image((2 * reach + 1, 2 * reach + 1)).sum())


def _outside_maps(config: Config, scaled: Mapping[str, NDArray]) -> Iterator[str]:
    """Diffusion lengths or maps beyond the trained ranges, from the scaled inputs."""
    for name in config.kind.inputs:
        low, high = config.kind.ranges[name]
        least, largest = float(scaled[name].min()), float(scaled[name].max())
        if not (least >= low * (1 - ROUNDING) and largest <= high * (1 + ROUNDING)):
            relative = " times the image's largest value" if name in CONCENTRATIONS else ""
            yield (
                f"the surrogate was trained with {name} from {low:g} to {high:g}{relative}, and "
                f"these maps have {least:g} to {largest:g}; bounds hold there, too, but the errors "
                "may be larger"
            )
