"""A surrogate of a family: a basis of fields, and a regression from parameters to coefficients.

Fields of one geometry lie near a space of few dimensions. Its basis are the principal modes of
snapshots, solved fields of some points of the family (proper orthogonal decomposition), and kernel
regression gives the coefficients of any other point (non-intrusive reduced basis method, Hesthaven
& Ubbiali 2018). What that predicts is corrected and its error proven as far as it is asked for
(`certified`), so that neither has to be trusted.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import ConvergenceError, DataError, PhysicsError
from diffkeras.physics.arguments import (
    check_count,
    check_relative_tolerance,
    check_tolerance,
    check_whole,
    largest,
)
from diffkeras.physics.blas_threads import blas_threads
from diffkeras.physics.equations.ring import Ring
from diffkeras.physics.families.barriers import Sample, family_proofs
from diffkeras.physics.families.certified import Barriers, FamilyProofs, PredictionProof
from diffkeras.physics.families.family import MOST_DRAWN, Family
from diffkeras.physics.families.left_out import enough_modes, errors_left_out
from diffkeras.physics.families.predictor import Predictor
from diffkeras.physics.families.regression import KernelRegression
from diffkeras.physics.families.snapshots import Modes, Snapshots
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.solution import BatchSolution, Solution
from diffkeras.physics.solvers.statistics import SolveStatistics
from diffkeras.physics.steady_state import solve
from diffkeras.system.atomic_files import check_regular, write_bytes

MODES = 100  # modes at most by default
SNAPSHOT_TOLERANCE = 1e-6
FOR_BARRIERS = 256  # snapshots for whose slopes and residuals the barriers are made
NEEDED = 0.95  # share of a tolerance that bounds may have: corrections change the field's size
FORMAT = 2  # version of the files
UNREADABLE = (
    *(OSError, ValueError, TypeError, KeyError, AttributeError, EOFError),
    *(zipfile.BadZipFile, zlib.error),
)
ARRAYS = ("mean", "modes", "errors", *KernelRegression._fields)


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

    def __init__(
        self,
        family: Family,
        mean: NDArray[np.float32],
        modes: NDArray[np.float32],
        regression: KernelRegression,
        errors: NDArray[np.float64],
        proofs: FamilyProofs,
        worst: float = np.inf,
        *,
        few: int | None = None,
        remainder: float = 0.0,
    ) -> None:
        """From its parts, on all n nodes.

        Args:
            family, errors, worst: see the attributes.
            mean: (n,).
            modes: all of them, with those that only proven predictions need, (q, n).
            regression: to the coefficients of all modes.
            proofs: of the family.
            few: r, the number of modes that predictions without a tolerance need.
            remainder: about the Euclidean norm of what all modes leave of a field, before scaling.
        """
        few = len(modes) if few is None else few
        self.family = family
        self.errors = errors
        self.worst = worst
        self.regression = regression.first(few)
        self._predictor = Predictor(family, mean, modes, regression, few, remainder)
        self._proofs = proofs

    @property
    def rows(self) -> NDArray[np.float32]:
        """See the attributes."""
        return self._predictor.rows[: self._predictor.few + 1]

    @property
    def modes(self) -> NDArray[np.float32]:
        """See the attributes."""
        return self.rows[:-1].reshape(-1, *self.family.problem.lattice)

    @property
    def snapshots(self) -> int:
        """See the attributes."""
        return len(self.errors)

    def __repr__(self) -> str:
        return (
            f"ReducedBasis({len(self.rows) - 1} modes of {self.snapshots} snapshots, error "
            f"{np.median(self.errors):.1e}, worst {self.errors.max():.1e}; {self.family!r})"
        )

    @classmethod
    def train(
        cls,
        family: Family,
        snapshots: int = 400,
        *,
        modes: int | None = None,
        seed: int = 0,
        method: str = "sobol",
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
            method: see `Family.draw`.
            tolerance: of the snapshots.
            processes: that share the snapshots.

        Raises:
            PhysicsError: more modes than snapshots, or an argument out of its range.
            ConvergenceError: a snapshot was not solved.
        """
        _check_family(family)
        snapshots = check_whole("snapshots", snapshots, 2, MOST_DRAWN)
        tolerance = check_relative_tolerance(tolerance)
        _check_modes(modes, snapshots)
        points = family.draw(snapshots, seed, method)
        solved = Snapshots.of(family, points, tolerance, check_count("processes", processes))
        return cls.fit(family, solved, modes)

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
            ConvergenceError: `worst` was not reached with the most snapshots.
            PhysicsError: see `train`.
        """
        _check_family(family)
        worst = check_tolerance(worst, "worst")
        tolerance = check_relative_tolerance(tolerance)
        most = check_whole("most", most, 2, MOST_DRAWN)
        candidates = check_whole("candidates", candidates, 2, MOST_DRAWN)
        _check_modes(modes, most)
        processes = check_count("processes", processes)
        start = min(most, max(2 * len(family.names) + 2, 16, modes or 0))
        points = family.draw(candidates + start, seed)
        pool, points = points[start:], points[:start]
        solved = Snapshots.of(family, points, tolerance, processes)
        bounds, is_new = np.full(candidates, np.inf), np.ones(candidates, bool)
        while True:
            basis = cls.fit(family, solved, modes)
            # first those that were too large, as long as there are some
            for part in (bounds > worst, bounds <= worst):
                bounds[part] = [basis._relative_bound(point) for point in pool[part]]
                if (bounds > worst).any():
                    break
            basis.worst = float(bounds.max())
            if report is not None:
                report(basis.snapshots, basis.worst)
            if basis.worst <= worst:
                return basis
            room = min(most - basis.snapshots, int((is_new & (bounds > worst)).sum()))
            if not room:
                raise ConvergenceError(
                    f"with {basis.snapshots} snapshots the worst proven error is "
                    f"{basis.worst:.1e}, and not {worst:.1e}: allow more snapshots or modes, or "
                    "narrower ranges"
                )
            wanted = min(room, max(4, basis.snapshots // 4))
            chosen = _apart(family.scaling.inputs(pool), np.where(is_new, bounds, 0.0), wanted)
            is_new[chosen] = False
            added = Snapshots.of(family, pool[chosen], tolerance, processes)
            solved = solved.plus(added)

    @classmethod
    def fit(cls, family: Family, solved: Snapshots, modes: int | None = None) -> "ReducedBasis":
        """Fit basis and regression to snapshots that are solved already (see `train`)."""
        basis = Modes.of(solved.fields, min(modes or MODES, len(solved.points)))
        with blas_threads():
            regression = KernelRegression.fit(
                family.scaling.inputs(solved.points), basis.coefficients
            )
        few = len(basis.modes)
        if modes is None:
            few = enough_modes(solved, basis, regression)
        errors = errors_left_out(solved, basis.first(few), regression.first(few))
        left = basis.singular_values[len(basis.modes) :]
        remainder = float(np.linalg.norm(left) / np.sqrt(len(solved.points)))
        made = cls(
            family,
            basis.mean,
            basis.modes,
            regression,
            errors,
            FamilyProofs(family.quick_problem_at(family.lowest_point)),
            few=few,
            remainder=remainder,
        )
        made._proofs = made._proofs_of(solved.points, basis.coefficients)
        return made

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
        and by multigrid cycles. Where these aren't enough, `solve` goes on from there;
        `stats.method` says so: "reduced-basis" or that of the solver. Fields are float64, or
        float32 if the solver's are.

        Args:
            parameters: a point, or several as (n, p), for which a `BatchSolution` is returned.
            tolerance: largest error, relative to the largest |value| of the field.
            extrapolate: whether points out of the ranges are allowed. Their predictions are poor
                as a rule, so that bounds are large, and tolerances need the solver.

        Raises:
            PhysicsError: a point out of the ranges, or of another shape or names than the family.
            ConvergenceError: the tolerance was not met.
        """
        points = self.family.points(parameters, extrapolate=extrapolate)
        if tolerance is not None:
            tolerance = check_relative_tolerance(tolerance)
        with blas_threads():
            solutions = self._solutions(np.atleast_2d(points), tolerance)
        if points.ndim == 1:
            return solutions[0]
        batch = Problem.batch([solution.problem for solution in solutions])
        return BatchSolution.of(np.stack([one.field for one in solutions]), batch, solutions)

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
                step and numbers of sides are no parameters; in others, it changes nothing.
        """
        points = self.family.points(parameters, extrapolate=extrapolate)
        with blas_threads():
            several = np.atleast_2d(points)
            if galerkin and self._predictor.can_solve:
                coefficients = self._predictor.coefficients(several)
                problems = map(self.family.quick_problem_at, several)
                every = zip(coefficients, several, problems, strict=True)
                fields = np.stack([self._solved(*each) for each in every])
            else:
                fields = self._predictor.fields(several)
        fixed = self.family.problem.fixed
        for point, field in zip(several, fields, strict=True):
            values = self.family.values_at(point)
            np.copyto(field, values, where=fixed, casting="same_kind")
        return fields[0] if points.ndim == 1 else fields

    def save(self, path: str | Path) -> None:
        """Write the basis to a file, `.npz`; the family isn't part of it.

        Raises:
            OutputError: it can't be written.
        """
        barriers = self._proofs.barriers
        arrays: dict[str, Any] = {
            "mean": self.rows[-1],
            "modes": self._predictor.modes,
            "errors": self.errors,
            **({} if barriers is None else barriers._asdict()),
            **self._predictor.regression._asdict(),
        }
        facts: dict[str, Any] = {
            "format": FORMAT,
            "fingerprint": self.family.fingerprint,
            "worst": self.worst,
            "few": self._predictor.few,
            "remainder": self._predictor.remainder,
        }
        content = io.BytesIO()
        np.savez(content, **arrays, **facts)
        write_bytes(Path(path), content.getbuffer())

    @classmethod
    def load(cls, path: str | Path, family: Family) -> "ReducedBasis":
        """Read a basis of a family.

        Raises:
            DataError: the file is missing or damaged, or the basis is one of another family.
            PhysicsError: `family` is none.
        """
        _check_family(family)
        try:
            check_regular(Path(path))
            with np.load(path, allow_pickle=False) as file:
                read = {name: file[name] for name in file.files}
            if read["format"] != FORMAT:
                raise DataError(f"{path} has format {read['format']}, not {FORMAT}: train again")
            fingerprint, worst = str(read["fingerprint"]), float(read["worst"])
            few, remainder = int(read["few"]), float(read["remainder"])
            mean, modes, errors, *rest = (read[name] for name in ARRAYS)
            barriers = None
            if Barriers._fields[-1] in read:
                barriers = Barriers(*(read[name] for name in Barriers._fields))
        except UNREADABLE as error:
            raise DataError(f"{path} is missing or damaged, and no basis: {error}") from None
        if fingerprint != family.fingerprint:
            raise DataError(
                f"{path} is the basis of another family: its problem, regions or ranges differ"
            )
        proofs = FamilyProofs(family.quick_problem_at(family.lowest_point), barriers)
        regression = KernelRegression(*rest)
        return cls(
            family,
            mean,
            modes,
            regression,
            errors,
            proofs,
            worst,
            few=few,
            remainder=remainder,
        )

    def _solutions(self, points: NDArray[np.float64], tolerance: float | None) -> list[Solution]:
        """The solution of each of some points (n, p)."""
        problems = [self.family.quick_problem_at(point) for point in points]
        if tolerance is not None and not self._is_provable(tolerance):
            coefficients = self._predictor.coefficients(points)
            return [
                self._corrected(problem, self._solved(row, point, problem), tolerance)
                for row, point, problem in zip(coefficients, points, problems, strict=True)
            ]
        fields = self._predictor.fields(points)
        pairs = zip(problems, fields, strict=True)
        if tolerance is None:
            return [self._prediction(problem, field) for problem, field in pairs]
        return [self._corrected(problem, field, tolerance) for problem, field in pairs]

    def _is_provable(self, tolerance: float) -> bool:
        """Whether the regression's fields are usually proven to be within a tolerance."""
        barriers = self._proofs.barriers
        limit = np.inf if barriers is None else float(barriers.plain)
        return not self._predictor.can_solve or NEEDED * tolerance >= limit

    def _solved(
        self, coefficients: NDArray[np.float64], point: NDArray[np.float64], problem: Problem
    ) -> NDArray[np.float32]:
        """The field of Galerkin's method, on the lattice."""
        return self._predictor.solved(coefficients, point, self._proofs.equations_of(problem))

    def _prediction(self, problem: Problem, field: NDArray[np.float32]) -> Solution:
        """The regression's field, whose bounds are proven when they are read."""
        stats = SolveStatistics("reduced-basis", 0, residual=float(np.median(self.errors)))
        proof = PredictionProof(self._proofs)
        return Solution(with_fixed_values(field, problem), problem, stats, proof)

    def _corrected(
        self, problem: Problem, field: NDArray[np.float32], tolerance: float
    ) -> Solution:
        """A field whose proven error is within a tolerance."""
        prediction = with_fixed_values(field, problem)
        ring = self._proofs.equations.ring  # all problems have the same fixed nodes
        size = _size(prediction, problem, ring)
        enclosed = self._proofs.enclose(problem, prediction, NEEDED * tolerance * size)
        if enclosed is not None:
            relative = enclosed.proof.highest / (_size(enclosed.field, problem, ring) or 1.0)
            if relative <= tolerance / (1 + tolerance):  # of the exact field's size, too
                stats = SolveStatistics("reduced-basis", 0, enclosed.iterations, relative)
                return Solution(enclosed.field, problem, stats, enclosed.proof)
        return solve(problem, tolerance=tolerance, initial=prediction)

    def _proofs_of(
        self, points: NDArray[np.float64], coefficients: NDArray[np.float64]
    ) -> FamilyProofs:
        """The proofs of the family, by predictions of snapshots that know nothing of them."""
        numbers = np.arange(0, len(points), -(-len(points) // FOR_BARRIERS))
        predictor = self._predictor
        known = coefficients[numbers] - predictor.regression.left_out[numbers]
        scaled = predictor.scaled(known, points[numbers])

        def sample(place: int) -> Sample:
            point = points[numbers[place]]
            problem = self.family.quick_problem_at(point)
            few = predictor.few + 1
            plain = scaled[place, :few].astype(np.float32) @ predictor.rows[:few]
            fields = plain.reshape(problem.lattice), self._solved(scaled[place], point, problem)
            return Sample(problem, *(with_fixed_values(field, problem) for field in fields))

        with blas_threads():
            inputs = self.family.scaling.inputs(points[numbers])
            return family_proofs(self._proofs, inputs, sample)

    def _relative_bound(self, point: NDArray[np.float64]) -> float:
        """The proven error of the prediction at a point, relative to the field's largest value."""
        solution = self.predict(point)
        size = _size(solution.field, solution.problem, self._proofs.equations.ring)
        return solution.error_bound / size if size > 0 else np.inf


def _size(field: NDArray[np.floating], problem: Problem, ring: Ring) -> float:
    """The largest |value| on free nodes and on the fixed ones next to them."""
    size = largest(field[ring.nodes])
    if size >= largest(field):
        return size
    return max(size, largest(np.where(problem.fixed, 0.0, field)))


def _check_family(family: Any) -> None:
    if not isinstance(family, Family):
        raise PhysicsError(f"a basis is one of a Family, not of {family!r:.60}")


def _check_modes(modes: int | None, snapshots: int) -> None:
    if modes is None:
        return
    check_whole("modes", modes, 1)
    if modes > snapshots:
        raise PhysicsError(
            f"a basis of {modes} modes is larger than {snapshots} snapshots: give more snapshots "
            "or fewer modes"
        )


def with_fixed_values(field: NDArray[np.floating], problem: Problem) -> NDArray[np.float64]:
    """A prediction in double precision with the values of the fixed nodes; 0 if it isn't finite."""
    prediction = field.astype(np.float64)
    if not np.isfinite(largest(field)):  # inputs out of the range of a logarithm, for example
        prediction[...] = 0.0
    np.copyto(prediction, problem.values, where=problem.fixed)
    return prediction


def _apart(
    inputs: NDArray[np.float64], bounds: NDArray[np.float64], number: int
) -> NDArray[np.intp]:
    """Candidates with large bounds that are not next to each other: the largest one first.

    Each further one has the largest product of its bound and its distance to those before it.
    """
    normal = inputs / np.where(inputs.std(axis=0) > 0, inputs.std(axis=0), 1.0)
    finite = np.where(np.isfinite(bounds), bounds, 1e3)
    chosen = [int(np.argmax(finite))]
    distance = np.full(len(normal), np.inf)
    while len(chosen) < number:
        distance = np.minimum(distance, np.linalg.norm(normal - normal[chosen[-1]], axis=1))
        chosen.append(int(np.argmax(finite * distance)))
    return np.array(chosen)
