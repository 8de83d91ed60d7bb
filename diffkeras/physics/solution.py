"""A field with proven bounds of its error: solved, certified or predicted."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from functools import cached_property
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.physics.arguments import (
    ReadOnlyArrays,
    ShortRepr,
    check_relative_tolerance,
    largest,
    read_only_copy,
    real_values,
)
from diffkeras.physics.derivatives.adjoint import Derivatives, Quantity, tangent
from diffkeras.physics.equations import Equations, problem_and_equations
from diffkeras.physics.field_files import arrays_of_result, content_of_arrays
from diffkeras.physics.linear.finite_volumes import SLACK
from diffkeras.physics.problem.medium import show_keywords
from diffkeras.physics.problem.problem import Problem, ProblemKeywords
from diffkeras.physics.proofs.proof import KnownBounds, Proof
from diffkeras.physics.steady.interface import SolveStatistics
from diffkeras.physics.steady.table import corrected
from diffkeras.system.atomic_files import write_bytes
from diffkeras.system.environment import blas_threads
from diffkeras.system.messages import level_outside
from diffkeras.system.packages import needs_packages

ROUGH_ERROR = 0.01  # relative, from which slopes of uptake may be far from the exact ones


@dataclass(frozen=True, eq=False, repr=False)
class ProvenField(ShortRepr, ReadOnlyArrays):
    """A field with proven bounds of its error: what a solution, certificate or prediction is.

    Bounds are proofs, not estimates, and include rounding. u is the exact solution of the lattice
    equation.

    Attributes:
        field: on the lattice. It can't be changed, so that the bounds hold; change a `copy()`.
        problem: which it solves, or should.
        proof: what is known for its bounds; None if its certificate is asked for them.
        equations: as `solve` or `certify` set them up, in several times the memory of a field; None
            of results of `solve_many` and of predictions, which set them up when first needed.
    """

    field: NDArray[np.floating]
    problem: Problem = dataclass_field(repr=False)
    proof: Proof | None = dataclass_field(default=None, repr=False)
    equations: Equations | None = dataclass_field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.field.setflags(write=False)

    @cached_property
    @blas_threads()
    def error_bound(self) -> float:
        """At least the largest |field − u|.

        It is proven with the field where that is corrected until it is (by "newton-cg", `certify`,
        and `ReducedBasis.predict` to a tolerance), and otherwise when it is first read. Of a
        solution that takes less time than the solution, of a prediction sometimes more.
        """
        if self.proof is None:
            return self.certificate.error_bound
        return self.proof.error_bound(self.field, self._equations)

    @cached_property
    @blas_threads()
    def node_bound(self) -> NDArray[np.float64]:
        """At least |field − u| node by node, on the lattice; it can't be changed."""
        if self.proof is None:
            return self.certificate.node_bound
        bound = self.proof.node_bound(self.field, self._equations)
        bound.setflags(write=False)
        return bound

    @property
    def relative_error_bound(self) -> float:
        """`error_bound` relative to the largest |u|, as tolerances are, or infinite."""
        bound, equations = self.error_bound, self._equations
        # |u| is that large at least on a free node, and next to one
        on_free_nodes = largest(self.field[equations.free]) - bound
        size = max(largest(equations.values[equations.ring.nodes]), on_free_nodes)
        return bound / size if size > 0 else np.inf if bound else 0.0

    @cached_property
    @blas_threads()
    def certificate(self) -> "Certificate":
        """What `certify` proves of the field, with a corrected one."""
        return proven(self.field, self._equations, keep=True)

    def save(self, path: str | Path, *, unit: str | None = None) -> None:
        """Write the result to a file of the kind that its suffix names.

        - `.npy`: the field.
        - `.npz`: the arrays "field", "bound" (`node_bound`), "fixed" (the fixed nodes), and all
          parts of the problem by their names in `parts_of`.
        - `.vti`, for ParaView: the same arrays on the nodes, with the lattice step; numbers are
          field data.
        - `.tif`: the field in 32-bit floats, whose rounding the bounds don't include, with a page
          for each plane, and the lattice step as the scale that ImageJ reads.

        An earlier file is replaced once the new one is complete. Missing folders are created.

        Args:
            path: of the file.
            unit: of lengths, such as "µm", for a `.tif`.

        Raises:
            PhysicsError: another suffix, a bad unit, or a field that such a file can't hold.
            ConvergenceError: no bound was found for a `.npz` or `.vti`.
            OutputError: the file can't be written.

        Example:
            >>> import tempfile, numpy as np, diffkeras as dk
            >>> solution = dk.solve(np.eye(16), decay=0.1, step=5.0)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     solution.save(f"{folder}/oxygen.tif", unit="µm")
            ...     solution.save(f"{folder}/oxygen.npz")
            ...     float(np.load(f"{folder}/oxygen.npz")["step"])
            5.0
        """
        path, lattice, step = Path(path), self.problem.lattice, self.problem.medium.step
        arrays = arrays_of_result(path, self)
        write_bytes(path, content_of_arrays(path, arrays, lattice, step, unit))

    def plot(self, *, unit: str | None = None, field_unit: str | None = None) -> Any:
        """A picture of the sources and the field, a `matplotlib.figure.Figure`.

        The axes show numbers of nodes where the lattice step is 1 and no unit is given, otherwise
        lengths. Of a volume, it shows the plane, row and column through the node inside whose value
        is farthest from the median.

        Args:
            unit: of lengths, such as "µm".
            field_unit: of the field, such as "mmHg"; production and uptake have it per time.

        Raises:
            PhysicsError: a unit that can't be drawn.
            MissingPackageError: there is no matplotlib.

        Example:
            >>> import numpy as np, diffkeras as dk
            >>> solution = dk.solve(np.eye(16), step=2.0, decay=0.01)
            >>> figure = solution.plot(unit="µm", field_unit="mmHg")
        """
        with needs_packages("Solution.plot"):
            from diffkeras.reporting.fields import solution_figure
        return solution_figure(self.problem, self.field, unit=unit, field_unit=field_unit)

    @blas_threads()
    def quantity(self, weights: ArrayLike) -> Quantity:
        """The sum of weights times the field, with a proven bound of its error.

        The adjoint corrects it, so that its error is of second order.

        Args:
            weights: of the field's shape; for a mean over a region, 1/n on its n nodes.

        Raises:
            PhysicsError: weights that are not finite or of another shape than the field.

        Example:
            >>> import numpy as np, diffkeras as dk
            >>> total = dk.solve(np.eye(16), tolerance=1e-3).quantity(np.ones((16, 16)))
            >>> bool(total.error_bound < 1e-6 * total.value)
            True
        """
        values = self.problem.check_field("array of weights", weights)
        return Quantity.of(self._equations, self.field, self.node_bound, values)

    @cached_property
    def _equations(self) -> Equations:
        return self.equations or Equations(self.problem)


