"""Pointwise transforms of source image and field between the linear and the network's scale.

Steady-state fields decrease exponentially, so arXiv 2302.03786 also trains on compressed scales.
Functions take the array namespace `xp` that they compute with, e.g. `numpy` or `keras.ops`.

All transforms increase and map 0 to 0, so "x > 0" marks the sources on both scales. Roots are
extended as odd functions, because predictions may be slightly negative.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

LN_10 = math.log(10.0)


@dataclass(frozen=True)
class Transform:
    """A pointwise increasing map with its inverse."""

    name: str
    _forward: Callable[[Any, Any], Any]
    _inverse: Callable[[Any, Any], Any]

    def forward(self, x: Any, xp: Any = np) -> Any:
        """Linear scale → network's scale."""
        return self._forward(x, xp)

    def inverse(self, z: Any, xp: Any = np) -> Any:
        """Network's scale → linear scale."""
        return self._inverse(z, xp)


def _odd_power(x: Any, exponent: float, xp: Any) -> Any:
    return xp.sign(x) * xp.power(xp.abs(x), exponent)


TRANSFORMS: dict[str, Transform] = {
    t.name: t
    for t in (
        Transform("linear", lambda x, xp: x, lambda z, xp: z),
        Transform(
            "sqrt",
            lambda x, xp: _odd_power(x, 0.5, xp),
            lambda z, xp: z * xp.abs(z),
        ),
        Transform(
            "log",
            lambda x, xp: xp.log1p(x) / LN_10,
            lambda z, xp: xp.expm1(z * LN_10),
        ),
        Transform(
            "power",
            lambda x, xp: _odd_power(x, 0.25, xp),
            lambda z, xp: xp.sign(z) * xp.square(xp.square(z)),
        ),
    )
}


def get_transform(name: str) -> Transform:
    """The transform with a name: linear, sqrt, log or power; a ValueError for other names."""
    if name not in TRANSFORMS:
        raise ValueError(f"no transform is named {name!r}; choose one of {', '.join(TRANSFORMS)}")
    return TRANSFORMS[name]
