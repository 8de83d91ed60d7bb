"""The sine transform of an even number of nodes by the prime factor algorithm, in matrix products.

With L = n + 1 odd, the modes that are odd and even about the middle both come from one transform
of half the size, y_k = Σ_j x_j sin(2πjk/L), j, k = 1 … (L−1)/2. Where L = r·s with r and s coprime,
the Chinese remainder theorem turns j into (a, b) = (j mod r, j mod s) and jk/L into ac/r + bd/s
(Good 1958, Thomas 1963), and with sin(α + β) = sin α cos β + cos α sin β it falls into

    P = sin_r · P_in · cos_s    and    Q = cos_r · Q_in · sin_s

of sizes (r−1)/2 × (s+1)/2 and (r+1)/2 × (s−1)/2: for n = 2048 = 3·683 − 1 a third of the
multiplications of the folded product, for n = 4096 = 17·241 − 1 an eighth.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike, NDArray

CHUNK = 1 << 16  # values that go through all steps at a time, to stay in the cache


class FactoredSine:
    """The modes of an absorbing axis of n = r·s − 1 nodes, n even; the interface of `FoldedBasis`.

    Attributes:
        order: (n,), the mode numbers in the order of the coefficients; some have the opposite sign.
    """

    def __init__(self, nodes: int, factors: tuple[int, int], dtype: DTypeLike) -> None:
        r, s = factors
        length = nodes + 1
        self._dtype = np.dtype(dtype)
        self._half = nodes // 2
        self._a, self._b = r // 2, s // 2
        a, b = _representatives(r, s)
        j = _remainder(a, r, b, s)
        # k of the pair (c, d): jk/L = ac/r + bd/s for all j
        k = _remainder(a * s, r, b * r, s)
        # a pair of nodes j, L − j each; the first half of the coefficients are the modes 2k, the
        # second L − 2k
        gather = np.concatenate((j, length - j)) - 1
        self._gather = gather
        self._scatter = np.argsort(gather)
        self._sign = np.where(j % 2, 1.0, -1.0).astype(dtype)
        folded = np.minimum(k, length - k)
        self.order = np.concatenate((2 * folded, length - 2 * folded)) - 1
        ar, bs = np.arange(1, self._a + 1), np.arange(1, self._b + 1)
        ar0, bs0 = np.arange(self._a + 1), np.arange(self._b + 1)
        self._sin_r = np.sin(2 * np.pi / r * (np.outer(ar, ar) % r)).astype(dtype)
        self._cos_r = np.cos(2 * np.pi / r * (np.outer(ar0, ar0) % r)).astype(dtype)
        self._sin_s = np.sin(2 * np.pi / s * (np.outer(bs, bs) % s)).astype(dtype)
        self._cos_s = np.cos(2 * np.pi / s * (np.outer(bs0, bs0) % s)).astype(dtype)

    def forward(self, values: NDArray) -> NDArray:
        """Coefficients along the last axis."""
        return self._in_chunks(self._forward, values)

    def inverse(self, coefficients: NDArray) -> NDArray:
        """The values that have these coefficients along the last axis."""
        return self._in_chunks(self._inverse, coefficients)

    def _in_chunks(self, function: Callable[[NDArray, NDArray], None], values: NDArray) -> NDArray:
        rows = values.reshape(-1, values.shape[-1])
        result = np.empty(rows.shape, self._dtype)
        step = max(1, CHUNK // rows.shape[1])
        for start in range(0, len(rows), step):
            function(rows[start : start + step], result[start : start + step])
        return result.reshape(values.shape)

    def _forward(self, values: NDArray, out: NDArray) -> None:
        half = self._half
        gathered = values.take(self._gather, axis=1)
        parts = np.empty((2, len(values), half), self._dtype)
        np.subtract(gathered[:, :half], gathered[:, half:], out=parts[0])
        np.add(gathered[:, :half], gathered[:, half:], out=parts[1])
        parts[1] *= self._sign
        parts *= 2  # as SciPy scales
        transformed = self._half_transform(parts.reshape(-1, half)).reshape(parts.shape)
        out[:, :half], out[:, half:] = transformed

    def _inverse(self, coefficients: NDArray, out: NDArray) -> None:
        half, rows = self._half, len(coefficients)
        parts = np.empty((2, rows, half), self._dtype)
        parts[0], parts[1] = coefficients[:, :half], coefficients[:, half:]
        skew, symmetric = self._half_transform(parts.reshape(-1, half)).reshape(parts.shape)
        symmetric *= self._sign
        both = np.empty((rows, 2 * half), self._dtype)
        np.add(symmetric, skew, out=both[:, :half])
        np.subtract(symmetric, skew, out=both[:, half:])
        both *= 1.0 / (2 * half + 1)
        both.take(self._scatter, axis=1, out=out, mode="clip")

    def _half_transform(self, values: NDArray) -> NDArray:
        """Σ over the pairs (a, b) of sin 2π(ac/r + bd/s), (rows, pairs): its own inverse · 4/L."""
        a, b, rows = self._a, self._b, len(values)
        plus = values[:, a + b : a + b + a * b].reshape(rows, a, b)
        minus = values[:, a + b + a * b :].reshape(rows, a, b)
        even = np.empty((rows, a, b + 1), self._dtype)
        even[:, :, 0] = values[:, b : a + b]
        np.add(plus, minus, out=even[:, :, 1:])
        odd = np.empty((rows, a + 1, b), self._dtype)
        odd[:, 0] = values[:, :b]
        np.subtract(plus, minus, out=odd[:, 1:])
        even = np.matmul(self._sin_r, (even.reshape(-1, b + 1) @ self._cos_s).reshape(even.shape))
        odd = np.matmul(self._cos_r, (odd.reshape(-1, b) @ self._sin_s).reshape(odd.shape))
        result = np.empty_like(values)
        result[:, :b] = odd[:, 0]
        result[:, b : a + b] = even[:, :, 0]
        # a view of the rest: (rows, 2, a, b)
        rest = np.lib.stride_tricks.as_strided(
            result[:, a + b :],
            (rows, 2, a, b),
            (result.strides[0], *(result.itemsize * size for size in (a * b, b, 1))),
        )
        np.add(even[:, :, 1:], odd[:, 1:], out=rest[:, 0])
        np.subtract(even[:, :, 1:], odd[:, 1:], out=rest[:, 1])
        return result


def coprime_factors(length: int) -> tuple[int, int] | None:
    """The coprime factors r < s of an odd length that lie closest, if there are any."""
    if length % 2 == 0:
        return None
    for r in range(math.isqrt(length), 1, -1):
        if length % r == 0 and math.gcd(r, length // r) == 1:
            return r, length // r
    return None


def _representatives(r: int, s: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One of each pair ±(a, b) ≠ 0: (0, b), (a, 0), (a, b) and (a, −b), with a, b > 0."""
    a, b = np.arange(1, r // 2 + 1), np.arange(1, s // 2 + 1)
    grid_a, grid_b = np.repeat(a, b.size), np.tile(b, a.size)
    return (
        np.concatenate((0 * b, a, grid_a, grid_a)),
        np.concatenate((b, 0 * a, grid_b, -grid_b)),
    )


def _remainder(a: NDArray[np.int64], r: int, b: NDArray[np.int64], s: int) -> NDArray[np.int64]:
    """The number modulo r·s that is a modulo r and b modulo s."""
    return (a % r * (s * pow(s, -1, r)) + b % s * (r * pow(r, -1, s))) % (r * s)
