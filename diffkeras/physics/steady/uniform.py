"""Fields in uniform media: by transforms, and by densities on the ring where nodes are fixed.

Without production the steady state is, outside the sources, the field of point sources ("densities"
q) on their rims: u = A⁻¹q with q supported on the ring, because A u = 0 on every free node and a
free node's neighbours are free or on the ring. The densities follow from u = c there:

    G q = c,    G = A⁻¹ restricted to the ring, symmetric positive definite.

This is the discrete single-layer potential, an exact "capacitance matrix" method (Buzbee, Dorr,
George & Golub 1971; Proskurowski & Widlund 1976).

A production s adds to the field on the free nodes, where A u = s. Let u_p be any field that
satisfies this there, a particular field. Then w = u − u_p satisfies A w = 0 on the free nodes and
has the values c − u_p on the ring, which is the problem without production.

Without fixed nodes u_p = A⁻¹s is the field itself. If A is deflated (`spectral`), A₀⁻¹s lacks the
mean of the field, which is the mean production divided by γ. With fixed nodes the production on
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

from diffkeras.errors import ConvergenceError
from diffkeras.physics.arguments import largest
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.finite_volumes import EPSILON, EXTENDED
from diffkeras.physics.linear.ring import RingSystem
from diffkeras.physics.steady.interface import Options, Solved, SolveStatistics

SINGLE_TOLERANCE = 1e-6  # of the ring's values, from which its system is solved in single precision
CORRECTIONS = 3  # each takes the digits that rounding took from the one before
# The rounding of a pair of transforms on N × N nodes is at most this share of max A⁻¹|s| times
# 1 + √N, in 400 problems of every kind with up to 1024 nodes a side; it isn't proven. (The largest
# come with a slow decay and the same production everywhere.)
ROUNDING = 4 * EPSILON


def solve_on_ring(equations: Equations, system: RingSystem, options: Options) -> Solved:
    """See `table.SOLVERS`."""
    if equations.production is not None:
        return _field_of_production(equations, system, options)
    tolerance = options.tolerance
    field, residual = _field_of_values(equations, system, equations.ring_values, tolerance)
    return Solved(field, _statistics(equations, system, residual, tolerance))


def _statistics(
    equations: Equations, system: RingSystem, residual: float, tolerance: float
) -> SolveStatistics:
    """How a field was solved, or a ConvergenceError if its residual is above the tolerance."""
    if residual <= tolerance:
        return SolveStatistics(system.method, equations.ring.size, system.iterations, residual)
    if 10 * residual < 1:
        way_out = f"ask for a tolerance of {10 * residual:.0e} or more"
    else:
        way_out = "check diffusivity, decay and step"
    raise ConvergenceError(
        f"method {system.method!r} left an error of {residual:.1e} of the largest value, and the "
        f'tolerance is {tolerance:.1e}; {way_out}, or take method="newton-cg"'
    )


def _field_of_values(
    equations: Equations, system: RingSystem, values: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.float64], float]:
    """The field that satisfies A u = 0 on the free nodes and has values (m,) on the ring.

    By the discrete maximum principle a field with A u = 0 on the free nodes is nowhere further from
    the solution than on the ring, so the residual there bounds the error everywhere. Rounding of
    the last transforms violates A u = 0, which the ring doesn't show, so these are in double
    precision. The field comes with its residual on the ring. The tolerance is absolute.
    """
    ring, single = equations.ring, tolerance >= SINGLE_TOLERANCE * largest(values)
    for dtype in (np.float32, np.float64) if single else (np.float64,):
        field: NDArray | None = None
        residual, mismatch = np.inf, values
        for _ in range(1 + CORRECTIONS):
            solved, constant = system.solve(mismatch.astype(dtype), tolerance / 4)
            density = solved.astype(np.float64, copy=False)
            correction = _field_of_densities(equations, density, constant)
            corrected = correction if field is None else field + correction
            mismatch = values - corrected[ring.nodes]
            reached = float(np.abs(mismatch).max())
            if not reached < residual:
                break
            field, stalled = corrected, reached > residual / 2
            residual = reached
            if residual <= tolerance or stalled:
                break
        if residual <= tolerance:
            break
    return (corrected if field is None else field), residual


def _field_of_densities(
    equations: Equations, density: NDArray[np.float64], constant: float
) -> NDArray[np.float64]:
    """The field of densities (m,) and the constant that belongs to them."""
    operator, ring = equations.operator, equations.ring
    if operator.is_deflated:
        # any difference between their sum and μ/s would be a residual on every free node
        density = density - (density.sum() - constant * operator.inverse_weight) / ring.size
    field = operator.spread(ring.nodes, density)
    if constant:
        field += constant
    return field


def _field_of_production(equations: Equations, system: RingSystem, options: Options) -> Solved:
    tolerance, ring_size = options.tolerance, largest(equations.ring_values)
    assert equations.production is not None
    field: NDArray
    field, particular, mismatch = _produced(
        equations, system, equations.production, equations.ring_values, tolerance
    )
    size = max(largest(field), ring_size)
    # an estimate; after a correction, what it leaves is known
    rounding = _rounding_of_production(equations, particular) + ROUNDING * particular
    residual, best = (mismatch + rounding) / size, np.inf
    for _ in range(CORRECTIONS):
        if residual <= tolerance or not np.isfinite(residual):
            break
        field = field.astype(EXTENDED)
        missing = equations.production - equations.volumes.apply(field)
        np.copyto(missing, 0.0, where=equations.fixed)
        off = equations.ring_values - field[equations.ring.nodes]
        step, particular, mismatch = _produced(
            equations, system, missing.astype(np.float64), off.astype(np.float64), tolerance, size
        )
        field = field + step
        size = max(largest(field), ring_size)
        # a correction was the error of the field before it
        residual = min(mismatch + particular, largest(step)) / size
        if not residual < best / 2:
            break
        best = residual
    statistics = _statistics(equations, system, residual, tolerance)
    if not equations.ring.size:
        statistics = replace(statistics, method="transform")
    return Solved(field.astype(np.float64, copy=False), statistics)


def _produced(
    equations: Equations,
    system: RingSystem,
    source: NDArray[np.float64],
    values: NDArray[np.float64],
    tolerance: float,
    size: float | None = None,
) -> tuple[NDArray[np.float64], float, float]:
    """The field u with A u = source on the free nodes and values (m,) on the ring.

    `size` is the size of the field that this one corrects, if it corrects one. It comes with the
    largest |value| of its particular field, and the largest mismatch on the ring.
    """
    ring = equations.ring
    field = particular_field(equations, source, correct=size is not None)
    particular = largest(field)
    if not ring.size:
        return field, particular, 0.0
    values = values - field[ring.nodes]
    if size is None:  # a guess, before the field is known
        size = max(largest(values), particular)
    rest, mismatch = _field_of_values(equations, system, values, tolerance * size / 2)
    field += rest
    return field, particular, mismatch


def particular_field(
    equations: Equations, source: NDArray[np.float64], *, correct: bool = False
) -> NDArray[np.float64]:
    """A field u_p on the lattice with A u_p = source on the free nodes.

    If A is deflated and no node is fixed, a field that corrects another one has the mean 0: the
    mean of the first one was exact, and the mean of a residual is rounding.
    """
    operator, ring = equations.operator, equations.ring
    if operator.is_deflated and ring.size:
        source = source.copy()
        source[ring.nodes] -= source.sum() / ring.size
    field = operator.inverse(source)
    if operator.is_deflated and not ring.size:
        # in extended precision, as a small γ multiplies the sum's rounding; `math.fsum` takes
        # longer than the transforms
        total = 0.0 if correct else float(source.sum(dtype=EXTENDED))
        field += total / source.size / operator.decay - field.mean()
    return field


def _rounding_of_production(equations: Equations, size: float) -> float:
    """About the largest rounding in the field of the production, which isn't proven."""
    # no entry of A⁻¹ is negative, so max A⁻¹|s| is the field's size if no productions have opposite
    # signs, and otherwise at most ‖A⁻¹‖∞ max|s|
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
