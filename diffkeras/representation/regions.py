"""Regions of the lattice for which errors are reported, as in arXiv 2302.03786.

The three rings R1 to R3 around the sources are defined by the target field u, never by a
prediction. Only operators are used, so arrays of NumPy and tensors of any Keras backend work.
"""

from collections.abc import Callable
from typing import Any

REGIONS: dict[str, str] = {  # name → label for tables and plots
    "lattice": "whole lattice",
    "sources": "sources (x > 0)",
    "field": "field (x = 0)",
    "r1": "R1 (x = 0, 0.2 ≤ u ≤ 1)",
    "r2": "R2 (x = 0, 0.1 ≤ u < 0.2)",
    "r3": "R3 (x = 0, 0.05 ≤ u < 0.1)",
}
_MASKS: dict[str, Callable[[Any, Any], Any]] = {
    # also nodes where the field is NaN, so that a broken target shows in the error
    "lattice": lambda u, x: (u >= 0) | ~(u >= 0),
    "sources": lambda u, x: x > 0,
    "field": lambda u, x: x == 0,
    "r1": lambda u, x: (x == 0) & (u >= 0.2) & (u <= 1.0),
    "r2": lambda u, x: (x == 0) & (u >= 0.1) & (u < 0.2),
    "r3": lambda u, x: (x == 0) & (u >= 0.05) & (u < 0.1),
}


def region_mask(name: str, field: Any, source_image: Any) -> Any:
    """The nodes that belong to a region, booleans of the shape of `field`.

    Args:
        name: a key of `REGIONS`.
        field: target field u on the linear scale.
        source_image: source image x on the linear scale; may be None for the region "lattice".

    Raises:
        ValueError: there is no region of that name, or it needs the source image.
    """
    if name not in REGIONS:
        raise ValueError(f"no region is named {name!r}; choose one of {', '.join(REGIONS)}")
    if source_image is None and name != "lattice":
        raise ValueError(
            f"region {name!r} needs the source image: make y_true with diffkeras.nn.pack_target"
        )
    return _MASKS[name](field, source_image)
