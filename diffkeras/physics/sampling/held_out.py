"""Images for training, and images that are held out from it.

Training may turn and mirror its images, so two images are the same to it if a symmetry of the
lattice makes one of the other. All that are the same make up an orbit.

If only few different orbits can be drawn, for example of one disc on a small lattice, two splits
would often draw the same one. Then every orbit belongs to exactly one split, by a hash of its
content, and a split draws again until it gets one of its own. This needs no memory of what was
drawn, and does not depend on the dataset's seed or size.
"""

import hashlib
import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.problem.sources import Sources
from diffkeras.physics.sampling.discs import Placement, Radius, ValueDistribution, check_radius

SYMMETRIES = 3  # binary digits of the images in an orbit, at most: a square has 8 symmetries
# Splits draw independently from 2⁴¹ orbits or more. With the paper's 16,000 training and 4,800
# other images, the expected number of orbits in both is then below 4·10⁻⁵.
# The estimate decides which splits are drawn how: to change it, or this number, changes datasets.
FEW_ORBITS = 41
# Of 16 equal shares of the orbits, validation gets one, the test split three, and training the
# others: about the proportions of the paper.
SHARES = 16
HELD_OUT = {0: "validation", 1: "test", 2: "test", 3: "test"}
FLOAT32_VALUES = 23  # binary digits of a value that is uniform on (0, 1], at least


def split_of(sources: Sources, lattice: tuple[int, int]) -> str:
    """The split that an image belongs to, with all its mirror images: train, validation or test."""
    digest = hashlib.blake2b(_least_of_orbit(sources, lattice), digest_size=8).digest()
    return HELD_OUT.get(int.from_bytes(digest, "little") % SHARES, "train")


def _least_of_orbit(sources: Sources, lattice: tuple[int, int]) -> bytes:
    """The content of the image, in the symmetry in which it is least.

    The symmetries are those of the rectangle or square, whatever the sides do: training uses some
    of them, or none. The content is the nodes that aren't 0, with their values relative to the
    largest, because networks see images divided by it.
    """
    if sources.overlap:  # the sums of overlapping discs must not depend on the order of the discs
        order = np.argsort(sources.values)
        lists: Any = {name: array[order] for name, array in sources.arrays().items()}
        sources = replace(sources, **lists)
    image = sources.image(lattice)
    nodes = np.nonzero(image)
    values = (image[nodes] / image.max()).astype("<f4")
    mirrored = [(i, side - 1 - i) for i, side in zip(nodes, lattice, strict=True)]
    orbit = [(row, column) for row in mirrored[0] for column in mirrored[1]]
    if lattice[0] == lattice[1]:
        orbit += [(column, row) for row, column in orbit]
    return min(_content(row * lattice[1] + column, values) for row, column in orbit)


def _content(nodes: NDArray[np.int64], values: NDArray[np.float32]) -> bytes:
    order = np.argsort(nodes)
    return nodes[order].astype("<i8").tobytes() + values[order].tobytes()


def few_images(
    count: int,
    lattice: tuple[int, int],
    radius: Radius,
    placement: Placement,
    values: ValueDistribution,
) -> bool:
    """Whether fewer than 2⁴¹ different orbits can be drawn, cautiously; radii don't count."""
    if not count:
        return False
    largest = check_radius(radius)[1]
    height, width = (max(side - 2 * math.ceil(largest), 1) for side in lattice)
    centres = height * width
    if placement.kind == "edge":
        ring = 2 * (math.floor(placement.margin) + 1)
        centres -= max(height - ring, 0) * max(width - ring, 0)
    near = centres
    if placement.kind == "clustered":  # the effective number of nodes in a normal distribution
        near = min(centres, round(4 * math.pi * placement.spread**2))
    # centres that one disc takes from the others
    occupied = 0.0 if placement.overlap else math.pi * (2 * largest + 1) ** 2
    bits = math.log2(centres) - math.log2(math.factorial(count))
    for placed in range(1, count):
        bits += math.log2(max(near - placed * occupied, 1))
    return bits + (count - 1) * _bits_per_value(values) - SYMMETRIES < FEW_ORBITS


def _bits_per_value(values: ValueDistribution) -> float:
    if values == "constant":
        return 0.0
    if values == "uniform":
        return FLOAT32_VALUES
    smallest, one = np.array([values[1], 1.0], np.float32).view(np.int32).tolist()
    return min(math.log2(one - smallest + 1), FLOAT32_VALUES)
