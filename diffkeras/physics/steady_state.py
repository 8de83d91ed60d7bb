"""The exact solver: one call from a source image to the steady-state field."""

from dataclasses import replace
from functools import partial
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import (
    Given,
    check_number,
    check_workers,
    images_of_batch,
    largest,
    warn_of_volume,
)
from diffkeras.physics.bounds.certificate import certify_problem
from diffkeras.physics.bounds.predicted_problem import PredictedProblem
from diffkeras.physics.medium import Medium, MediumParts, as_medium, names_parts
from diffkeras.physics.node_values import LARGEST, SMALLEST
from diffkeras.physics.operators.blas_threads import blas_threads
from diffkeras.physics.problem import Problem, SparseProblem
from diffkeras.physics.solution import Solution, SolveStatistics
from diffkeras.physics.solvers.batch import solve_batch
from diffkeras.physics.solvers.table import SOLVERS, cheapest, check_method
from diffkeras.physics.uptake.linear import Uptake, medium_with_uptake
from diffkeras.physics.uptake.saturating import SaturatingUptake

SMALLEST_TOLERANCE = 1e-13  # rounding allows no less
SINGLE_PRECISION = 1e-6  # fields are float32 from this tolerance on
SINGLE_ROUNDING = float(np.finfo(np.float32).eps) / 2  # of a field of size 1


class SolveParts(MediumParts, total=False):
    """What `solve` takes in addition: the parts of a medium, and an initial field."""

    initial: ArrayLike


@names_parts
def solve(
    source_image: NDArray | None = None,
    *,
    production: NDArray | None = None,
    uptake: Uptake | None = None,
    medium: Medium | None = None,
    fixed: NDArray[np.bool_] | None = None,
    method: str = "auto",
    tolerance: float = 1e-10,
    workers: int | None = None,
    **parts: Unpack[SolveParts],
) -> Solution:
    """The steady state of ∇·(D∇u) − γu + s = 0 on the free nodes, u = source image on the fixed.

    Equal to `scipy.sparse.linalg.spsolve` on the five-point equations of the free nodes to
    rounding. In a uniform medium the field is that of the production s, by one pair of transforms,
    and of point sources on the rims of the fixed nodes, whose strengths solve a dense system:
    directly ("ring"), or by conjugate gradients ("ring-cg"). Where the medium varies or uptake
    saturates, "newton-cg" takes Newton steps by conjugate gradients with multigrid.

    Args:
        source_image: (rows, columns), the values of the fixed nodes; or a batch of such images,
            (batch, rows, columns), for which a `BatchSolution` is returned. So one image of three
            axes, (planes, rows, columns), needs `dimensions=3`, of the medium or as a keyword. It
            can be left out if a production is given; then no node is fixed. A batch whose
            neighbouring images are alike, as the planes of a volume are, gives a UserWarning unless
            the dimensions are given, 2 or 3.
        production: s, (rows, columns) or (batch, rows, columns), of any sign: what sources release
            (cells take up, if negative) [concentration/time]. On fixed nodes it has no effect.
        uptake: what cells take up: k ≥ 0 [1/time] for a rate k·u, a number or (rows, columns),
            which adds to the decay; or a saturating rate φ(u), such as `MichaelisMenten`. Then the
            equation is ∇·(D∇u) − γu − φ(u) + s = 0, and the method "newton-cg".
        medium: where the field diffuses; by default `Medium()`.
        fixed: (rows, columns), which nodes are fixed, or a mask for each image of a batch; by
            default those whose value is not 0.
        method: "ring", "ring-cg", "newton-cg", or "auto", the one that is likely to
            take the least time.
        tolerance: largest error of the field, relative to its largest |value|; without production
            that is the one of a fixed node next to a free one. From 1e-6 on the field is float32.
            Where D varies by many orders, tolerances below 1e-11 may not be provable. A field is
            not a smooth function of the medium, uptake and production on the scale of its
            tolerance, and with `initial` it is the initial field itself if that meets the
            tolerance. So fit parameters, and take differences of fields, with a tolerance far below
            the differences: 1e-10 or less.
        workers: processes for the images of a batch, or threads for a single image; by default one.
        **parts: diffusivity, decay, step, boundary and dimensions of `Medium`, in place of
            `medium`. Those that are not given keep the medium's defaults: with a diffusivity alone,
            **the decay stays 1/400**. And initial, a field of the source image's shape from which
            "newton-cg" starts, such as that of a similar problem. It saves time and does not change
            the tolerance.

    Raises:
        PhysicsError: an image of another dimension or not finite, a medium out of its range, a
            problem without a unique solution (such as a net production that nothing takes away), a
            tolerance that rounding doesn't allow, or an argument of a wrong type.
        ConvergenceError: the tolerance was not met.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> field = dk.solve(image).field
        >>> bool(field[29, 32] < 1.0)
        True
        >>> field = dk.solve(production=image / 400).field  # sources that release, decay 1/400
        >>> bool(0 < field.max() < 1)
        True
    """
    initial = parts.pop("initial", None)
    medium = as_medium(medium, parts, source_image)
    given = Given(source_image, fixed, production, initial, medium.dimensions)
    medium, saturating = medium_with_uptake(medium, uptake, given.lattice)
    check_method(method, medium, saturating)
    check_workers(workers)
    tolerance = check_number("tolerance", tolerance)
    if not SMALLEST_TOLERANCE <= tolerance < 1:
        raise PhysicsError(
            f"tolerance must lie between {SMALLEST_TOLERANCE:.0e}, which rounding allows, and 1, "
            f"not {tolerance}"
        )
    task = partial(
        _solve_image, medium=medium, uptake=saturating, method=method, tolerance=tolerance
    )
    if given.is_batch:
        if not (medium.states_dimensions or saturating):
            warn_of_volume(given)
        with blas_threads():
            images = [image for image, _ in images_of_batch(given)]
            return solve_batch(task, images, workers or 1)
    with blas_threads(workers or 1):
        return task(given, workers=workers)


