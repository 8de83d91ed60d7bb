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

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.arguments import largest
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.finite_volumes import EPSILON
from diffkeras.physics.solvers.interface import Options, Solved
from diffkeras.physics.solvers.ring_field import (
    CORRECTIONS,
    RingSystem,
    field_of_values,
    statistics_of,
)

# Of a pair of transforms on N × N nodes, as a share of max A⁻¹|s| and divided by 1 + √N. No
# larger one was seen, in 400 problems of every kind with up to 1024 nodes a side. (The largest come
# with a slow decay and the same production everywhere.)
ROUNDING = 4 * EPSILON


def field_of_production(equations: Equations, system: RingSystem, options: Options) -> Solved:
    """See `table.Solver`; always in float64."""
    tolerance, threads = options.tolerance, options.threads
    ring = equations.ring
    field: NDArray = np.zeros(())
    source, values = equations.production, equations.ring_values
    assert source is not None
    size, residual, best = 0.0, np.inf, np.inf
    for step in range(1 + CORRECTIONS):
        correction = particular_field(equations, source, correct=step > 0, threads=threads)
        # the rounding of the transforms: first an estimate, then what the last step left of it
        largest_step = rounding = largest(correction)
        if step == 0:
            rounding = _rounding(equations, largest_step) + ROUNDING * largest_step
        mismatch = 0.0  # on the ring
        if ring.size:
            values = values - correction[ring.nodes]
            # before the field is known, its size is guessed
            size = size or max(largest(values), largest_step)
            half = Options(tolerance * size / 2, threads=threads)
            rest, mismatch, _ = field_of_values(equations, system, values, half)
            correction += rest
            largest_step = largest(correction)
        field = field + correction if step else correction
        size = largest(field) if step else largest_step
        size = max(size, largest(equations.ring_values))
        # a correction was the error of the field before it
        error = min(mismatch + rounding, largest_step) if step else mismatch + rounding
        residual = error / size
        if residual <= tolerance or not residual < best / 2:
            break
        best = residual if step else np.inf
        field = field.astype(np.longdouble)
        source, values = _residuals(equations, field)
    statistics = statistics_of(equations, system, residual, tolerance, np.dtype(np.float64))
    if not ring.size:
        statistics = replace(statistics, method="transform")
    return Solved(field.astype(np.float64, copy=False), statistics)


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
    if not operator.deflated:
        return operator.inverse(source, threads=threads)
    if ring.size:
        source = source.copy()
        source[ring.nodes] -= source.sum() / ring.size
        return operator.inverse(source, threads=threads)
    field = operator.inverse(source, threads=threads)
    # in extended precision, as a small γ multiplies the sum's rounding; `math.fsum` takes longer
    # than the transforms
    total = 0.0 if correct else float(source.sum(dtype=np.longdouble))
    field += total / source.size / operator.decay - field.mean()
    return field


def _rounding(equations: Equations, size: float) -> float:
    """About the largest rounding in the field of the production, which isn't proven.

    No entry of A⁻¹ is negative. So max A⁻¹|s| is the `size` of the field if no two productions have
    opposite signs, and otherwise at most ‖A⁻¹‖∞ max|s|.
    """
    operator, production = equations.operator, equations.production
    assert production is not None
    if operator.deflated:
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
