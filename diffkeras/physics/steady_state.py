"""The exact solver: one call from a source image to the steady-state field."""

from functools import partial
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics.arguments import check_workers, is_batch
from diffkeras.physics.medium import Medium, MediumParts, as_medium
from diffkeras.physics.operators.spectral import SpectralOperator, spectral_operator
from diffkeras.physics.problem import Method, check_method, check_problem
from diffkeras.physics.solution import Solution, SolveStatistics
from diffkeras.physics.solvers import ring_cg as ring_iteration
from diffkeras.physics.solvers.batch import solve_batch
from diffkeras.physics.solvers.multigrid import solve_multigrid
from diffkeras.physics.solvers.ring import Ring, find_ring, solve_ring

SINGLE_PRECISION = 1e-6  # tolerance from which on float32 will do
CORRECTIONS = 3
ANISOTROPIC = 1e4  # ratio of diffusivities from which double precision may not do


def solve(
    source_image: NDArray,
    *,
    medium: Medium | None = None,
    fixed: NDArray[np.bool_] | None = None,
    method: Method = "auto",
    tolerance: float = 1e-10,
    workers: int | None = None,
    **parts: Unpack[MediumParts],
) -> Solution:
    """The steady state of D∇²u − γu = 0 on the free nodes, u = source image on the fixed ones.

    Equal to `scipy.sparse.linalg.spsolve` on the five-point equations of the free nodes to
    rounding, but made of a Green's function table, a dense system on the sources' rims and one pair
    of fast transforms (`ring`, `spectral`). Where the dense system grows too large, conjugate
    gradients solve it (`iteration`).

    Args:
        source_image: (rows, columns), the values of the fixed nodes; or a batch of such images,
            (batch, rows, columns), for which a `BatchSolution` is returned.
        medium: where the field diffuses; by default `Medium()`.
        fixed: (rows, columns), which nodes are fixed, or a mask for each image of a batch; by
            default those whose value is not 0.
        method: "ring" (dense system), "ring-cg" (iteration on it), "multigrid" (PyAMG, the only
            one for a medium that varies), or "auto", the fastest that will do: one of the first
            two, or multigrid for media so extreme that rounding would decide.
        tolerance: largest error of the field, relative to the largest |value|. From 1e-6 on the
            field is float32, and so is the computation as far as that will do, but for
            "multigrid".
        workers: processes for the images of a batch, or threads within the transforms of a single
            image; by default one.
        **parts: diffusivity, decay, step and boundary of `Medium`, in place of `medium`.

    Raises:
        PhysicsError: not a two-dimensional finite image, a medium out of its range, a problem
            without a unique solution, a tolerance that rounding doesn't allow, or an argument of a
            wrong type.
        ConvergenceError: the tolerance was not met.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> field = dk.solve(image).field
        >>> bool(field[29, 32] < 1.0)
        True
    """
    medium = as_medium(medium, parts)
    tolerance = check_method(method, tolerance)
    check_workers(workers)
    if is_batch(source_image):
        exact = method == "multigrid" or not medium.is_uniform
        dtype = np.dtype(np.float64) if exact else _precision(tolerance)
        task = partial(_solve_image, medium, method=method, tolerance=tolerance)
        return solve_batch(task, source_image, fixed, dtype, workers)
    return _solve_image(
        medium, source_image, fixed=fixed, method=method, tolerance=tolerance, workers=workers
    )


def _solve_image(
    medium: Medium,
    source_image: NDArray,
    *,
    fixed: NDArray[np.bool_] | None,
    method: Method,
    tolerance: float,
    workers: int | None = None,
) -> Solution:
    if method == "multigrid" or (method == "auto" and not medium.is_uniform):
        return solve_multigrid(medium, source_image, fixed=fixed, tolerance=tolerance)
    medium.require_uniform(f"method {method!r}")
    values, fixed = check_problem(source_image, fixed)
    operator = spectral_operator(values.shape, medium.normalised())
    if operator.singular and not fixed.any():
        raise PhysicsError(
            "no node is fixed, and with decay 0 and no absorbing boundary every constant solves "
            "the problem: fix a node, or give a positive decay or an absorbing boundary"
        )
    dtype = _precision(tolerance)
    largest = np.abs(values).max()
    if dtype == np.float32 and largest > np.finfo(np.float32).max:
        raise PhysicsError(
            f"the source image holds values up to {largest:.0e}, beyond float32's "
            f"{np.finfo(np.float32).max:.0e}: ask for a smaller tolerance than "
            f"{SINGLE_PRECISION:.0e}"
        )
    ring = find_ring(fixed, operator.axes)
    fast = "ring" if dense_is_faster(ring.size, operator) else "ring-cg"
    try:
        field, stats = _solve_on_ring(
            operator, ring, values, fast if method == "auto" else method, tolerance, workers
        )
    except (ConvergenceError, PhysicsError):
        if method != "auto":
            raise
        # media so extreme that rounding decides, for which multigrid has a bound
        solution = solve_multigrid(medium, source_image, fixed=fixed, tolerance=tolerance)
        return Solution(solution.field.astype(dtype), solution.stats)
    field = field.astype(dtype, copy=False)
    np.copyto(field, values, where=fixed, casting="same_kind")
    return Solution(field, stats)


