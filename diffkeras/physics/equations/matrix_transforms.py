"""Sine and cosine transforms as matrix products, for lengths at which fast transforms are slow.

The fast transform splits its period into prime factors, and large ones are slow: 2(n + 1) for the
sines of an absorbing axis of n nodes, with the primes 257 and 683 for n = 256 and 2048, and n for
the cosines of a reflecting axis. A matrix product is equally fast at all lengths. The modes are
even or odd about the axis' middle, so that two products of half the size suffice. Those of a mixed
axis (`mixed_transforms`) are neither.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from diffkeras.physics.equations.mixed_transforms import MixedBasis

Kind = Literal["sine", "cosine", "low", "high"]  # the latter two are those of `mixed_transforms`


def waves(
    kind: Kind, nodes: int, modes: NDArray[np.integer], first: int | None = None
) -> NDArray[np.float64]:
    """sin(π (k+1)(j+1)/(n+1)) ("sine") or cos(π k (2j+1)/2n) ("cosine") of an axis of n nodes.

    Args:
        kind: which.
        nodes: n.
        modes: the numbers k, from 0 on.
        first: the number of nodes j, from 0 on; by default all.

    Returns:
        (nodes, modes).
    """
    j = np.arange(first or nodes)[:, None]
    # the angles' numerators are reduced to one period before they meet π: exact for any n
    if kind == "sine":
        period = 2 * (nodes + 1)
        return np.sin(2 * np.pi / period * ((j + 1) * (modes + 1) % period))
    period = 4 * nodes
    return np.cos(2 * np.pi / period * ((2 * j + 1) * modes % period))


class FoldedBasis:
    """The modes of an absorbing ("sine") or reflecting ("cosine") axis, the even ones first.

    The modes are `waves`. Coefficients are scaled as SciPy scales `dst(type=1)` and `dct(type=2)`.

    Attributes:
        order: (n,), the mode numbers in the order of the coefficients: 0, 2, 4, …, 1, 3, ….
    """

    def __init__(self, kind: Kind, nodes: int, dtype: DTypeLike) -> None:
        k = np.arange(nodes)
        modes = waves(kind, nodes, k, first=(nodes + 1) // 2)
        if kind == "sine":
            back = np.full(nodes, 1.0 / (nodes + 1))
        else:
            back = np.full(nodes, 1.0 / nodes)
            back[0] /= 2
        self._nodes = nodes
        self.order = np.concatenate((k[0::2], k[1::2]))
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


Basis = FoldedBasis | MixedBasis


@lru_cache(maxsize=8)
def product_basis(kind: Kind, nodes: int, dtype: np.dtype) -> Basis:
    """The basis of that length and precision; the last few are cached."""
    if kind in ("low", "high"):
        return MixedBasis(kind, nodes, dtype)
    return FoldedBasis(kind, nodes, dtype)


@lru_cache(maxsize=64)
def product_is_faster(kind: Kind, nodes: int) -> bool:
    """Whether a matrix product beats the fast transform of that many nodes."""
    if kind in ("low", "high"):
        doubling = 10 * nodes  # copies to and from the longer axis
        return 2 * _folded_cost(nodes) < _fast_cost(2 * (2 * nodes + 1)) + doubling
    return _folded_cost(nodes) < _fast_cost(2 * (nodes + 1) if kind == "sine" else nodes)


# Costs in ns a row, measured on one AVX-512 core in double precision; single takes half of each.


def _fast_cost(length: int) -> float:
    # passes over the prime factor p, up to where the library goes over to Bluestein's method
    largest = max(_prime_factors(length), default=1)
    return length * min(1.3 + 0.075 * largest, 20.0)


def _folded_cost(nodes: int) -> float:
    return nodes**2 / 88 + 2.6 * nodes


def _prime_factors(number: int) -> set[int]:
    factors = set()
    divisor = 2
    while divisor**2 <= number:
        while number % divisor == 0:
            factors.add(divisor)
            number //= divisor
        divisor += 1
    return factors | ({number} if number > 1 else set())
