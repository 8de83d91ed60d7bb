"""The exact solver: one call from a source image to the steady-state field."""

from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics import iteration as ring_iteration
from diffkeras.physics.arguments import check_workers, is_batch
from diffkeras.physics.batches import solve_batch
from diffkeras.physics.medium import BoundarySpec, Medium
from diffkeras.physics.problem import Method, check_method, check_problem
from diffkeras.physics.ring import Ring, find_ring, solve_ring
from diffkeras.physics.solution import Solution, SolveStatistics
from diffkeras.physics.spectral import SpectralOperator, spectral_operator

SINGLE_PRECISION = 1e-6  # tolerance from which on float32 will do
CORRECTIONS = 3


def solve(
    source_image: NDArray,
    *,
    diffusivity: ArrayLike | tuple[ArrayLike, ArrayLike] = 1.0,
    decay: ArrayLike = 1 / 400,
    step: float = 1.0,
    boundary: BoundarySpec = "absorbing",
    fixed: NDArray[np.bool_] | None = None,
    method: Method = "auto",
    tolerance: float = 1e-10,
    workers: int | None = None,
) -> Solution:
    """The steady state of D∇²u − γu = 0 on the free nodes, u = source image on the fixed ones.

    Equal to `scipy.sparse.linalg.spsolve` on the five-point equations of the free nodes to
    rounding, but made of a Green's function table, a dense system on the sources' rims and one pair
    of fast transforms (`ring`, `spectral`). Where the dense system grows too large, conjugate
    gradients solve it (`iteration`).

    Args:
        source_image: (rows, columns), the values of the fixed nodes; or a batch of such images,
            (batch, rows, columns), for which a `BatchSolution` is returned.
        diffusivity: D > 0 [length²/time]; a pair where it differs along the two axes; arrays
            (rows, columns) where it varies over the lattice (`heterogeneous`).
        decay: γ ≥ 0 [1/time], a number or an array.
        step: lattice step h > 0 [length].
        boundary: absorbing, reflecting or periodic; a pair where it differs between the axes.
        fixed: (rows, columns), which nodes are fixed, or a mask for each image of a batch; by
            default those whose value is not 0.
        method: "ring" (dense system), "ring-cg" (iteration on it), "multigrid" (PyAMG, the only
            one for a medium that varies), or "auto", the fastest that will do.
        tolerance: largest error of the field, relative to the largest |value|. From 1e-6 on the
            computation is in single precision and the field float32, but for "multigrid".
        workers: processes for the images of a batch, or threads within the transforms of a single
            image; by default one.

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
    # imported here, as it returns what this module defines
    from diffkeras.physics.heterogeneous import is_heterogeneous, solve_heterogeneous

    tolerance = check_method(method, tolerance)
    check_workers(workers)
    if method != "multigrid" and not is_heterogeneous(diffusivity, decay):
        medium = Medium(diffusivity, decay, step, boundary)  # type: ignore[arg-type]
        return solve_in(
            medium, source_image, fixed=fixed, method=method, tolerance=tolerance, workers=workers
        )
    if method not in ("auto", "multigrid"):
        raise PhysicsError(
            f"method {method!r} needs a uniform medium; where diffusivity or decay vary, choose "
            '"multigrid" or "auto"'
        )

    task = partial(
        solve_heterogeneous,
        diffusivity=diffusivity,
        decay=decay,
        step=step,
        boundary=boundary,
        tolerance=tolerance,
    )
    if is_batch(source_image):
        return solve_batch(task, source_image, fixed, np.dtype(np.float64), workers)
    return task(source_image, fixed=fixed)


def solve_in(
    medium: Medium,
    source_image: NDArray,
    *,
    fixed: NDArray[np.bool_] | None = None,
    method: Method = "auto",
    tolerance: float = 1e-10,
    workers: int | None = None,
) -> Solution:
    """`solve` for a medium that is at hand."""
    if method == "multigrid":
        return solve(
            source_image,
            diffusivity=medium.diffusivity,
            decay=medium.decay,
            step=medium.step,
            boundary=medium.boundary,
            fixed=fixed,
            method=method,
            tolerance=tolerance,
            workers=workers,
        )
    tolerance = check_method(method, tolerance)
    check_workers(workers)
    if is_batch(source_image):
        task = partial(solve_in, medium, method=method, tolerance=tolerance)
        return solve_batch(task, source_image, fixed, _precision(tolerance), workers)
    values, fixed = check_problem(source_image, fixed)
    operator = spectral_operator(values.shape, medium)
    if operator.singular and not fixed.any():
        raise PhysicsError(
            "no node is fixed, and with decay 0 and no absorbing boundary every constant solves "
            "the problem: fix a node, or give a positive decay or an absorbing boundary"
        )
    ring = find_ring(fixed, operator.axes)
    if method == "auto":
        method = "ring" if dense_is_faster(ring.size, operator) else "ring-cg"
    targets = values[ring.nodes]
    scale = float(np.abs(targets).max(initial=0.0))
    dtype = _precision(tolerance)
    single = dtype == np.float32
    largest = np.finfo(np.float32).max
    if single and np.abs(values).max() > largest:
        raise PhysicsError(
            f"the source image holds values up to {np.abs(values).max():.0e}, beyond float32's "
            f"{largest:.0e}: ask for a smaller tolerance than {SINGLE_PRECISION:.0e}"
        )
    if scale == 0.0:
        # every fixed node beside a free one is 0, and so are the free ones
        field = np.where(fixed, values, 0.0).astype(dtype)
        return Solution(field, SolveStatistics(method, ring.size, 0, 0.0, dtype.name))
    for precision in (np.float32, np.float64) if single else (np.float64,):
        # scaled, so that no size of value is beyond single precision
        field, iterations, residual = _solve_scaled(
            operator, ring, (targets / scale).astype(precision), method, tolerance, workers
        )
        if residual <= tolerance:
            break
    else:
        raise _not_met(method, iterations, residual, tolerance)
    if scale != 1.0:
        field *= scale
    field = field.astype(dtype, copy=False)
    np.copyto(field, values, where=fixed, casting="same_kind")
    name = np.dtype(precision).name
    return Solution(field, SolveStatistics(method, ring.size, iterations, residual, name))


def _precision(tolerance: float) -> np.dtype:
    return np.dtype(np.float32 if tolerance >= SINGLE_PRECISION else np.float64)


def _solve_scaled(
    operator: SpectralOperator,
    ring: Ring,
    targets: NDArray[np.floating],
    method: str,
    tolerance: float,
    workers: int | None,
) -> tuple[NDArray[np.floating], int, float]:
    """The field before its sources are put in, iterations, and its residual on the ring.

    By the discrete maximum principle a field with A u = 0 on the free nodes is nowhere further from
    the solution than on the ring, so the residual there bounds the error everywhere.
    """
    iteration = None if method == "ring" else ring_iteration.RingIteration(operator, ring, workers)
    field: NDArray | None = None
    residual, mismatch = np.inf, targets
    for _ in range(1 + CORRECTIONS):
        if iteration is None:
            density, constant = solve_ring(operator, ring, mismatch)
        else:
            density, constant = iteration.solve(mismatch, tolerance / 4)
        correction = operator.spread(ring.nodes, density, workers=workers)
        if constant:
            correction += targets.dtype.type(constant)
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


def _not_met(method: str, iterations: int, residual: float, tolerance: float) -> ConvergenceError:
    if iterations >= ring_iteration.MAX_ITERATIONS:
        way_out = 'ask for a larger tolerance, or take method="ring" if memory allows'
    else:
        way_out = f"rounding stopped it: ask for a tolerance of {10 * residual:.0e} or more"
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