def _solve_on_ring(
    operator: SpectralOperator,
    ring: Ring,
    values: NDArray[np.float64],
    method: str,
    tolerance: float,
    workers: int | None,
) -> tuple[NDArray[np.floating], SolveStatistics]:
    """The field before its sources are put in, and how it was found.

    Raises:
        PhysicsError: a ring system that is not positive definite to rounding.
        ConvergenceError: the tolerance was not met.
    """
    targets = values[ring.nodes]
    scale = float(np.abs(targets).max(initial=0.0))
    precisions = [_precision(tolerance)]
    if scale == 0.0:
        # every fixed node beside a free one is 0, and so are the free ones
        field = np.zeros(values.shape, precisions[0])
        return field, SolveStatistics(method, ring.size, 0, 0.0, precisions[0].name)
    if precisions[0] == np.float32:
        precisions.append(np.dtype(np.float64))
    for precision in precisions:
        # scaled, so that no size of value is beyond single precision
        field, iterations, residual = _solve_scaled(
            operator, ring, targets / scale, precision, method, tolerance, workers
        )
        if residual <= tolerance:
            break
    else:
        raise _not_met(method, iterations, residual, tolerance)
    if scale != 1.0:
        field *= scale
    return field, SolveStatistics(method, ring.size, iterations, residual, precision.name)


def _precision(tolerance: float) -> np.dtype:
    return np.dtype(np.float32 if tolerance >= SINGLE_PRECISION else np.float64)


def _solve_scaled(
    operator: SpectralOperator,
    ring: Ring,
    targets: NDArray[np.float64],
    precision: np.dtype,
    method: str,
    tolerance: float,
    workers: int | None,
) -> tuple[NDArray[np.floating], int, float]:
    """The field before its sources are put in, iterations, and its residual on the ring.

    By the discrete maximum principle a field with A u = 0 on the free nodes is nowhere further from
    the solution than on the ring, so the residual there bounds the error everywhere. In single
    precision the densities may be all the same, but the field satisfies that equation only as far
    as its rounding goes, of which the ring shows nothing: where that could matter, the last
    transforms are in double precision.
    """
    iteration = None if method == "ring" else ring_iteration.RingIteration(operator, ring, workers)
    field: NDArray | None = None
    residual, mismatch = np.inf, targets
    for _ in range(1 + CORRECTIONS):
        if iteration is None:
            density, constant = solve_ring(operator, ring, mismatch.astype(precision))
        else:
            density, constant = iteration.solve(mismatch.astype(precision), tolerance / 4)
        if operator.deflated:
            # what their sum lacks of μ/s would be a residual on every free node
            density = density.astype(np.float64)
            density -= (density.sum() - constant * operator.inverse_weight) / ring.size
        elif precision == np.float32 and rounding_of_field(operator, density) > tolerance / 2:
            density = density.astype(np.float64)
        if density.dtype == np.float64 and operator.anisotropy > ANISOTROPIC:
            rounding = rounding_of_field(operator, density)
            if rounding > 10 * tolerance:
                raise ConvergenceError(
                    f"the diffusivities differ by a factor of {operator.anisotropy:.0e}, which "
                    f"lets rounding of {rounding:.0e} into the field: ask for a tolerance of "
                    f'{rounding / 5:.0e} or more, or take method="multigrid"'
                )
        correction = operator.spread(ring.nodes, density, workers=workers)
        if constant:
            correction += correction.dtype.type(constant)
        corrected = correction if field is None else field + correction
        mismatch = targets - corrected[ring.nodes]
        reached = float(np.abs(mismatch).max())
        if not reached < residual:
            break
        field, stalled = corrected, reached > residual / 2
        residual = reached
        if residual <= tolerance or stalled:
            break
    iterations = iteration.iterations if iteration else 0
    return (corrected if field is None else field), iterations, residual


def rounding_of_field(operator: SpectralOperator, density: NDArray[np.floating]) -> float:
    """About the largest rounding in the field of densities (m,), ε G(0) Σ|q|.

    (Each density's field is largest at its own node. No larger error was seen in some 14,000 random
    problems of all boundaries, and this isn't proven. Most errors are far smaller.)
    """
    size = float(np.abs(density).sum(dtype=np.float64)) * float(operator.green_table[0, 0])
    return float(np.finfo(density.dtype).eps) * size


def _not_met(method: str, iterations: int, residual: float, tolerance: float) -> ConvergenceError:
    if iterations >= ring_iteration.MAX_ITERATIONS:
        way_out = 'ask for a larger tolerance, or take method="ring" if memory allows'
    elif 10 * residual < 1:
        way_out = f"rounding stopped it: ask for a tolerance of {10 * residual:.0e} or more"
    else:
        way_out = (
            "rounding leaves nothing of the field in a medium so extreme; check diffusivity, decay "
            'and step, or take method="multigrid"'
        )
    return ConvergenceError(
        f"method {method!r} reached a residual of {residual:.1e} instead of {tolerance:.1e} "
        f"after {iterations} iterations; {way_out}"
    )


def dense_is_faster(ring_nodes: int, operator: SpectralOperator) -> bool:
    """Whether the dense ring system is likely to beat the iteration.

    Costs in seconds, measured on one core: of G's entries and Cholesky's method, and of some
    five products and a preconditioner.
    """
    nodes = operator.lattice[0] * operator.lattice[1]
    dense = 6e-9 * ring_nodes**2 + 7e-12 * ring_nodes**3
    iterative = 5 * 2.7e-8 * nodes + 1.5e-5 * ring_nodes
    return dense < iterative
