"""The boundary of one lattice axis: its eigenvalues, its transform and its mirror images.

On an axis of N nodes (0 … N−1) with unit step, the negated second difference
−δ²u_i = 2u_i − u_{i−1} − u_{i+1} is closed by the two ghost nodes −1 and N:

- absorbing: u_{−1} = u_N = 0; diagonal in the sine basis (DST-I).
- reflecting: u_{−1} = u_0 and u_N = u_{N−1}, so no flux leaves through the faces at −½ and N−½;
  diagonal in the cosine basis (DCT-II).
- periodic: u_{−1} = u_{N−1} and u_N = u_0; diagonal in the Fourier basis.

Each is also the restriction of a periodic problem on a longer axis to functions with the right
symmetry, which is where the method of images comes from: the Green's function of a pair (i, k) is a
signed sum of the periodic one over the images of k.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.operators.matrix_transforms import (
    FoldedBasis,
    Kind,
    product_basis,
    product_is_faster,
)
from diffkeras.physics.operators.prime_factor import FactoredSine

BoundaryName = Literal["absorbing", "reflecting", "periodic"]
BOUNDARIES: tuple[BoundaryName, ...] = ("absorbing", "reflecting", "periodic")
ALIASES: dict[str, BoundaryName] = {
    "dirichlet": "absorbing",
    "neumann": "reflecting",
    "no-flux": "reflecting",
}
# the fast transforms of a boundary and their inverses
FAST: dict[str, tuple[Callable[..., NDArray], Callable[..., NDArray]]] = {
    "absorbing": (partial(scipy.fft.dst, type=1), partial(scipy.fft.idst, type=1)),
    "reflecting": (partial(scipy.fft.dct, type=2), partial(scipy.fft.idct, type=2)),
    "periodic": (scipy.fft.rfft, scipy.fft.irfft),
    "complex": (scipy.fft.fft, scipy.fft.ifft),
}


def canonical_boundary(name: str, value: Any) -> BoundaryName:
    """The boundary that a value or one of its aliases stands for."""
    boundary = ALIASES.get(value.lower(), value.lower()) if isinstance(value, str) else value
    if not isinstance(boundary, str) or boundary not in BOUNDARIES:
        raise PhysicsError(
            f"{name} {value!r:.60} is unknown; choose one of {', '.join(BOUNDARIES)}"
        )
    return boundary


@dataclass(frozen=True)
class Axis:
    """One lattice axis of `nodes` nodes with its boundary."""

    nodes: int
    boundary: BoundaryName

    def __post_init__(self) -> None:
        if self.nodes < 1:
            raise PhysicsError(f"a lattice needs at least one node a side, not {self.nodes}")

    @property
    def singular(self) -> bool:
        """Whether constants have no curvature here, so that decay 0 leaves them undetermined."""
        return self.boundary != "absorbing"

    @property
    def period(self) -> int:
        """Length of the periodic axis whose symmetric functions are those of this axis."""
        return {
            "absorbing": 2 * (self.nodes + 1),
            "reflecting": 2 * self.nodes,
            "periodic": self.nodes,
        }[self.boundary]

    @cached_property
    def by_product(self) -> bool:
        """Whether the transforms are matrix products, as fast ones are slow at this length."""
        return self.boundary != "periodic" and product_is_faster(self._kind, self.nodes)

    def eigenvalues(self, full: bool = False) -> NDArray[np.float64]:
        """Eigenvalues 2 − 2cos θ of −δ², in the order in which `forward` gives coefficients."""
        modes = np.arange(self.nodes)
        match self.boundary:
            case "absorbing":
                half_angle = (modes + 1) * np.pi / self.period
            case "reflecting":
                half_angle = modes * np.pi / self.period
            case "periodic":
                count = self.nodes if full else self.nodes // 2 + 1
                half_angle = np.arange(count) * np.pi / self.period
        if self.by_product:
            half_angle = half_angle[self._basis(np.dtype(np.float64)).order]
        # 4 sin²(θ/2): 2 − 2cos θ loses half its digits to cancellation at small θ
        return 4.0 * np.sin(half_angle) ** 2

    def forward(
        self,
        values: NDArray,
        axis: int,
        full: bool = False,
        workers: int | None = None,
        overwrite: bool = False,
    ) -> NDArray:
        """Coefficients in this axis' eigenbasis, along array axis `axis`.

        A periodic axis gives complex coefficients: of real values only the half spectrum, of
        complex values (`full`) all of it. `overwrite` lets the values be destroyed.
        """
        if self.by_product:
            basis = self._basis(values.dtype)
            return basis.forward(values.swapaxes(axis, -1)).swapaxes(axis, -1)
        transform = FAST["complex" if full else self.boundary][0]
        return transform(values, n=self.nodes, axis=axis, workers=workers, overwrite_x=overwrite)

    def inverse(
        self,
        coefficients: NDArray,
        axis: int,
        full: bool = False,
        workers: int | None = None,
    ) -> NDArray:
        """The values that have these coefficients, which may be destroyed."""
        if self.by_product:
            basis = self._basis(coefficients.dtype)
            return basis.inverse(coefficients.swapaxes(axis, -1)).swapaxes(axis, -1)
        transform = FAST["complex" if full else self.boundary][1]
        return transform(coefficients, n=self.nodes, axis=axis, workers=workers, overwrite_x=True)

    @property
    def _kind(self) -> Kind:
        return "sine" if self.boundary == "absorbing" else "cosine"

    def _basis(self, dtype: np.dtype) -> FoldedBasis | FactoredSine:
        return product_basis(self._kind, self.nodes, dtype)

    def images(self, i: Any, k: Any, xp: Any = np) -> list[tuple[float, Any]]:
        """Signs and offsets, in 0 … period // 2, of the images of nodes `k` seen from nodes `i`.

        `xp` is the array namespace of both, such as `numpy` or `tensorflow`.
        """
        direct = xp.abs(i - k)
        match self.boundary:
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


def lattice_axes(
    lattice: tuple[int, ...], boundaries: tuple[BoundaryName, ...]
) -> tuple[Axis, ...]:
    """The axes of a lattice of two or three sides."""
    return tuple(map(Axis, lattice, boundaries))
