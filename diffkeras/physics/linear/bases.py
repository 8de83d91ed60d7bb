"""Transforms along one axis: fast ones, and matrix products for lengths at which these are slow.

The fast transform splits its period into prime factors, and large ones are slow: 2(n + 1) for the
sines of an absorbing axis of n nodes, with the primes 257 and 683 for n = 256 and 2048, and n for
the cosines of a reflecting axis. A matrix product is equally fast at all lengths. The modes of such
axes are even or odd about the axis' middle, so that two products of half the size suffice.

A mixed axis, which absorbs on one side and reflects on the other, has those sines of an absorbing
axis twice as long that are symmetric about its middle, the reflecting side. Nothing folds them.

Coefficients are scaled as SciPy scales `dst(type=1)`, on mixed axes of the longer axis, and
`dct(type=2)`.
"""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import DTypeLike, NDArray

Kind = Literal["sine", "cosine", "low", "high"]  # the latter two name a mixed axis' absorbing side


def waves(
    kind: Kind, nodes: int, modes: NDArray[np.integer], first: int | None = None
) -> NDArray[np.float64]:
    """The modes k of an axis of n nodes, at its first nodes j or all, (nodes, modes).

    They are sin(π (k+1)(j+1)/(n+1)) ("sine"), cos(π k (2j+1)/2n) ("cosine") and
    sin(π (2k+1)(j+1)/(2n+1)) ("low", and mirrored "high").
    """
    j = np.arange(first or nodes)[:, None]
    match kind:
        case "sine":
            numerators, period = (j + 1) * (modes + 1), 2 * (nodes + 1)
        case "cosine":
            numerators, period = (2 * j + 1) * modes, 4 * nodes
        case _:
            distance = j + 1 if kind == "low" else nodes - j  # from the absorbing side's ghost node
            numerators, period = distance * (2 * modes + 1), 2 * (2 * nodes + 1)
    # the angles' numerators are reduced to one period before they meet π: exact for any n
    angles = 2 * np.pi / period * (numerators % period)
    return np.cos(angles) if kind == "cosine" else np.sin(angles)


class FoldedBasis:
    """The modes of an absorbing ("sine") or reflecting ("cosine") axis, the even ones first."""

    def __init__(self, kind: Kind, nodes: int, dtype: DTypeLike) -> None:
        k = np.arange(nodes)
        modes = waves(kind, nodes, k, first=(nodes + 1) // 2)
        back = np.full(nodes, 1.0 / (nodes + 1 if kind == "sine" else nodes))
        if kind == "cosine":
            back[0] /= 2
        self._nodes = nodes
        self.order = np.concatenate((k[0::2], k[1::2]))  # mode numbers of the coefficients
        self._even = (2 * modes[:, 0::2]).astype(dtype)
        self._odd = (2 * modes[: nodes // 2, 1::2]).astype(dtype)
        self._even_back = (back[0::2, None] * modes[:, 0::2].T).astype(dtype)
        self._odd_back = (back[1::2, None] * modes[: nodes // 2, 1::2].T).astype(dtype)

    def forward(self, values: NDArray) -> NDArray:
        """Coefficients along the last axis."""
        n, odd = self._nodes, self._nodes // 2
        mirrored = values[..., : -odd - 1 : -1]
        symmetric = values[..., : n - odd].copy()
        symmetric[..., :odd] += mirrored
        result = np.empty_like(values)
        np.matmul(symmetric, self._even, out=result[..., : n - odd])
        if odd:
            np.matmul(values[..., :odd] - mirrored, self._odd, out=result[..., n - odd :])
        return result

    def inverse(self, coefficients: NDArray) -> NDArray:
        """The values that have these coefficients along the last axis."""
        n, odd = self._nodes, self._nodes // 2
        symmetric = coefficients[..., : n - odd] @ self._even_back
        result = np.empty_like(coefficients)
        result[..., : n - odd] = symmetric
        if odd:
            skew = coefficients[..., n - odd :] @ self._odd_back
            result[..., :odd] += skew
            np.subtract(symmetric[..., :odd], skew, out=result[..., : -odd - 1 : -1])
        return result


class MixedBasis:
    """The modes of a mixed axis."""

    def __init__(self, kind: Kind, nodes: int, dtype: DTypeLike) -> None:
        self.order = np.arange(nodes)
        modes = waves(kind, nodes, self.order)
        self._forward = (4 * modes).astype(dtype)
        self._back = (modes.T / (2 * nodes + 1)).astype(dtype)

    def forward(self, values: NDArray) -> NDArray:
        """Coefficients along the last axis."""
        return values @ self._forward

    def inverse(self, coefficients: NDArray) -> NDArray:
        """The values that have these coefficients along the last axis."""
        return coefficients @ self._back


Basis = FoldedBasis | MixedBasis


@lru_cache(maxsize=8)
def product_basis(kind: Kind, nodes: int, dtype: np.dtype) -> Basis:
    """The basis of that length and precision; the last few are cached."""
    return (MixedBasis if kind in ("low", "high") else FoldedBasis)(kind, nodes, dtype)


def mixed_forward(values: NDArray, absorbing: str, axis: int, **options: Any) -> NDArray:
    """Coefficients of a mixed axis, by the fast transform of the longer one."""
    halves = (values, np.flip(values, axis))
    doubled = np.concatenate(halves if absorbing == "low" else halves[::-1], axis)
    sines = scipy.fft.dst(doubled, type=1, axis=axis, **options)
    return np.moveaxis(np.moveaxis(sines, axis, 0)[::2], 0, axis)


def mixed_inverse(coefficients: NDArray, absorbing: str, axis: int, **options: Any) -> NDArray:
    """The values that have these coefficients."""
    coefficients = np.moveaxis(coefficients, axis, 0)
    nodes = len(coefficients)
    sines = np.zeros((2 * nodes, *coefficients.shape[1:]), coefficients.dtype)
    sines[::2] = coefficients
    doubled = scipy.fft.idst(sines, type=1, axis=0, **options)
    return np.moveaxis(doubled[:nodes] if absorbing == "low" else doubled[nodes:], 0, axis)


@lru_cache(maxsize=64)
def product_is_faster(kind: Kind, nodes: int) -> bool:
    """Whether a matrix product beats the fast transform of that many nodes.

    Costs are in ns a row, measured on one AVX-512 core in double precision; single takes half.
    """
    folded = nodes**2 / 88 + 2.6 * nodes
    if kind in ("low", "high"):
        doubling = 10 * nodes  # copies to and from the longer axis
        return 2 * folded < _fast_cost(2 * (2 * nodes + 1)) + doubling
    return folded < _fast_cost(2 * (nodes + 1) if kind == "sine" else nodes)


def _fast_cost(length: int) -> float:
    largest, divisor, number = 1, 2, length  # prime factors
    while divisor**2 <= number:
        if number % divisor:
            divisor += 1
        else:
            largest, number = divisor, number // divisor
    # passes over each factor, up to where the library goes over to Bluestein's method
    return length * min(1.3 + 0.075 * max(largest, number), 20.0)
