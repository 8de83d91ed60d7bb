"""A surrogate of a family: a basis of fields, and a regression from parameters to coefficients.

Fields of one geometry lie near a space of few dimensions. Its basis are the principal modes of
snapshots, solved fields of some points of the family, and kernel regression gives the coefficients
of any other point (non-intrusive reduced basis method, Hesthaven & Ubbiali 2018). What that
predicts is corrected and its error proven (`refinement`), so that neither has to be trusted.
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import ConvergenceError, PhysicsError
from diffkeras.physics.arguments import check_relative_tolerance, check_whole
from diffkeras.physics.equations import Equations
from diffkeras.physics.families.barrier_training import barriers_of_basis
from diffkeras.physics.families.family import MOST_DRAWN, Family
from diffkeras.physics.families.fit import Fit
from diffkeras.physics.families.predictor import Galerkin, Predictor
from diffkeras.physics.families.refinement import (
    BOUND_SHARE,
    METHOD,
    PredictionProof,
    Refinement,
    finite_prediction,
)
from diffkeras.physics.families.training import Candidates, Snapshots, fitted
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solution import Solution
from diffkeras.physics.steady.interface import SolveStatistics
from diffkeras.system.environment import blas_threads

SNAPSHOT_TOLERANCE = 1e-6
TOGETHER = 64  # predictions that one product makes


class ReducedBasis:
    """A surrogate of the problems of one family. `train` makes one.

    Attributes:
        family: which problems it predicts.
        modes: (r, rows, columns) float32, the basis.
        snapshots: how many fields it was trained on.
        errors: (m,), the largest error of each snapshot when it is left out of the regression,
            relative to the largest value of the field. Not proven.
        regression: from dimensionless inputs to coefficients of the modes.
        rows: (r + 1, n), the modes and the mean on all n nodes.
        converging: the share of samples of the training in which Galerkin's method converged; below
            a half, predictions don't use it. It is 0 where it doesn't serve the family (`fields`).
        worst: the largest proven relative error over the candidates of `train_to`; infinite of a
            basis that `train` made.

    Example:
        >>> import numpy as np, diffkeras as dk
        >>> family = dk.Family(dk.Problem(np.eye(32)), {"decay": (0.01, 0.1)})
        >>> basis = dk.ReducedBasis.train(family, 16, modes=8)
        >>> solution = basis.predict({"decay": 0.03}, tolerance=1e-3)
        >>> bool(solution.error_bound <= 1e-3 * solution.field.max())
        True
    """

    def __init__(self, family: Family, fit: Fit) -> None:
        self.family, self.errors, self.snapshots = family, fit.errors, len(fit.errors)
        self._predictor = Predictor(family, fit)
        self._set(fit)
        self.regression = self._predictor.regression
        self.rows = self._predictor.rows[: fit.fast_modes + 1]
        self.modes = self.rows[:-1].reshape(-1, *family.problem.lattice)

    def _set(self, fit: Fit) -> None:
        self._fit = self._predictor.fit = fit
        self.converging, self.worst = fit.converging, fit.worst

    def __repr__(self) -> str:
        return (
            f"ReducedBasis({len(self.modes)} modes of {self.snapshots} snapshots; largest error of "
            f"a left-out snapshot, as a share of its largest value: {np.median(self.errors):.1e} "
            f"(median), {self.errors.max():.1e} (worst); {self.family!r})"
        )

    @classmethod
    def train(
        cls,
        family: Family,
        snapshots: int = 400,
        *,
        modes: int | None = None,
        seed: int = 0,
        tolerance: float = SNAPSHOT_TOLERANCE,
        processes: int | None = None,
    ) -> "ReducedBasis":
        """Solve snapshots at drawn points, and fit basis and regression to them.

        Args:
            family: of the problems.
            snapshots: how many, at least 2.
            modes: the dimension of the basis; by default as many, at most 100, as make the errors
                of snapshots that are left out smaller.
            seed: of the draws.
            tolerance: largest error of a snapshot, relative to its largest |value|.
            processes: that share the snapshots.

        Raises:
            PhysicsError: more modes than snapshots, so many snapshots in so narrow ranges that the
                regression is singular, or an argument out of its range.
            ConvergenceError: a snapshot was not solved.
        """
        _check_family(family)
        tolerance = check_relative_tolerance(tolerance)
        _check_snapshots("snapshots", snapshots, modes)
        points = family.draw(snapshots, seed)
        return cls.fit(family, Snapshots.of(family, points, tolerance, processes), modes)

    @classmethod
    def train_to(
        cls,
        family: Family,
        worst: float,
        *,
        most: int = 1000,
        candidates: int = 1000,
        modes: int | None = None,
        seed: int = 0,
        tolerance: float = SNAPSHOT_TOLERANCE,
        processes: int | None = None,
        report: Callable[[int, float], Any] | None = None,
    ) -> "ReducedBasis":
        """Add snapshots where the proven error is largest, until no candidate's exceeds `worst`.

        That is the greedy method of certified reduced bases (Veroy, Prud'homme, Rovas & Patera
        2003), with the bound of `predict` without a tolerance. The result's `worst` is the largest
        one. It is proven for each of the candidates, and says nothing about points between them.

        Args:
            family: of the problems.
            worst: the largest error, relative to the largest value of the field.
            most: snapshots.
            candidates: points at which errors are proven.
            modes, seed, tolerance, processes: see `train`.
            report: called with the number of snapshots and the largest bound after each round.

        Raises:
            PhysicsError, ConvergenceError: as `train`, or if `worst` was not reached.
        """
        _check_family(family)
        worst = check_relative_tolerance(worst, "worst")
        tolerance = check_relative_tolerance(tolerance)
        candidates = check_whole("candidates", candidates, 2, MOST_DRAWN)
        _check_snapshots("most", most, modes)
        start = min(most, max(2 * len(family.names) + 2, 16, modes or 0))
        points = family.draw(candidates + start, seed)
        pool = Candidates(family, points[start:], worst)
        solved = Snapshots.of(family, points[:start], tolerance, processes)
        while True:
            basis = cls.fit(family, solved, modes)
            proven = pool.prove(basis.predict)
            if report is not None:
                report(basis.snapshots, proven)
            if proven <= worst:
                basis._set(basis._fit._replace(worst=proven))
                return basis
            chosen = pool.chosen(min(most - basis.snapshots, max(4, basis.snapshots // 4)))
            if not len(chosen):
                raise ConvergenceError(
                    f"with {basis.snapshots} snapshots the worst proven error is "
                    f"{proven:.1e}, and not {worst:.1e}: allow more snapshots, candidates or "
                    "modes, or narrower ranges"
                )
            solved = solved.plus(Snapshots.of(family, chosen, tolerance, processes))

    @classmethod
    def fit(cls, family: Family, solved: Snapshots, modes: int | None = None) -> "ReducedBasis":
        """Fit basis and regression to snapshots that are solved already (see `train`)."""
        basis = cls(family, fitted(family, solved, modes))
        with blas_threads():
            barriers, share = barriers_of_basis(basis._refinement, basis._predictor, solved.points)
        basis._set(basis._fit._replace(barriers=barriers, converging=share))
        return basis

    def predict(
        self,
        parameters: Mapping[str, float] | ArrayLike,
        tolerance: float | None = None,
        *,
        extrapolate: bool = False,
    ) -> Solution:
        """The field of a point of the family, with proven bounds of its error.

        Without a tolerance it is the regression's, and its bounds are proven when they are first
        read, which takes longer than the prediction. With a tolerance it is corrected until its
        error is proven to be that small: by Galerkin's method in the space of the basis (`fields`),
        and by multigrid cycles. Where these aren't enough, `solve` goes on from there. In `stats`,
        `method` is "reduced-basis" or the solver's, `newton_steps` the number of Galerkin's steps,
        0 where they weren't needed or didn't converge, and `iterations` the number of cycles or
        conjugate gradients. Fields are float64, or float32 if the solver's are.

        Args:
            parameters: a point.
            tolerance: largest error, relative to the largest |value| of the field.
            extrapolate: whether points out of the ranges are allowed. Their predictions are
                usually poor, so that bounds are large, and tolerances need the solver.

        Raises:
            PhysicsError: a point out of the ranges, of another shape or names than the family, or
                one that `Family.problem_at` refuses.
            ConvergenceError: the tolerance was not met.
        """
        point = self.family.points(parameters, extrapolate=extrapolate)
        if point.ndim > 1:
            raise PhysicsError("give one point; predict_many takes several, (n, p)")
        return self.predict_many(point[None], tolerance, extrapolate=extrapolate)[0]

    def predict_many(
        self,
        parameters: ArrayLike,
        tolerance: float | None = None,
        *,
        extrapolate: bool = False,
    ) -> list[Solution]:
        """The fields of several points, each as `predict` finds it.

        Args:
            parameters: points, (n, p).
            tolerance, extrapolate: see `predict`.

        Raises:
            PhysicsError, ConvergenceError: see `predict`.
        """
        points = np.atleast_2d(self.family.points(parameters, extrapolate=extrapolate))
        if tolerance is not None:
            tolerance = check_relative_tolerance(tolerance)
        solutions: list[Solution] = []
        with blas_threads():
            for start in range(0, len(points), TOGETHER):
                solutions += self._solutions(points[start : start + TOGETHER], tolerance)
        return solutions

    def fields(
        self,
        parameters: Mapping[str, float] | ArrayLike,
        *,
        extrapolate: bool = False,
        galerkin: bool = False,
    ) -> NDArray[np.float32]:
        """The predicted fields alone, (rows, columns) or (n, rows, columns), as fast as it gets.

        Args:
            parameters, extrapolate: see `predict`.
            galerkin: whether Galerkin's method corrects what the regression predicts, in the space
                of the basis. That takes some times as long, and leaves far smaller errors, most of
                all with many parameters or out of the ranges. It needs a family whose diffusivity,
                step and numbers of sides are no parameters; in others, and where it rarely
                converged in the training (`converging`), it changes nothing.
        """
        points = self.family.points(parameters, extrapolate=extrapolate)
        with blas_threads():
            several = np.atleast_2d(points)
            if galerkin and self._predictor.can_solve:
                parts = np.split(several, range(TOGETHER, len(several), TOGETHER))
                each = [self._predictor.solved(part, self._equations(part))[0] for part in parts]
                fields = np.concatenate(each)
            else:
                fields = self._predictor.fields(several)
            self._predictor.set_fixed_values(fields, several)
        return fields[0] if points.ndim == 1 else fields

    def save(self, path: str | Path) -> None:
        """Write the basis to a file, `.npz`; the family isn't part of it.

        Raises:
            PhysicsError: another suffix.
            OutputError: it can't be written.
        """
        path = Path(path)
        if path.suffix != ".npz":
            raise PhysicsError(f"a basis is written to a .npz file, not to {path}")
        self._fit.write(path, self.family)

    def export(self, path: str | Path) -> None:
        """Write a TensorFlow SavedModel, which needs no diffkeras: the fields of `fields`.

        Its function `serve` takes parameters, float64 (batch, p) in the order of the family's
        names, and returns fields, float32 (batch, rows, columns), without bounds. It is
        differentiable. Parameters out of the ranges raise `tf.errors.InvalidArgumentError`.
        `diffkeras.json` contains the names and ranges of the parameters.

        Raises:
            OutputError: the directory can't be written, or contains something other than a
                SavedModel.
            MissingPackageError: TensorFlow is not installed.
        """
        # by its name: physics itself imports nothing that needs TensorFlow
        import_module("diffkeras.graph.basis_export").export_basis(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, family: Family) -> "ReducedBasis":
        """Read a basis of a family.

        Bounds of predictions hold for any content, as they are proven anew. `errors` and `worst`
        are read as they were written.

        Raises:
            DataError: the file is missing or damaged, or the basis is one of another family.
            PhysicsError: `family` is none.
        """
        _check_family(family)
        return cls(family, Fit.read(Path(path), family))

    @cached_property
    def _refinement(self) -> Refinement:
        return Refinement(self.family, self._fit.barriers)

    def _solutions(self, points: NDArray[np.float64], tolerance: float | None) -> list[Solution]:
        """The solution of each of some points (n, p)."""
        equations = self._equations(points)
        if tolerance is None:
            pairs = zip(equations, self._predictor.fields(points), strict=True)
            return [self._prediction(each.given_problem, field) for each, field in pairs]
        if self._is_provable(tolerance):
            fields, steps = self._predictor.fields(points), np.zeros(len(points), int)
        else:
            fields, steps = self._predictor.solved(points, equations, tolerance=tolerance)
        return [
            self._refinement.solve_from(each, field, tolerance, number)
            for each, field, number in zip(equations, fields, steps.tolist(), strict=True)
        ]

    def _equations(self, points: NDArray[np.float64]) -> list[Equations]:
        """Those of the problems of points (n, p)."""
        problems = map(self.family.quick_problem_at, points)
        return [self._refinement.equations_of(problem) for problem in problems]

    def _is_provable(self, tolerance: float) -> bool:
        """Whether the regression's fields are usually proven to be within a tolerance."""
        barriers = self._fit.barriers
        limit = np.inf if barriers is None else float(barriers.regression_bound)
        share = BOUND_SHARE * tolerance / (1 + tolerance)  # see `solve_from`
        return not Galerkin.serves(self.family) or share >= limit

    def _prediction(self, problem: Problem, field: NDArray[np.float32]) -> Solution:
        """The regression's field, whose bounds are proven when they are read."""
        stats = SolveStatistics(METHOD, 0, reached=float(np.median(self.errors)))
        proof = PredictionProof(self._refinement)
        return Solution(finite_prediction(field, problem), problem, proof, stats=stats)


def _check_family(family: Any) -> None:
    if not isinstance(family, Family):
        raise PhysicsError(f"a basis is one of a Family, not of {family!r:.60}")


def _check_snapshots(name: str, number: Any, modes: Any) -> None:
    check_whole(name, number, 2, MOST_DRAWN)
    if modes is not None and check_whole("modes", modes, 1) > number:
        raise PhysicsError(
            f"a basis of {modes} modes is larger than {number} snapshots: give more snapshots or "
            "fewer modes"
        )
