"""The lattice operator A = −D∇²_h + γ, its inverse by transforms, and its Green's function.

On the full rectangular lattice of two or three axes A is diagonal in the product of the axes'
eigenbases (sines, cosines or Fourier modes; `axis`), so A⁻¹ is a forward transform, a division and
an inverse transform (Hockney 1965; Buzbee, Golub & Nielson 1970). Where it can, it leaves out
axis 0: for each mode j of the other axes, with eigenvalue λ_j of −D∇²_h along them, their
transforms leave a tridiagonal system along axis 0,

    (2 + μ_j) u_i − u_{i−1} − u_{i+1} = f_i,    μ_j = (λ_j + γ) / κ₀,    i = 0 … N − 1,

with ghosts that are 0 beyond a side that absorbs, and equal to their neighbours beyond one that
reflects. Gauss's elimination takes two operations a node and pass where a second transform pair
takes some dozens; this is the Fourier-analysis half of Hockney's method. All modes go through it
side by side, one index of axis 0 at a time.

Where no axis absorbs, constant fields have the eigenvalue γ. If γ is 0, A is singular. If γ is far
below the least positive eigenvalue λ of −D∇²_h, the constant mode outweighs all others in A⁻¹, and
their digits are lost. The operator is then "deflated": its inverse A₀⁻¹ gives the constant mode the
eigenvalue κ = λ + γ of the next one, which keeps G symmetric positive definite, and

    A⁻¹q = A₀⁻¹q + s Σq,    s = (1/γ − 1/κ) / nodes.

The callers find the last term separately (`steady.uniform`).
"""

import copy
import itertools
import math
from functools import cached_property, lru_cache, reduce

import numpy as np
import scipy.fft
from numpy.typing import DTypeLike, NDArray
from scipy.linalg.lapack import dpotrf, spotrf

from diffkeras.physics.arguments import largest
from diffkeras.physics.linear.axis import (
    Axis,
    LatticeTransforms,
    least_barrier,
    outer_sum,
    sum_of_images,
)
from diffkeras.physics.linear.finite_volumes import FiniteVolumes, finite_volumes
from diffkeras.physics.problem.medium import Medium

DEFLATED = 1e-3  # share of κ; a smaller γ costs the other modes more than three digits
LARGE = 1 << 20  # nodes, from which the tables of eight media would take more than 0.1 GB
ROWS_AT_A_TIME = 32
NEGLIGIBLE = 1e-30  # share of the largest right-hand side, far below any rounding
FLUSHED_ROWS = 16

Nodes = tuple[NDArray[np.integer], ...]  # an index array for each axis


class TridiagonalSolver:
    """The factorised systems of all modes, for shifts μ_j ≥ 0 (modes,), > 0 if no side absorbs."""

    factors: NDArray[np.floating]  # (rows, modes), the reciprocal pivots

    def __init__(self, axis: Axis, shifts: NDArray[np.float64]) -> None:
        # p_i = 1 + e_i with e_i = μ + e_{i−1} / (1 + e_{i−1}): without the cancellation of
        # 2 + μ − 1/p_{i−1}, in which a small μ would lose its digits. A reflecting side has 1
        # less on the diagonal.
        low, high = (0.0 if side == "reflecting" else 1.0 for side in axis.sides)
        self.factors = np.empty((axis.nodes, shifts.size))
        excess = shifts + low
        for row in range(axis.nodes):
            if row:
                excess = shifts + excess / (1.0 + excess)
            pivot = 1.0 + excess if row < axis.nodes - 1 else high + excess
            np.divide(1.0, pivot, out=self.factors[row])

    @cached_property
    def in_single(self) -> "TridiagonalSolver":
        """The same solver in single precision."""
        single = copy.copy(self)
        single.factors = self.factors.astype(np.float32)
        return single

    def solve(
        self, rows: NDArray[np.intp], sources: NDArray[np.floating], out: NDArray[np.floating]
    ) -> NDArray[np.floating]:
        """All lines in `out`, (nodes, modes), for right-hand sides (r, modes) on ascending rows."""
        factors, fields = list(self.factors), list(out)
        add, multiply = np.add, np.multiply
        by_row = dict(zip(rows.tolist(), sources, strict=True))
        if not by_row:
            out[...] = 0.0
            return out
        first = int(rows[0])
        nothing = NEGLIGIBLE * largest(sources)
        before = np.zeros_like(self.factors[0])
        for row in range(first, len(fields)):
            field = fields[row]
            if row in by_row:
                add(before, by_row[row], field)
                multiply(field, factors[row], field)
            else:
                multiply(before, factors[row], field)
                if row % FLUSHED_ROWS == 0:
                    _flush(field, nothing)
            before = field
        scratch = np.empty_like(before)
        for row in range(len(fields) - 2, first - 1, -1):
            field = fields[row]
            multiply(before, factors[row], scratch)
            add(field, scratch, field)
            if row % FLUSHED_ROWS == 0:
                _flush(field, nothing)
            before = field
        for row in range(first - 1, -1, -1):
            field = fields[row]
            multiply(before, factors[row], field)
            if row % FLUSHED_ROWS == 0:
                _flush(field, nothing)
            before = field
        return out


