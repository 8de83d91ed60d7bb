"""The lattice operator A = −D∇²_h + γ, its inverse by transforms, and its Green's function.

On the full rectangular lattice A is diagonal in the product of the two axes' eigenbases (sines,
cosines or Fourier modes; `axis`), so A⁻¹ is a forward transform, a division and an inverse
transform (Hockney 1965; Buzbee, Golub & Nielson 1970). Where it can, it transforms along axis 1
only and solves the tridiagonal systems that this leaves along axis 0 (`tridiagonal`).

Where no axis absorbs, constant fields have the eigenvalue γ. If γ is 0, A is singular. If γ is far
below the least positive eigenvalue λ of −D∇²_h, the constant mode outweighs all others in A⁻¹, and
their digits are lost. The operator is then "deflated": its inverse A₀⁻¹ gives the constant mode the
eigenvalue κ = λ + γ of the next one, which keeps G symmetric positive definite, and

    A⁻¹q = A₀⁻¹q + s Σq,    s = (1/γ − 1/κ) / nodes.

The callers find the last term separately (`ring_field`, `predicted_problem`).
"""

import math
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from diffkeras.physics.medium import Medium
from diffkeras.physics.operators.axis import Axis, lattice_axes
from diffkeras.physics.operators.tridiagonal import TridiagonalSolver

DEFLATED = 1e-3  # share of κ; a smaller γ costs the other modes more than three digits
LARGE = 1 << 20  # nodes, from which on the tables of eight media would take more than 0.1 GB
# how `numpy.pad` names the values just outside
GHOSTS: dict[str, Any] = {"absorbing": "constant", "reflecting": "edge", "periodic": "wrap"}

Nodes = tuple[NDArray[np.integer], NDArray[np.integer]]


