"""The boundary of one lattice axis: its eigenvalues, its transform and its mirror images.

On an axis of N nodes (0 … N−1) with unit step, the negated second difference
−δ²u_i = 2u_i − u_{i−1} − u_{i+1} is closed by the two ghost nodes −1 and N:

- absorbing: u_{−1} = u_N = 0; diagonal in the sine basis (DST-I).
- reflecting: u_{−1} = u_0 and u_N = u_{N−1}, so no flux leaves through the faces at −½ and N−½;
  diagonal in the cosine basis (DCT-II).
- periodic: u_{−1} = u_{N−1} and u_N = u_0; diagonal in the Fourier basis.
- mixed, with one absorbing and one reflecting side: diagonal in the sines of an absorbing axis
  twice as long that are symmetric about its middle, the reflecting side.

Each is also the restriction of a periodic problem on a longer axis to functions with the right
symmetry, which is where the method of images comes from: the Green's function of a pair (i, k) is a
signed sum of the periodic one over the images of k. A mixed axis has the period 2(2N + 1), and half
of it changes the sign of its functions: with the odd modes of the period alone, two images are
enough.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial, reduce
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from diffkeras.physics.linear.bases import (
    Basis,
    Kind,
    mixed_forward,
    mixed_inverse,
    product_basis,
    product_is_faster,
)
from diffkeras.physics.problem.given_sides import BoundaryName
from diffkeras.physics.problem.sides import AxisBoundary, both_sides

# The fast transforms and their inverses
FAST: dict[str, tuple[Callable[..., NDArray], Callable[..., NDArray]]] = {
    "sine": (partial(scipy.fft.dst, type=1), partial(scipy.fft.idst, type=1)),
    "cosine": (partial(scipy.fft.dct, type=2), partial(scipy.fft.idct, type=2)),
    "low": (partial(mixed_forward, absorbing="low"), partial(mixed_inverse, absorbing="low")),
    "high": (partial(mixed_forward, absorbing="high"), partial(mixed_inverse, absorbing="high")),
    "real": (scipy.fft.rfft, scipy.fft.irfft),
    "complex": (scipy.fft.fft, scipy.fft.ifft),
}
VALUES_AT_A_TIME = 1 << 16


@dataclass(frozen=True)
class Axis:
    """One lattice axis."""

    nodes: int  # their number N
    boundary: AxisBoundary  # of both sides; or (low, high), one absorbing and one reflecting side

    @property
    def sides(self) -> tuple[BoundaryName, BoundaryName]:
        """Boundary of the low side, next to node 0, and of the high side."""
        return both_sides(self.boundary)

    @property
    def is_mixed(self) -> bool:
        """Whether one side absorbs and the other one reflects."""
        return isinstance(self.boundary, tuple)

    @property
    def is_singular(self) -> bool:
        """Whether constants have no curvature here, so that decay 0 leaves them undetermined."""
        return "absorbing" not in self.sides

    @property
    def period(self) -> int:
        """Length of the periodic axis whose symmetric functions are the functions of this axis."""
        match self.boundary:
            case "absorbing":
                return 2 * (self.nodes + 1)
            case "reflecting":
                return 2 * self.nodes
            case "periodic":
                return self.nodes
            case _:
                return 2 * (2 * self.nodes + 1)

    @property
    def barrier_height(self) -> float:
        """At least the maximum of a ψ ≥ 0 with −δ²ψ = 1; infinite if no side absorbs."""
        # ψ = (i + 1)(N − i)/2 is at most (N + 1)²/8; a mixed axis has the ψ of the doubled one
        return math.inf if self.is_singular else self.period**2 / 32

    @cached_property
    def by_product(self) -> bool:
        """Whether the transforms are matrix products, as fast ones are slow at this length."""
        return self._kind is not None and product_is_faster(self._kind, self.nodes)

    def eigenvalues(self, full: bool = False) -> NDArray[np.float64]:
        """Eigenvalues 2 − 2cos θ of −δ², in the order in which `forward` gives coefficients."""
        is_half = self.boundary == "periodic" and not full
        modes = np.arange(self.nodes // 2 + 1 if is_half else self.nodes)
        if not self.is_singular:
            modes = 2 * modes + 1 if self.is_mixed else modes + 1
        half_angle = modes * np.pi / self.period
        if self.by_product:
            half_angle = half_angle[self._basis(np.dtype(np.float64)).order]
        # 4 sin²(θ/2): 2 − 2cos θ loses half its digits to cancellation at small θ
        return 4.0 * np.sin(half_angle) ** 2

    def forward(
        self, values: NDArray, axis: int, full: bool = False, overwrite: bool = False
    ) -> NDArray:
        """Coefficients in this axis' eigenbasis, along array axis `axis`; may destroy the values.

        On a periodic axis they are complex: half of the spectrum of real values, or `full`.
        """
        if self.by_product:
            basis = self._basis(values.dtype)
            return basis.forward(values.swapaxes(axis, -1)).swapaxes(axis, -1)
        transform = FAST["complex" if full else self._kind or "real"][0]
        return transform(values, axis=axis, overwrite_x=overwrite)

    def inverse(self, coefficients: NDArray, axis: int, full: bool = False) -> NDArray:
        """The values that have these coefficients, which may be destroyed."""
        if self.by_product:
            basis = self._basis(coefficients.dtype)
            return basis.inverse(coefficients.swapaxes(axis, -1)).swapaxes(axis, -1)
        transform = FAST["complex" if full else self._kind or "real"][1]
        length = {} if self._kind else {"n": self.nodes}
        return transform(coefficients, axis=axis, overwrite_x=True, **length)

    @property
    def _kind(self) -> Kind | None:
        """The kind of transform; None for a periodic axis."""
        if isinstance(self.boundary, tuple):
            return "low" if self.boundary[0] == "absorbing" else "high"
        kinds: dict[str, Kind] = {"absorbing": "sine", "reflecting": "cosine"}
        return kinds.get(self.boundary)

    def _basis(self, dtype: np.dtype) -> Basis:
        assert self._kind is not None
        return product_basis(self._kind, self.nodes, dtype)

    def keep_modes(self, modes: NDArray) -> None:
        """Weight the modes 0 … period // 2 of the periodic axis, along array axis 0, in place.

        The signs of the `images` cancel the constant mode if a side absorbs. Where decay is slow it
        would outweigh all others by far, and its rounding would not cancel. On a mixed axis only
        the odd modes stay, with twice their weight.
        """
        if self.is_mixed:
            modes[::2] = 0.0
            modes[1::2] *= 2.0
        elif not self.is_singular:
            modes[0] = 0.0

    def images(self, i: Any, k: Any, xp: Any = np) -> list[tuple[float, Any]]:
        """Signs and offsets, in 0 … period // 2, of the images of nodes `k` seen from nodes `i`.

        They are for the modes that `keep_modes` keeps. `xp` is the namespace of both arrays.
        """
        direct = xp.abs(i - k)
        match self.sides[0]:
            case "absorbing":
                return [(1.0, direct), (-1.0, self._fold(i + k + 2, xp))]
            case "reflecting":
                return [(1.0, direct), (1.0, self._fold(i + k + 1, xp))]
            case "periodic":
                return [(1.0, self._fold(direct, xp))]

    def _fold(self, offset: Any, xp: Any) -> Any:
        return xp.minimum(offset, self.period - offset)


def sum_of_images(terms: Iterable[tuple[float, Any]]) -> Any:
    """Σ sign · term, of signs ±1 and arrays. The first sign is +1, and its array is overwritten."""
    total: Any = None
    for sign, term in terms:
        if total is None:
            total = term
        elif sign > 0:
            total += term
        else:
            total -= term
    return total


def least_barrier(axes: Sequence[Axis], couplings: Sequence[float]) -> float:
    """The least bound of ‖A⁻¹‖∞ [time] by an axis' barrier, for κ = D/h² [1/time] along each."""
    pairs = zip(axes, couplings, strict=True)
    return min(axis.barrier_height / coupling for axis, coupling in pairs)


