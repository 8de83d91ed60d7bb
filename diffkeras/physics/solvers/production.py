"""Fields of production: one pair of transforms, and the ring system on top if nodes are fixed.

A production s adds to the field on the free nodes, where A u = s. Let u_p be any field that
satisfies this there, a particular field. Then w = u − u_p satisfies A w = 0 on the free nodes and
has the values c − u_p on the ring, which is the problem without production (`ring_field`).

Without fixed nodes u_p = A⁻¹s is the field itself. If A is deflated (`spectral`), A₀⁻¹s lacks the
mean of the field, which is that of the production divided by γ. With fixed nodes the production on
them plays no part: if A is deflated, equal densities on the ring make the sum of all 0, for which
A₀⁻¹ is exact.

u_p can be much larger than u, for example where fixed nodes are everywhere and nothing decays. Then
rounding costs more digits than the tolerance allows, which is estimated. In this case the steps
above are repeated for the residuals on free nodes and ring, computed in extended precision, until
a correction is within the tolerance.
"""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import EPSILON, EXTENDED
from diffkeras.physics.real_arrays import largest
from diffkeras.physics.solvers.interface import Options, Solved
from diffkeras.physics.solvers.ring_field import (
    CORRECTIONS,
    RingSystem,
    field_of_values,
    statistics_of,
)

# The rounding of a pair of transforms on N × N nodes is at most this share of max A⁻¹|s| times
# 1 + √N, in 400 problems of every kind with up to 1024 nodes a side; it isn't proven. (The largest
# come with a slow decay and the same production everywhere.)
ROUNDING = 4 * EPSILON


def field_of_production(equations: Equations, system: RingSystem, options: Options) -> Solved:
    """See `table.Solver`; always in float64."""
    tolerance, ring_size = options.tolerance, largest(equations.ring_values)
    assert equations.production is not None
    first = _solved(equations, system, equations.production, equations.ring_values, options)
    field: NDArray = first.field
    size = max(largest(field), ring_size)
    # an estimate; after a correction, what it leaves is known
    rounding = _rounding(equations, first.particular) + ROUNDING * first.particular
    residual, best = (first.mismatch + rounding) / size, np.inf
    for _ in range(CORRECTIONS):
        if residual <= tolerance or not np.isfinite(residual):
            break
        field = field.astype(EXTENDED)
        step = _solved(equations, system, *_residuals(equations, field), options, size)
        field = field + step.field
        size = max(largest(field), ring_size)
        # a correction was the error of the field before it
        residual = min(step.mismatch + step.particular, largest(step.field)) / size
        if not residual < best / 2:
            break
        best = residual
    statistics = statistics_of(equations, system, residual, tolerance, np.dtype(np.float64))
    if not equations.ring.size:
        statistics = replace(statistics, method="transform")
    return Solved(field.astype(np.float64, copy=False), statistics)


class _ProducedField(NamedTuple):
    """A field of given production and values, or a correction.

    Attributes:
        field: on the lattice.
        particular: the largest |value| of its particular field.
        mismatch: the largest on the ring.
    """

    field: NDArray[np.float64]
    particular: float
    mismatch: float


def _solved(
    equations: Equations,
    system: RingSystem,
    source: NDArray[np.float64],
    values: NDArray[np.float64],
    options: Options,
    size: float | None = None,
) -> _ProducedField:
    """The field u with A u = source on the free nodes and these values on the ring.

    Args:
        equations: of the problem.
        system: of its ring.
        source: on the lattice.
        values: (m,).
        options: as asked of the solver.
        size: of the field that this one corrects; None if it corrects none.
    """
    ring, threads = equations.ring, options.threads
    field = particular_field(equations, source, correct=size is not None, threads=threads)
    particular = largest(field)
    if not ring.size:
        return _ProducedField(field, particular, 0.0)
    values = values - field[ring.nodes]
    if size is None:  # a guess, before the field is known
        size = max(largest(values), particular)
    half = Options(options.tolerance * size / 2, threads=threads)
    rest, mismatch, _ = field_of_values(equations, system, values, half)
    field += rest
    return _ProducedField(field, particular, mismatch)


def particular_field(
    equations: Equations,
    source: NDArray[np.float64],
    *,
    correct: bool = False,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """A field u_p, (rows, columns), with A u_p = source on the free nodes.

    A field that corrects another one has the mean 0 if A is deflated and no node is fixed: the mean
    of the first one was exact, and that of a residual is rounding.
    """
    operator, ring = equations.operator, equations.ring
    if not operator.is_deflated:
        return operator.inverse(source, threads=threads)
    if ring.size:
        source = source.copy()
        source[ring.nodes] -= source.sum() / ring.size
        return operator.inverse(source, threads=threads)
    field = operator.inverse(source, threads=threads)
    # in extended precision, as a small γ multiplies the sum's rounding; `math.fsum` takes longer
    # than the transforms
    total = 0.0 if correct else float(source.sum(dtype=EXTENDED))
    field += total / source.size / operator.decay - field.mean()
    return field


def _rounding(equations: Equations, size: float) -> float:
    """About the largest rounding in the field of the production, which isn't proven.

    No entry of A⁻¹ is negative. So max A⁻¹|s| is the `size` of the field if no two productions have
    opposite signs, and otherwise at most ‖A⁻¹‖∞ max|s|.
    """
    operator, production = equations.operator, equations.production
    assert production is not None
    if operator.is_deflated:
        most = 2 / operator.constant_eigenvalue * equations.largest_production
    elif production.min() >= 0 or production.max() <= 0:
        most = size
    else:
        most = operator.inverse_norm * equations.largest_production
    pairs = len(equations.lattice) / 2  # each axis adds as much
    return pairs * ROUNDING * (1 + math.sqrt(max(equations.lattice))) * most


def _residuals(
    equations: Equations, field: NDArray[np.longdouble]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """s − A u, (rows, columns), 0 on the fixed nodes, and c − u on the ring, (m,)."""
    missing = np.where(equations.fixed, 0.0, equations.production - equations.operator.apply(field))
    off = equations.ring_values - field[equations.ring.nodes]
    return missing.astype(np.float64), off.astype(np.float64)
