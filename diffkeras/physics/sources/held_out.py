"""Images for training, and images that are held out from it.

If only few different images can be drawn, for example of one disc on a small lattice, two splits
would often draw the same one. Then every image belongs to exactly one split, by a hash of its
content, and a split draws again until it gets one of its own. This needs no memory of what was
drawn, and does not depend on the dataset's seed or size.
"""

import hashlib
import math

import numpy as np

from diffkeras.physics.sources.discs import Sources
from diffkeras.physics.sources.placement import Placement
from diffkeras.physics.sources.sampling import Radius, ValueDistribution, check_radius

# Splits draw independently from 2⁴⁴ images or more. With the paper's 16,000 training and 4,800
# other images, the expected number of images in both is then below 10⁻⁵.
FEW_IMAGES = 44
# Of 16 equal shares of the images, validation gets one, the test split three, and training the
# others: about the proportions of the paper.
SHARES = 16
HELD_OUT = {0: "validation", 1: "test", 2: "test", 3: "test"}
FLOAT32_VALUES = 23  # Binary digits of a value that is uniform on (0, 1], at least.


def split_of(sources: Sources, lattice: tuple[int, int]) -> str:
    """The split that an image belongs to: train, validation or test."""
    image = sources.image(lattice).ravel()
    nodes = np.flatnonzero(image)
    content = nodes.astype("<i8").tobytes() + image[nodes].astype("<f4").tobytes()
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return HELD_OUT.get(int.from_bytes(digest, "little") % SHARES, "train")


def few_images(
    count: int,
    lattice: tuple[int, int],
    radius: Radius,
    placement: Placement,
    values: ValueDistribution,
) -> bool:
    """Whether fewer than 2⁴⁴ different images can be drawn, cautiously; radii don't count."""
    if not count:
        return False
    largest = check_radius(radius)[1]
    height, width = (max(side - 2 * math.ceil(largest), 1) for side in lattice)
    centres = height * width
    if placement.kind == "edge":
        ring = 2 * (math.floor(placement.margin) + 1)
        centres -= max(height - ring, 0) * max(width - ring, 0)
    near = centres
    if placement.kind == "clustered":  # The effective number of nodes in a normal distribution.
        near = min(centres, round(4 * math.pi * placement.spread**2))
    # Centres that one disc takes from the others.
    occupied = 0.0 if placement.overlap else math.pi * (2 * largest + 1) ** 2
    bits = math.log2(centres) - math.log2(math.factorial(count))
    for placed in range(1, count):
        bits += math.log2(max(near - placed * occupied, 1))
    return bits + (count - 1) * _bits_per_value(values) < FEW_IMAGES


def _bits_per_value(values: ValueDistribution) -> float:
    if values == "constant":
        return 0.0
    if values == "uniform":
        return FLOAT32_VALUES
    smallest, one = np.array([values[1], 1.0], np.float32).view(np.int32).tolist()
    return min(math.log2(one - smallest + 1), FLOAT32_VALUES)