def longest_crossing(axes: Sequence[Axis], couplings: Sequence[float]) -> float:
    """The largest (N + 1)²/8κ of the axes [time], from which a bound of ‖A⁻¹‖∞ counts as large."""
    pairs = zip(axes, couplings, strict=True)
    return max((axis.nodes + 1) ** 2 / (8 * coupling) for axis, coupling in pairs)


class LatticeTransforms:
    """Transforms between values on a lattice and coefficients in the product of the axes' bases.

    The real-to-complex transform of a periodic axis goes first; other ones are "full".
    """

    def __init__(self, axes: tuple[Axis, ...], first: int = 0) -> None:
        """Transforms along the axes from `first`, 0 or 1, on."""
        self._axes = axes
        self._apart = first == 1  # whether the indices of axis 0 are transformed one by one
        positions = list(range(first, len(axes)))[::-1]
        periodic = [p for p in positions if axes[p].boundary == "periodic"]
        begin = periodic[-1] if periodic else positions[0]
        positions.remove(begin)
        self._order = [(begin, False), *((p, p in periodic) for p in positions)]

    def eigenvalues(self, couplings: tuple[float, ...]) -> NDArray[np.float64]:
        """Σ coupling · eigenvalue of −δ² along these axes, at the coefficients' places."""
        order = sorted(self._order)
        along = (self._axes[position].eigenvalues(full) for position, full in order)
        return outer_sum([couplings[position] for position, _ in order], along)

    def forward(self, values: NDArray) -> NDArray:
        """Coefficients of values on the lattice."""
        return self._in_chunks(self._forward, values)

    def backward(self, coefficients: NDArray) -> NDArray:
        """The values of coefficients, which may be destroyed."""
        return self._in_chunks(self._backward, coefficients, overwrite=True)

    def _forward(self, values: NDArray) -> NDArray:
        coefficients = values
        for position, full in self._order:
            axis, overwrite = position - len(self._axes), coefficients is not values
            transform = self._axes[position].forward
            coefficients = transform(coefficients, axis, full, overwrite)
        return coefficients

    def _backward(self, coefficients: NDArray) -> NDArray:
        for position, full in reversed(self._order):
            axis = position - len(self._axes)
            coefficients = self._axes[position].inverse(coefficients, axis, full)
        return coefficients

    def _in_chunks(
        self, transform: Callable[[NDArray], NDArray], values: NDArray, overwrite: bool = False
    ) -> NDArray:
        """A transform; in three dimensions of a few planes at a time, which stay in the cache."""
        alone = not self._apart or values.ndim == 2 or len(values) == 0
        if alone or scipy.fft.get_workers() > 1:
            return transform(values)
        few = max(1, VALUES_AT_A_TIME // values[0].size)
        result = values
        for start in range(0, len(values), few):
            planes = values[start : start + few]
            transformed = transform(planes)
            if start == 0:
                alike = (transformed.dtype, transformed.shape) == (planes.dtype, planes.shape)
                if not (overwrite and alike):
                    result = np.empty((len(values), *transformed.shape[1:]), transformed.dtype)
            result[start : start + few] = transformed
        return result


def outer_sum(
    couplings: Iterable[float], along: Iterable[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Σ coupling · values, with an axis for the values of each."""
    return reduce(np.add.outer, map(np.multiply, couplings, along))