class SpectralOperator:
    """A on a lattice of `lattice` = (rows, columns) nodes in a uniform medium.

    Attributes:
        closed: whether no axis absorbs.
        singular: whether constants are in A's null space.
        deflated: whether `inverse`, `spread`, `product` and `green_table` are A₀⁻¹'s.
    """

    def __init__(
        self, lattice: tuple[int, int], medium: Medium, deflate: bool | None = None
    ) -> None:
        self.lattice = lattice
        self.medium = medium
        self.decay = float(medium.decay)
        self.axes = lattice_axes(lattice, medium.boundaries)
        self.closed = all(axis.singular for axis in self.axes)
        self.singular = self.closed and self.decay == 0
        slow = self.decay < DEFLATED * self.constant_eigenvalue
        self.deflated = self.closed and (slow if deflate is None else deflate)
        self._reciprocals: dict[np.dtype, NDArray] = {}
        self._tables: dict[np.dtype, NDArray] = {}

    @property
    def couplings(self) -> tuple[float, float]:
        """D/h² along axis 0 and along axis 1 [1/time]: A's negated off-diagonal entries."""
        along, across = map(float, self.medium.diffusivities)
        step = self.medium.step
        return (along / step**2, across / step**2)

    @cached_property
    def constant_eigenvalue(self) -> float:
        """κ [1/time], a deflated A's eigenvalue of constants; of a single node, 1 more than γ."""
        values = [c * axis.eigenvalues() for c, axis in zip(self.couplings, self.axes, strict=True)]
        eigenvalues = np.concatenate(values)
        positive = eigenvalues[eigenvalues > 0]
        return self.decay + (float(positive.min()) if positive.size else 1.0)

    @cached_property
    def inverse_norm(self) -> float:
        """A bound of ‖A⁻¹‖∞ [time], with no node fixed; infinite if A is singular.

        It is max ψ for a barrier ψ ≥ 0 with Aψ ≥ 1 (Varga 2000, §3.5): the constant 1/γ, or the
        parabola (i + 1)(N − i) h²/2D across an absorbing axis, at most (N + 1)² h²/8D.
        """
        times = [
            (axis.nodes + 1) ** 2 / (8 * coupling)
            for axis, coupling in zip(self.axes, self.couplings, strict=True)
            if axis.boundary == "absorbing"
        ]
        return min([1 / self.decay if self.decay else math.inf, *times])

    @property
    def inverse_weight(self) -> float:
        """1/s of a deflated operator [1/time]: 0 where it is singular."""
        decay, kappa = self.decay, self.constant_eigenvalue
        return self.lattice[0] * self.lattice[1] * decay / (1 - decay / kappa)

    def apply(self, field: NDArray) -> NDArray:
        """A u by the five-point stencil, of fields (…, rows, columns)."""
        result = self.decay * field
        for axis, coupling, position in zip(self.axes, self.couplings, (-2, -1), strict=True):
            values = np.moveaxis(field, position, -1)
            sides = [(0, 0)] * (field.ndim - 1) + [(1, 1)]
            padded = np.pad(values, sides, mode=GHOSTS[axis.boundary])
            curvature = 2 * values - padded[..., :-2] - padded[..., 2:]
            result = result + coupling * np.moveaxis(curvature, -1, position)
        return result

    def inverse(self, density: NDArray, *, workers: int | None = None) -> NDArray:
        """A⁻¹q (A₀⁻¹q where deflated), of densities (rows, columns), in q's own precision."""
        if self._tridiagonal is None:
            return self.inverse_by_transforms(density, workers)
        rows = np.arange(self.lattice[0])
        return self._inverse_by_elimination(rows, density, slice(None), workers)

    def spread(self, nodes: Nodes, density: NDArray, *, workers: int | None = None) -> NDArray:
        """The field A⁻¹q, (rows, columns), of densities (m,) on (rows, columns) `nodes`."""
        rows, sources = self._occupied_rows(nodes, density)
        if self._tridiagonal is None:
            full = np.zeros(self.lattice, density.dtype)
            full[rows] = sources
            return self.inverse_by_transforms(full, workers)
        return self._inverse_by_elimination(rows, sources, slice(None), workers)

    def product(self, nodes: Nodes, density: NDArray, *, workers: int | None = None) -> NDArray:
        """G q, (m,): the field of densities (m,) at their own nodes."""
        if self._tridiagonal is None:
            return self.spread(nodes, density, workers=workers)[nodes]
        rows, sources = self._occupied_rows(nodes, density)
        field = self._inverse_by_elimination(rows, sources, rows, workers)
        return field[np.searchsorted(rows, nodes[0]), nodes[1]]

    def _occupied_rows(self, nodes: Nodes, density: NDArray) -> tuple[NDArray[np.intp], NDArray]:
        """The array rows that hold ring nodes, and the densities on them, (r, columns)."""
        place = np.zeros(self.lattice[0], dtype=np.intp)
        place[nodes[0]] = 1
        rows = np.flatnonzero(place)
        place[rows] = np.arange(rows.size)
        sources = np.zeros((rows.size, self.lattice[1]), density.dtype)
        sources[place[nodes[0]], nodes[1]] = density
        return rows, sources

    def inverse_by_transforms(self, density: NDArray, workers: int | None = None) -> NDArray:
        """The same as `inverse` without elimination: faster in single precision."""
        coefficients = density
        for position, full in self._order:
            coefficients = self.axes[position].forward(
                coefficients,
                axis=position - 2,
                full=full,
                workers=workers,
                overwrite=coefficients is not density,
            )
        coefficients *= self._reciprocal(density.dtype)
        for position, full in reversed(self._order):
            coefficients = self.axes[position].inverse(
                coefficients, axis=position - 2, full=full, workers=workers
            )
        return np.ascontiguousarray(coefficients)

    def _inverse_by_elimination(
        self,
        rows: NDArray[np.intp],
        sources: NDArray,
        wanted: NDArray[np.intp] | slice,
        workers: int | None,
    ) -> NDArray:
        """The `wanted` rows of A⁻¹q, of densities (r, columns) on r rows.

        The lines are always solved in float64: in float32 the rounding of their pivots adds up to
        √(D/γ)/h times its size, and little time would be saved.
        """
        assert self._tridiagonal is not None
        coefficients = self.axes[1].forward(sources, axis=-1, workers=workers)
        precision = coefficients.dtype
        working = np.complex128 if precision.kind == "c" else np.float64
        coefficients = coefficients.astype(working, copy=False)
        if self.couplings[0] != 1:
            coefficients /= self.couplings[0]
        modes = np.empty((self.lattice[0], coefficients.shape[1]), working)
        # complex modes are pairs of real ones to the lines
        self._tridiagonal.solve(rows, coefficients.view(np.float64), modes.view(np.float64))
        modes = modes[wanted].astype(precision, copy=False)
        return self.axes[1].inverse(modes, axis=-1, workers=workers)

    @cached_property
    def _tridiagonal(self) -> TridiagonalSolver | None:
        """The tridiagonal solver along axis 0, unless that is periodic or A deflated."""
        if self.axes[0].boundary == "periodic" or self.deflated:
            return None
        shifts = (self.couplings[1] * self.axes[1].eigenvalues() + self.decay) / (self.couplings[0])
        if self.axes[1].boundary == "periodic":
            shifts = np.repeat(shifts, 2)
        return TridiagonalSolver(self.axes[0], shifts)

    @cached_property
    def green_table(self) -> NDArray[np.float64]:
        """The periodic Green's function at the offsets 0 … period // 2 of each axis."""
        return self.make_green_table(self.constant_eigenvalue if self.deflated else None)

    def make_green_table(self, constant: float | None) -> NDArray[np.float64]:
        """The table, with another eigenvalue of the constant mode where one is given.

        It is even in both offsets, so a type-I cosine transform of a quarter of the spectrum gives
        it. An odd period has no such transform and takes a real FFT.
        """
        rows, columns = (Axis(axis.period, "periodic").eigenvalues() for axis in self.axes)
        table = self._invert(rows, columns, constant)
        # The images' signs cancel modes that are constant along an absorbing axis. Left in, they
        # would outweigh all others by far where decay is slow, and their rounding would not cancel.
        if not self.axes[0].singular:
            table[0] = 0.0
        if not self.axes[1].singular:
            table[:, 0] = 0.0
        for position, axis in enumerate(self.axes):
            if axis.period % 2 == 0:
                table = scipy.fft.idct(table, type=1, axis=position)
            elif axis.period > 1:
                table = scipy.fft.irfft(table, n=axis.period, axis=position)
                table = table.take(np.arange(axis.period // 2 + 1), axis=position)
        return np.ascontiguousarray(table)

    def green_table_as(self, dtype: np.dtype) -> NDArray:
        """`green_table` in another precision."""
        if dtype not in self._tables:
            self._tables[dtype] = self.green_table.astype(dtype, copy=False)
        return self._tables[dtype]

    @property
    def _order(self) -> tuple[tuple[int, bool], tuple[int, bool]]:
        """The array axes in the order to transform them, each with whether it sees all modes.

        The real-to-complex transform of a periodic axis has to see real numbers, so it goes first;
        if both are periodic, the second one sees complex numbers and takes all modes.
        """
        periodic = [axis.boundary == "periodic" for axis in self.axes]
        if periodic[0]:
            return ((0, False), (1, periodic[1]))
        return ((1, False), (0, False))

    def _reciprocal(self, dtype: np.dtype) -> NDArray:
        if dtype not in self._reciprocals:
            full = dict(self._order)
            rows, columns = (axis.eigenvalues(full[i]) for i, axis in enumerate(self.axes))
            constant = self.constant_eigenvalue if self.deflated else None
            self._reciprocals[dtype] = self._invert(rows, columns, constant).astype(dtype)
        return self._reciprocals[dtype]

    def _invert(
        self, rows: NDArray, columns: NDArray, constant: float | None
    ) -> NDArray[np.float64]:
        eigenvalues = self.couplings[0] * rows[:, None] + self.couplings[1] * columns + self.decay
        if constant is not None:
            eigenvalues[0, 0] = constant
        elif eigenvalues[0, 0] == 0:  # between absorbing walls, whose images cancel it
            eigenvalues[0, 0] = 1.0
        return 1.0 / eigenvalues


def spectral_operator(
    lattice: tuple[int, int], medium: Medium, deflate: bool | None = None
) -> SpectralOperator:
    """The operator of that lattice and medium; the last few are cached with their tables.

    These take 16 bytes a node and more, which adds up where each image has a medium of its own.
    """
    cached = _few if lattice[0] * lattice[1] > LARGE else _several
    return cached(lattice, medium, deflate)


_few = lru_cache(maxsize=2)(SpectralOperator)
_several = lru_cache(maxsize=8)(SpectralOperator)