@dataclass(frozen=True, eq=False, repr=False)
class Solution(ProvenField):
    """The solved field of a problem, with proven bounds of its error.

    Attributes:
        field: on the lattice, float64.
        stats: how it was solved.
    """

    stats: SolveStatistics = dataclass_field(kw_only=True)

    @blas_threads()
    def vjp(self, cotangent: ArrayLike, tolerance: float = 1e-10) -> Derivatives:
        """The derivatives of a scalar J by every part of the problem, from one adjoint equation.

        Args:
            cotangent: ∂J/∂u on each node, of the field's shape.
            tolerance: of the adjoint, relative to its largest |value|, by an estimate; a proof is
                `adjoint_bound`. The derivatives also have the relative error of the field.

        Returns:
            A mapping from the names of the parts (`parts_of`) to numbers and arrays of their
            shapes.

        Raises:
            PhysicsError: a cotangent that is not finite or of another shape than the field.
            ConvergenceError: the tolerance was not met.

        Warns:
            UserWarning: uptake saturates, and the field is so rough that the derivatives may belong
                to another field; or a `CappedUptake` is at its corner, so that they are one-sided,
                or has the maximum 0 where the field is negative, where there is none by it.

        Example:
            >>> import numpy as np, diffkeras as dk
            >>> solution = dk.solve(np.eye(16), decay=0.1)
            >>> derivatives = solution.vjp(np.ones((16, 16)))  # of the field's sum
            >>> bool(derivatives["decay"] < 0)
            True
        """
        values = read_only_copy(self.problem.check_field("cotangent", cotangent))
        tolerance = check_relative_tolerance(tolerance)
        self._warn_of_doubt()
        return Derivatives(self._equations, self.field, values, tolerance, self)

    @blas_threads()
    def jvp(
        self, direction: Mapping[str, ArrayLike], tolerance: float = 1e-10
    ) -> NDArray[np.float64]:
        """The derivative of the field along a change of parts, of the field's shape.

        Args:
            direction: the change of each part, by its name (`parts_of`) and of its shape.
            tolerance: relative to its largest |value|; the field's own error adds to it.

        Raises:
            PhysicsError: a name that isn't a part, a change of another shape, or one not finite.
            ConvergenceError: the tolerance was not met.

        Example:
            >>> import numpy as np, diffkeras as dk
            >>> solution = dk.solve(np.eye(16), decay=0.1)
            >>> bool(solution.jvp({"decay": 1.0}).max() <= 0)
            True
        """
        tolerance = check_relative_tolerance(tolerance)
        self._warn_of_doubt()
        return tangent(self._equations, self.field, direction, tolerance)

    def _warn_of_doubt(self) -> None:
        """Warn where derivatives may belong to another field, are one of two, or are none."""
        uptake, free = self.problem.uptake, ~self.problem.fixed
        if uptake is None:
            return
        saturates = self.problem.reduced.uptake is not None
        corner, jumps = uptake.at_corner(self.field) & free, uptake.jumps(self.field) & free
        doubts = {
            f"the field is known to {self.stats.reached:.1g} of its largest value only, and uptake "
            "saturates: the derivatives may belong to another field; solve with a smaller "
            "tolerance, or read `adjoint_bound`": saturates and self.stats.reached > ROUGH_ERROR,
            f"CappedUptake is at its corner on {corner.sum()} of {corner.size} nodes, where it has "
            "two slopes: the derivatives assume that uptake is at its maximum": corner.any(),
            f"the field is negative on {jumps.sum()} of {jumps.size} nodes where the maximum of "
            "CappedUptake is 0: as it grows the uptake jumps, and has no derivative by it; 0 is "
            "taken": jumps.any(),
        }
        for doubt, is_one in doubts.items():
            if is_one:
                warnings.warn(doubt, stacklevel=level_outside())