def _flush(modes: NDArray[np.floating], nothing: float) -> None:
    """Set those that have died out to 0: processors are slow at numbers near underflow."""
    modes[np.abs(modes) < nothing] = 0.0


class SpectralOperator:
    """A on a lattice of two or three sides in a uniform medium.

    If it `is_deflated`, `inverse`, `spread`, `product` and `green_table` are A₀⁻¹'s.
    """

    def __init__(
        self, lattice: tuple[int, ...], medium: Medium, deflate: bool | None = None
    ) -> None:
        self.lattice = lattice
        self.medium = medium
        self.decay = float(medium.decay)
        self.axes = tuple(map(Axis, lattice, medium.side_kinds))
        self.is_singular = medium.is_closed and self.decay == 0
        slow = self.decay < DEFLATED * self.constant_eigenvalue
        self.is_deflated = medium.is_closed and (slow if deflate is None else deflate)
        self._transforms = LatticeTransforms(self.axes)
        self._across = LatticeTransforms(self.axes, first=1)
        self._reciprocals: dict[np.dtype, NDArray] = {}
        self._tables: dict[np.dtype, NDArray] = {}

    @property
    def couplings(self) -> tuple[float, ...]:
        """D/h² along each axis [1/time]: A's negated off-diagonal entries."""
        step = self.medium.step
        return tuple(float(part) / step**2 for part in self.medium.diffusivities)

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

        It is max ψ for a barrier ψ ≥ 0 with Aψ ≥ 1 (`proofs.rounding`): 1/γ, or a parabola.
        """
        constant = 1 / self.decay if self.decay else math.inf
        return min(constant, least_barrier(self.axes, self.couplings))

    @property
    def inverse_weight(self) -> float:
        """1/s of a deflated operator [1/time]: 0 where it is singular."""
        decay, kappa = self.decay, self.constant_eigenvalue
        return math.prod(self.lattice) * decay / (1 - decay / kappa)

    @cached_property
    def volumes(self) -> FiniteVolumes:
        """A by its stencil."""
        return finite_volumes(self.lattice, self.medium)

    def inverse(self, density: NDArray) -> NDArray:
        """A⁻¹q (A₀⁻¹q where deflated), of densities on the lattice, in q's own precision."""
        if self._tridiagonal is None:
            return self.inverse_by_transforms(density)
        rows = np.arange(self.lattice[0])
        return self._inverse_by_elimination(rows, density, slice(None))

    def spread(self, nodes: Nodes, density: NDArray) -> NDArray:
        """The field A⁻¹q on the lattice of densities (m,) on `nodes`."""
        rows, sources = self._occupied_rows(nodes, density)
        if self._tridiagonal is None:
            full = np.zeros(self.lattice, density.dtype)
            full[rows] = sources
            return self.inverse_by_transforms(full)
        return self._inverse_by_elimination(rows, sources, slice(None))

    def product(self, nodes: Nodes, density: NDArray) -> NDArray:
        """G q, (m,): the field of densities (m,) at their own nodes."""
        if self._tridiagonal is None:
            return self.spread(nodes, density)[nodes]
        rows, sources = self._occupied_rows(nodes, density)
        single = density.dtype == np.float32 and len(self.axes) == 3
        field = self._inverse_by_elimination(rows, sources, rows, single)
        return field[(np.searchsorted(rows, nodes[0]), *nodes[1:])]

    def _occupied_rows(self, nodes: Nodes, density: NDArray) -> tuple[NDArray[np.intp], NDArray]:
        """The indices along axis 0 that hold ring nodes, and the densities there, (r, …)."""
        place = np.zeros(self.lattice[0], dtype=np.intp)
        place[nodes[0]] = 1
        rows = np.flatnonzero(place)
        place[rows] = np.arange(rows.size)
        sources = np.zeros((rows.size, *self.lattice[1:]), density.dtype)
        sources[(place[nodes[0]], *nodes[1:])] = density
        return rows, sources

    def inverse_by_transforms(self, density: NDArray) -> NDArray:
        """The same as `inverse` without elimination: faster in single precision."""
        if density.dtype not in self._reciprocals:
            reciprocal = self._invert(self._transforms.eigenvalues(self.couplings))
            self._reciprocals[density.dtype] = reciprocal.astype(density.dtype, copy=False)
        coefficients = self._transforms.forward(density)
        coefficients *= self._reciprocals[density.dtype]
        return np.ascontiguousarray(self._transforms.backward(coefficients))

    def _inverse_by_elimination(
        self,
        rows: NDArray[np.intp],
        sources: NDArray,
        wanted: NDArray[np.intp] | slice,
        in_single: bool = False,
    ) -> NDArray:
        """The `wanted` part of A⁻¹q along axis 0, of densities (r, …) on r of its nodes.

        The lines are solved in float64 unless `in_single`: in float32 the rounding of their pivots
        adds up to √(D/γ)/h times its size, and in two dimensions little time would be saved.
        """
        assert self._tridiagonal is not None
        lines = self._tridiagonal.in_single if in_single else self._tridiagonal
        coefficients = self._across.forward(sources)
        precision, modes_a_line = coefficients.dtype, coefficients.shape[1:]
        working = precision if in_single else np.result_type(precision, np.float64)
        coefficients = coefficients.astype(working, copy=False)
        coefficients = coefficients.reshape(rows.size, math.prod(modes_a_line))
        if self.couplings[0] != 1:
            coefficients /= self.couplings[0]
        # right-hand sides of all rows become their solutions in place
        modes = coefficients
        if rows.size < self.lattice[0] or np.may_share_memory(coefficients, sources):
            modes = np.empty((self.lattice[0], coefficients.shape[1]), working)
        # complex modes are pairs of real ones to the lines
        real = modes.real.dtype
        lines.solve(rows, coefficients.view(real), modes.view(real))
        del coefficients
        if isinstance(wanted, slice) or len(wanted) < len(modes):
            modes = modes[wanted]
        modes = modes.astype(precision, copy=False)
        modes = modes.reshape(len(modes), *modes_a_line)
        return self._across.backward(modes)

    @cached_property
    def _tridiagonal(self) -> TridiagonalSolver | None:
        """The tridiagonal solver along axis 0, unless that is periodic or A deflated."""
        if self.axes[0].boundary == "periodic" or self.is_deflated:
            return None
        shifts = self._across.eigenvalues(self.couplings) + self.decay
        shifts = (shifts / self.couplings[0]).ravel()
        if "periodic" in (axis.boundary for axis in self.axes):
            shifts = np.repeat(shifts, 2)
        return TridiagonalSolver(self.axes[0], shifts)

    @cached_property
    def green_table(self) -> NDArray[np.float64]:
        """The periodic Green's function at the offsets 0 … period // 2 of each axis.

        It is even in all offsets: type-I cosine transforms of the modes up to half of each period
        give it. An odd period has no such transform and takes a real FFT.
        """
        along = (Axis(axis.period, "periodic").eigenvalues() for axis in self.axes)
        table = self._invert(outer_sum(self.couplings, along))
        for position, axis in enumerate(self.axes):
            axis.keep_modes(np.moveaxis(table, position, 0))
        for position, axis in enumerate(self.axes):
            if axis.period % 2 == 0:
                table = scipy.fft.idct(table, type=1, axis=position)
            elif axis.period > 1:
                table = scipy.fft.irfft(table, n=axis.period, axis=position)
                table = table.take(np.arange(axis.period // 2 + 1), axis=position)
        return np.ascontiguousarray(table)

    def green_matrix(self, nodes: Nodes, dtype: DTypeLike = np.float64) -> NDArray[np.floating]:
        """G of some nodes, (m, m), by the method of images: only its lower triangle (G = Gᵀ)."""
        dtype = np.dtype(dtype)
        if dtype not in self._tables:
            self._tables[dtype] = self.green_table.astype(dtype, copy=False)
        table = self._tables[dtype]
        flat = table.ravel()
        strides = [stride // table.itemsize for stride in table.strides]
        # 32 bits take less time, where they hold all sums of offsets
        index = np.int32 if table.size < 1 << 30 else np.intp
        nodes = tuple(coordinates.astype(index) for coordinates in nodes)
        count = nodes[0].size
        matrix = np.empty((count, count), table.dtype)
        for start in range(0, count, ROWS_AT_A_TIME):  # index arrays stay in the cache
            stop = min(start + ROWS_AT_A_TIME, count)
            part = slice(start, stop)
            images = [
                [(sign, offsets * stride) for sign, offsets in axis.images(i[part, None], i[:stop])]
                for axis, i, stride in zip(self.axes, nodes, strides, strict=True)
            ]
            matrix[part, :stop] = sum_of_images(
                # the indices are in range by construction; "clip" checks without a second pass
                (
                    math.prod(sign for sign, _ in image),
                    flat.take(reduce(np.add, (offsets for _, offsets in image)), mode="clip"),
                )
                # images along axis 0 vary first
                for image in itertools.product(*reversed(images))
            )
        return matrix

    def green_factor(
        self, nodes: Nodes, dtype: DTypeLike = np.float64
    ) -> tuple[NDArray[np.floating], bool]:
        """Cholesky's factor U of G = UᵀU, (m, m), upper; and whether rounding made it fail."""
        # LAPACK reads columns first, to which the lower triangle is the upper one
        matrix = self.green_matrix(nodes, dtype).T
        factorise = spotrf if matrix.dtype == np.float32 else dpotrf
        factor, failed = factorise(matrix, overwrite_a=True, clean=False)
        return factor, bool(failed)

    def _invert(self, eigenvalues: NDArray[np.float64]) -> NDArray[np.float64]:
        """1/(eigenvalues + γ), in place of the eigenvalues."""
        eigenvalues += self.decay
        slowest = eigenvalues.ravel()[:1]
        if self.is_deflated:
            slowest[:] = self.constant_eigenvalue
        elif slowest[0] == 0:  # between absorbing walls, whose images cancel it
            slowest[:] = 1.0
        return np.divide(1.0, eigenvalues, out=eigenvalues)


def spectral_operator(
    lattice: tuple[int, ...], medium: Medium, deflate: bool | None = None
) -> SpectralOperator:
    """The operator of that lattice and medium; the last few are cached with their tables."""
    cached = _few if math.prod(lattice) > LARGE else _several
    return cached(lattice, medium, deflate)


_few = lru_cache(maxsize=2)(SpectralOperator)
_several = lru_cache(maxsize=8)(SpectralOperator)
