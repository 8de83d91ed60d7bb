"""Pointwise transforms of source image and field between the linear and the network's scale.

Steady-state fields fall off exponentially. On a compressed scale, a network spends its capacity
more evenly on large and small values; arXiv 2302.03786 trains on linear, square root, logarithm and
fourth root. The functions work on arrays of NumPy, TensorFlow and Keras: each takes the array
namespace `xp` that it computes with, e.g. `numpy`, `keras.ops` or `tf.experimental.numpy`.

All four transforms increase and map 0 to 0, so "x > 0" marks the sources on both scales.
Predictions may be slightly negative. Roots are therefore extended as odd functions: otherwise a
negative prediction would become NaN or positive.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

LN_10 = math.log(10.0)


@dataclass(frozen=True)
class Transform:
    """A pointwise increasing map with its inverse.

    Attributes:
        name: the name used in configurations.
        formula: for reports, in terms of x.
        forward: `forward(x, xp=numpy)`: linear scale → network's scale, any shape.
        inverse: `inverse(z, xp=numpy)`: network's scale → linear scale, any shape.
    """

    name: str
    formula: str
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
        Transform("linear", "x", lambda x, xp: x, lambda z, xp: z),
        Transform(
            "sqrt",
            "√x",
            lambda x, xp: _odd_power(x, 0.5, xp),
            lambda z, xp: z * xp.abs(z),
        ),
        Transform(
            "log",
            "log10(1 + x)",
            lambda x, xp: xp.log1p(x) / LN_10,
            lambda z, xp: xp.expm1(z * LN_10),
        ),
        Transform(
            "power",
            "x^0.25",
            lambda x, xp: _odd_power(x, 0.25, xp),
            lambda z, xp: xp.sign(z) * xp.square(xp.square(z)),
        ),
    )
}


def get_transform(name: str) -> Transform:
    """The transform with a name: linear, sqrt, log or power.

    Raises:
        ValueError: no transform has that name.
    """
    try:
        return TRANSFORMS[name]
    except KeyError:
        raise ValueError(
            f"no transform is named {name!r}; choose one of {', '.join(TRANSFORMS)}"
        ) from None
