"""Tridiagonal systems along axis 0 of the lattice, one for each mode of the other axes.

Transforms along these leave, for each mode j with eigenvalue λ_j of −D∇²_h along them, a
tridiagonal system along axis 0:

    (2 + μ_j) u_i − u_{i−1} − u_{i+1} = f_i,    μ_j = (λ_j + γ) / κ₀,    i = 0 … N − 1,

with ghosts that are 0 beyond a side that absorbs, and equal to their neighbours beyond one that
reflects. Gauss's elimination takes two operations a node and pass where a second transform pair
takes some dozens; this is the Fourier-analysis half of Hockney's method (1965). All modes go
through it side by side, one index of axis 0 at a time.
"""

import copy

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.axis import Axis

NEGLIGIBLE = 1e-30  # share of the largest right-hand side, far below any precision's rounding
FLUSHED_ROWS = 16


class TridiagonalSolver:
    """The factorised systems of all modes.

    Attributes:
        factors: (rows, modes), the reciprocal pivots, for shifts μ_j ≥ 0 (modes,); μ_j > 0 if no
            side absorbs.
    """

    factors: NDArray[np.floating]

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
