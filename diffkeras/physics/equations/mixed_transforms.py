"""The transform of an axis that absorbs on one side and reflects on the other.

Its modes are those sines of an absorbing axis twice as long that are symmetric about the middle,
which is the reflecting side: sin(π (2k+1)(j+1)/(2n+1)) if the side next to node 0 absorbs ("low"),
and mirrored if the other one does ("high"). Coefficients are scaled as SciPy scales `dst(type=1)`
of the longer axis.
"""

from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import DTypeLike, NDArray

Absorbing = Literal["low", "high"]


class MixedBasis:
    """The modes for matrix products, which no symmetry folds.

    Attributes:
        order: (n,), the mode numbers in the order of the coefficients: 0, 1, 2, ….
    """

    def __init__(self, absorbing: Absorbing, nodes: int, dtype: DTypeLike) -> None:
        distance = np.arange(1, nodes + 1)[:, None]  # from the absorbing side's ghost node
        self.order = np.arange(nodes)
        period = 2 * (2 * nodes + 1)
        modes = np.sin(2 * np.pi / period * (distance * (2 * self.order + 1) % period))
        if absorbing == "high":
            modes = modes[::-1]
        self._forward = (4 * modes).astype(dtype)
        self._back = (modes.T / (2 * nodes + 1)).astype(dtype)

    def forward(self, values: NDArray) -> NDArray:
        """Coefficients along the last axis."""
        return values @ self._forward

    def inverse(self, coefficients: NDArray) -> NDArray:
        """The values that have these coefficients along the last axis."""
        return coefficients @ self._back


def mixed_forward(values: NDArray, absorbing: Absorbing, axis: int, **options: Any) -> NDArray:
    """Coefficients along an array axis, by the fast transform of the longer axis."""
    halves = (values, np.flip(values, axis))
    doubled = np.concatenate(halves if absorbing == "low" else halves[::-1], axis)
    sines = scipy.fft.dst(doubled, type=1, axis=axis, **options)
    return np.moveaxis(np.moveaxis(sines, axis, 0)[::2], 0, axis)


def mixed_inverse(
    coefficients: NDArray, absorbing: Absorbing, axis: int, **options: Any
) -> NDArray:
    """The values that have these coefficients."""
    coefficients = np.moveaxis(coefficients, axis, 0)
    nodes = len(coefficients)
    sines = np.zeros((2 * nodes, *coefficients.shape[1:]), coefficients.dtype)
    sines[::2] = coefficients
    doubled = scipy.fft.idst(sines, type=1, axis=0, **options)
    return np.moveaxis(doubled[:nodes] if absorbing == "low" else doubled[nodes:], 0, axis)