def _solve_image(
    given: Given,
    *,
    medium: Medium,
    uptake: SaturatingUptake | None,
    method: str,
    tolerance: float,
    workers: int | None = None,
) -> Solution:
    problem = Problem.check(given.source_image, medium, given.fixed, given.production, uptake)
    initial = given.initial
    if initial is not None:
        initial = problem.check_field("initial field", initial, given.leading)
    name = cheapest(problem) if method == "auto" else method
    # float32 can't hold the field of ring values that are far below those inside a source
    single = tolerance >= SINGLE_PRECISION and not 0 < problem.scale < SMALLEST
    dtype = np.dtype(np.float32 if single else np.float64)
    rounding = SINGLE_ROUNDING if dtype == np.float32 else 0.0
    if problem.scale:
        options = {"initial": initial} if SOLVERS[name].takes_initial else {}
        field, statistics = SOLVERS[name].solve(
            problem, tolerance=tolerance - rounding, precision=dtype, workers=workers, **options
        )
        statistics = replace(statistics, residual=statistics.residual + rounding)
        if problem.production is not None and dtype == np.float32:
            _check_single(field)
        if problem.scale != 1.0:
            field *= problem.scale
    else:
        # every fixed node next to a free one is 0, and so are the free ones
        field, size = np.zeros(problem.lattice), problem.ring.size
        statistics = SolveStatistics(name, size, residual=rounding, precision=dtype.name)
    field = field.astype(dtype, copy=False)
    if problem.fixed.any():
        np.copyto(field, problem.values, where=problem.fixed, casting="same_kind")
    if statistics.method == "newton-cg":
        bound = _bound_of(problem, field, statistics.residual)
        return Solution(field, statistics, partial(_near, field.copy(), bound))
    return Solution(field, statistics, partial(_certified, SparseProblem.of(problem)))


def _bound_of(problem: Problem, field: NDArray[np.floating], relative: float) -> float:
    """The bound of the error of a field whose relative error is bounded on the free nodes."""
    size = float(np.abs(field).max(where=~problem.fixed, initial=0.0))
    size = max(size, largest(problem.values[problem.ring.nodes]))
    held = float(np.abs(problem.values - field).max(where=problem.fixed, initial=0.0))
    return max(relative * size, held) * (1 + 4 * float(np.finfo(field.dtype).eps))


def _near(solved: NDArray[np.floating], bound: float, field: NDArray[np.floating]) -> float:
    """The bound of the error of a field, from that of the solved one, which it is as a rule."""
    changed = largest((field - solved).astype(np.float64))
    return bound if not changed else (bound + changed) * (1 + 4 * float(np.finfo(field.dtype).eps))


def _certified(problem: SparseProblem, field: NDArray[np.floating]) -> float:
    return certify_problem(PredictedProblem.of(field, problem.whole())).prediction_bound


def _check_single(field: NDArray[np.floating]) -> None:
    """Raise an error for a field that float32 doesn't hold: fixed values are in its range."""
    size = largest(field)
    if not SMALLEST <= size <= LARGEST:
        raise PhysicsError(
            f"the field's largest |value| is {size:.3g}, and in single precision it must be "
            f"{SMALLEST:g} to {LARGEST:g}: choose other units, or a tolerance below "
            f"{SINGLE_PRECISION:g}"
        )
