"""Warnings of images and media outside the ranges of a network's training."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from diffkeras.system.messages import low_to_high
from diffkeras.view.network_view import NetworkView
from diffkeras.view.scales import CONCENTRATIONS
from diffkeras.view.trained_problems import ROUNDING

# nodes of one image are neighbours along rows and columns, and those of different images never
NEIGHBOURS = ndimage.generate_binary_structure(3, 1) & [[[False]], [[True]], [[False]]]
BOUNDS_HOLD = "; bounds hold there, too, but the errors may be larger"


def outside_training(view: NetworkView, inputs: Mapping[str, NDArray[np.float32]]) -> Iterator[str]:
    """Warnings of what lies outside the ranges of the training, as the network sees it."""
    images, recipe = inputs["source_images"], view.recipe
    trained, sides = ("×".join(map(str, s)) for s in (recipe.lattice, images.shape[1:3]))
    if trained != sides and not view.any_lattice:
        yield f"the surrogate was trained on {trained} nodes, and this image has {sides}"
    if not view.scales:
        yield from _outside_values(view, images)
    yield from _outside_sources(view, images[..., 0])
    scaled, _ = view.scaled(inputs)
    for name in view.varying:
        low, high = view.ranges[name]
        least, largest = float(scaled[name].min()), float(scaled[name].max())
        if not (least >= low * (1 - ROUNDING) and largest <= high * (1 + ROUNDING)):
            relative = " times the image's largest value" if name in CONCENTRATIONS else ""
            yield (
                f"the surrogate was trained with {name} from {low:g} to {high:g}{relative}, and "
                f"these maps have {least:g} to {largest:g}{BOUNDS_HOLD}"
            )


def _outside_values(view: NetworkView, images: NDArray[np.float32]) -> Iterator[str]:
    """Values beyond the trained range, where sides keep fields from being scaled."""
    # all discs may be on one node
    most = max(view.counts) if view.recipe.placement.overlap else 1
    largest = images.max(axis=(1, 2, 3))
    outside = (largest > 0) & ~((largest >= 1) & (largest <= most))
    if outside.any():
        yield (
            "the surrogate was trained on images whose largest value is "
            f"{low_to_high(1, most)}, and here it is {largest[outside][0]:g}; sides have a value "
            f"or a flux, so images are not scaled{BOUNDS_HOLD}"
        )


def _outside_sources(view: NetworkView, images: NDArray[np.float32]) -> Iterator[str]:
    """More, smaller or larger sources than in training, as far as connected nodes show them.

    Connected nodes are one source or several that touch, so there are at least as many sources as
    groups of them, and none is larger than its group.
    """
    labels, number = ndimage.label(images != 0, NEIGHBOURS)
    if not number:
        return
    firsts = np.searchsorted(np.maximum.accumulate(labels.max(axis=(1, 2))), range(1, number + 1))
    recipe, counted, most = view.recipe, int(np.bincount(firsts).max()), max(view.counts)
    if counted > most:
        yield (
            f"the surrogate was trained on images of {low_to_high(min(view.counts), most)} "
            f"source(s), and this one has {counted}{BOUNDS_HOLD}"
        )
    sizes, radii = np.bincount(labels.ravel()), recipe.radii
    least, largest = map(_disc_nodes, radii)
    longest = 2 * math.floor(radii[1]) + 1
    outside = [size for size in sizes[1:] if size < least or size > most * largest]
    # discs that overlap, or touch and have one value, look like a larger one
    if not (recipe.placement.overlap or recipe.values == "constant"):
        for source, part in enumerate(ndimage.find_objects(labels), 1):
            extent = max(side.stop - side.start for side in part[1:])
            if sizes[source] > largest or extent > longest:
                values = images[part][labels[part] == source]
                outside += [values.size] if (values == values[0]).all() else []
    if outside:
        yield (
            f"the surrogate was trained on sources of radius {low_to_high(*radii)}, of "
            f"{low_to_high(least, largest)} nodes, and this image has a source of {outside[0]} "
            f"nodes{BOUNDS_HOLD}"
        )


def _disc_nodes(radius: float) -> int:
    squares = np.arange(-math.floor(radius), math.floor(radius) + 1) ** 2
    return int((np.add.outer(squares, squares) <= np.float32(radius).item() ** 2).sum())