@dataclass(frozen=True, eq=False, repr=False)
class Certificate(ProvenField):
    """Proven bounds of a field's error.

    Attributes:
        field: of the lattice's shape, float64, a copy of the field that was certified.
        corrected: the field that the proof computes, with its own bounds; often, but not always,
            closer to u than `field`.
    """

    corrected: Solution = dataclass_field(kw_only=True)

    def quantity(self, weights: ArrayLike) -> Quantity:
        """The sum of weights times the exact field, with a proven bound (see `Solution.quantity`).

        Its `of_field` is computed from the certified field.
        """
        return self.corrected.quantity(weights).about(self.field, weights)


@show_keywords
@blas_threads()
def certify(
    field: ArrayLike,
    problem: "Problem | Equations | ArrayLike | None" = None,
    **keywords: Unpack[ProblemKeywords],
) -> Certificate:
    """Prove how far a field is from the exact one, and correct it.

    In a uniform medium the field is compared with the solution, whose proof takes little longer
    than the solution itself. Elsewhere an enclosure is found near the field. Of several fields of
    one problem, `certify_many` sets the problem up once, and so do calls with its `Equations`.

    The exact field solves the lattice equation with coefficients in double precision; with more
    digits it may differ by about 1e-16 of the largest value. The bounds are about the lattice's
    solution, not about its distance from the continuum's.

    Args:
        field: on the lattice, any finite numbers of any precision. More axes of length 1, such as a
            channel, are removed.
        problem: the `Problem` that it should solve, its `Equations`, or its source image, as for
            `solve`.
        **keywords: as for `solve`.

    Raises:
        PhysicsError: a field that is not finite or of another shape, or no problem (see `Problem`).
        ConvergenceError: no bound was found, where diffusivity varies by many orders.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> image = np.zeros((64, 64))
        >>> image[30:34, 30:34] = 1.0
        >>> certificate = dk.certify(np.zeros((64, 64)), image)
        >>> true_error = abs(certificate.field - dk.solve(image).field).max()
        >>> bool(true_error <= certificate.error_bound)
        True
        >>> certificate.corrected.error_bound < certificate.error_bound
        True
    """
    problem, equations = problem_and_equations(problem, keywords)
    return proven(field, equations or Equations(problem), keep=True)


def proven(field: Any, equations: Equations, *, keep: bool) -> Certificate:
    """What `certify` proves of a field that should solve equations, which are kept or not."""
    problem = equations.given_problem
    rounded = read_only_copy(problem.check_field("field", field))
    near, rounding = corrected(rounded, equations), _rounding(field, rounded)
    node_bound = near.bound_of(rounded)
    if np.any(rounding):
        node_bound = (node_bound + rounding) * SLACK
    kept = equations if keep else None
    proof = KnownBounds(near.bound)
    better = Solution(near.field, problem, proof, kept, stats=near.statistics)
    return Certificate(rounded, problem, KnownBounds(node_bound), kept, corrected=better)


def _rounding(field: Any, rounded: NDArray[np.float64]) -> NDArray[np.float64] | float:
    """At least |field − rounded|, for fields in extended precision; 0 for others."""
    values = real_values("the field", field)
    if values.dtype.kind != "f" or values.dtype.itemsize <= rounded.itemsize:
        return 0.0
    rounding = np.abs(values.reshape(rounded.shape) - rounded).astype(np.float64)
    # rounded up, with the sum that it is added in
    return np.nextafter(rounding, np.inf) * (rounding != 0) * SLACK
