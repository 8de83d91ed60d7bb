"""Fields from ring densities: what the solvers of the ring system share.

Outside the sources the steady state is the field of point sources ("densities" q) on their rims:
u = A⁻¹q with q supported on the ring, because A u = 0 on every free node and a free node's
neighbours are free or on the ring. The densities follow from u = c there:

    G q = c,    G = A⁻¹ restricted to the ring, symmetric positive definite.

This is the discrete single-layer potential, an exact "capacitance matrix" method (Buzbee, Dorr,
George & Golub 1971; Proskurowski & Widlund 1976).
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.equations.spectral import SpectralOperator
from diffkeras.physics.solvers.interface import Options, Solved, SolveStatistics

CORRECTIONS = 3  # each takes the digits that rounding took from the one before


class RingSystem(Protocol):
    """G q = c on the ring of a problem.

    Attributes:
        method: its solver's name.
        iterations: products with G so far; 0 for a factorisation.
    """

    method: str
    iterations: int

    def solve(
        self, values: NDArray[np.floating], tolerance: float
    ) -> tuple[NDArray[np.floating], float]:
        """Densities (m,) that give the ring its values (m,), and the constant of their field.

        The constant is 0 unless the operator is deflated. Then the pair solves the bordered system
        G q + μ1 = c, 1ᵀq = μ/s (`spectral`), where a singular operator has 1/s = 0.
        """


def eliminate_constant(
    operator: SpectralOperator, of_values: NDArray[np.floating], of_ones: NDArray[np.floating]
) -> tuple[NDArray[np.floating], float]:
    """Densities (m,) and constant of a deflated operator, from G's answers to values and to ones.

    They solve the bordered system of `RingSystem.solve`.
    """
    constant = of_values.sum() / (of_ones.sum() + operator.inverse_weight)
    return of_values - constant * of_ones, float(constant)


def field_of_ring(equations: Equations, system: RingSystem, options: Options) -> Solved:
    """See `table.Solver`; in the precision of the options if that meets the tolerance."""
    values, tolerance = equations.ring_values, options.tolerance
    field, residual, used = field_of_values(equations, system, values, options)
    return Solved(field, statistics_of(equations, system, residual, tolerance, used))


def field_of_values(
    equations: Equations, system: RingSystem, values: NDArray[np.float64], options: Options
) -> tuple[NDArray[np.floating], float, np.dtype]:
    """The field that satisfies A u = 0 on the free nodes and has values (m,) on the ring.

    It is computed in the precision of the options if that meets the tolerance, which is absolute.

    Returns:
        The field, (rows, columns), its residual on the ring, and the precision used.
    """
    for dtype in dict.fromkeys((options.precision, np.dtype(np.float64))):
        field, residual = _correct(equations, system, values, options._replace(precision=dtype))
        if residual <= options.tolerance:
            break
    return field, residual, dtype


def statistics_of(
    equations: Equations, system: RingSystem, residual: float, tolerance: float, precision: np.dtype
) -> SolveStatistics:
    """How a field was solved, or a ConvergenceError if its residual is above the tolerance."""
    if residual <= tolerance:
        return SolveStatistics(
            system.method, equations.ring.size, system.iterations, residual, precision.name
        )
    if 10 * residual < 1:
        way_out = f"ask for a tolerance of {10 * residual:.0e} or more"
    else:
        way_out = "check diffusivity, decay and step"
    raise ConvergenceError(
        f"method {system.method!r} left an error of {residual:.1e} of the largest value, and the "
        f'tolerance is {tolerance:.1e}; {way_out}, or take method="newton-cg"'
    )


def _correct(
    equations: Equations, system: RingSystem, targets: NDArray[np.float64], options: Options
) -> tuple[NDArray[np.floating], float]:
    """The field before its sources are put in, and its residual on the ring.

    By the discrete maximum principle a field with A u = 0 on the free nodes is nowhere further from
    the solution than on the ring, so the residual there bounds the error everywhere. Rounding of
    the last transforms violates A u = 0, which the ring doesn't show. Where that could matter in
    single precision, these transforms are in double precision.
    """
    operator, ring = equations.operator, equations.ring
    tolerance, dtype, threads, _ = options
    field: NDArray | None = None
    residual, mismatch = np.inf, targets
    for _ in range(1 + CORRECTIONS):
        density, constant = system.solve(mismatch.astype(dtype), tolerance / 4)
        single = dtype == np.float32 and not operator.is_deflated
        if single and rounding_of_field(operator, density) > tolerance / 2:
            density = density.astype(np.float64)
        correction = field_of_densities(equations, density, constant, threads)
        corrected = correction if field is None else field + correction
        mismatch = targets - corrected[ring.nodes]
        reached = float(np.abs(mismatch).max())
        if not reached < residual:
            break
        field, stalled = corrected, reached > residual / 2
        residual = reached
        if residual <= tolerance or stalled:
            break
    return (corrected if field is None else field), residual


def field_of_densities(
    equations: Equations, density: NDArray[np.floating], constant: float, threads: int | None = None
) -> NDArray:
    """The field, (rows, columns), of densities (m,) and the constant that belongs to them."""
    operator, ring = equations.operator, equations.ring
    if operator.is_deflated:
        # any difference between their sum and μ/s would be a residual on every free node
        density = density.astype(np.float64)
        density -= (density.sum() - constant * operator.inverse_weight) / ring.size
    field = operator.spread(ring.nodes, density, threads=threads)
    if constant:
        field += field.dtype.type(constant)
    return field


def rounding_of_field(operator: SpectralOperator, density: NDArray[np.floating]) -> float:
    """About the largest rounding in the field of densities (m,), ε G(0) Σ|q|.

    (Each density's field is largest at its own node. No larger error was seen in some 14,000 random
    problems of all boundaries, but this isn't proven. Most errors are far smaller.)
    """
    size = float(np.abs(density).sum(dtype=np.float64)) * float(operator.green_table.flat[0])
    return float(np.finfo(density.dtype).eps) * size
