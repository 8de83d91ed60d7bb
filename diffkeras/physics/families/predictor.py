"""Predictions of a family's fields: by regression alone, or with Galerkin's method after it."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.families.family import Family
from diffkeras.physics.families.fit import Fit
from diffkeras.physics.families.galerkin import Galerkin
from diffkeras.physics.families.shared_equations import SharedEquations

# share of a tolerance that modes which are left out may have: bounds are larger by some tens
LEFT_OUT = 0.01
OFTEN = 0.5  # share of the samples in which Galerkin's method has to converge to be used


class SolvedFields(NamedTuple):
    """Fields by all modes.

    Attributes:
        fields: (n, *lattice) float32, 0 on the fixed nodes.
        steps: (n,), of Galerkin's method; 0 of fields that are the regression's.
    """

    fields: NDArray[np.float32]
    steps: NDArray[np.int64]


class Predictor:
    """A basis with its regression.

    Attributes:
        fit: of the basis; another fit with the same modes and regression may replace it.
        rows: (q + 1, n) float32, what coefficients are multiplied by: r modes, the mean, and the
            modes that only Galerkin's method uses.
    """

    def __init__(self, family: Family, fit: Fit) -> None:
        few = fit.fast_modes
        self.fit = fit
        self.rows = np.concatenate([fit.modes[:few], fit.mean[None], fit.modes[few:]])
        self.regression = fit.regression.first(few)
        self._family = family
        self._fixed = np.flatnonzero(family.problem.fixed)
        self._of_values = family.rows_of_values()[:, self._fixed]

    def fields(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """The fields (n, *lattice) of points by regression, 0 on the fixed nodes."""
        coefficients = self.regression(self._family.scaling.inputs(points))
        return self.product(self.scaled(coefficients, points))

    def coefficients(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the regression multiplies all rows by, (n, q + 1)."""
        return self.scaled(self.fit.regression(self._family.scaling.inputs(points)), points)

    def scaled(
        self, coefficients: NDArray[np.float64], points: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Coefficients of the modes, with that of the mean, times the scales of points."""
        rows = np.insert(coefficients, self.fit.fast_modes, 1.0, axis=1)
        return rows * self._family.scaling.scales(points)

    def solved(
        self,
        points: NDArray[np.float64],
        equations: Sequence[Equations],
        coefficients: NDArray[np.float64] | None = None,
        tolerance: float = 0.0,
    ) -> SolvedFields:
        """The fields of points by Galerkin's method, or by regression where it isn't used.

        Args:
            points: (n, p).
            equations: of their problems.
            coefficients: where the method starts, by default at those of the regression.
            tolerance: of the fields, which may need fewer modes.
        """
        if coefficients is None:
            coefficients = self.coefficients(points)
        counts = self._needed_rows(coefficients, tolerance)
        coefficients = coefficients[:, : counts.max()].copy()
        coefficients[np.arange(counts.max()) >= counts[:, None]] = 0.0
        steps = np.zeros(len(points), int)
        shared = [each for each in equations if isinstance(each, SharedEquations)]
        if self.can_solve and len(shared) == len(equations):
            scales = self._family.scaling.scales(points)[:, 0]
            every = zip(coefficients, counts.tolist(), points, shared, scales, strict=True)
            for number, (row, count, *rest) in enumerate(every):
                row[:count], steps[number] = self._galerkin.improved(row[:count], *rest)
        return SolvedFields(self.product(coefficients), steps)

    def _needed_rows(self, coefficients: NDArray[np.float64], tolerance: float) -> NDArray[np.intp]:
        """How many of the first rows fields to a tolerance need, (n,): others hardly change them.

        Modes are in the order of their share in the snapshots.
        """
        squares = np.square(coefficients * self._sizes)
        tails = np.cumsum(squares[:, ::-1], axis=1)[:, ::-1]
        few = self.fit.fast_modes
        are_large = tails > (LEFT_OUT * tolerance) ** 2 * squares[:, few : few + 1]
        return np.maximum(few + 1, np.count_nonzero(are_large, axis=1))

    @cached_property
    def _sizes(self) -> NDArray[np.float64]:
        """The largest |value| of each row."""
        return np.maximum(self.rows.max(axis=1), -self.rows.min(axis=1)).astype(np.float64)

    def product(self, coefficients: NDArray[np.float64]) -> NDArray[np.float32]:
        """The fields (n, *lattice) of coefficients of the first rows, or of all."""
        fields = coefficients.astype(np.float32) @ self.rows[: coefficients.shape[1]]
        return fields.reshape(-1, *self._family.problem.lattice)

    def set_fixed_values(self, fields: NDArray[np.float32], points: NDArray[np.float64]) -> None:
        """Give the fields (n, *lattice) of points the values of their fixed nodes."""
        factors = np.insert(points, points.shape[1], 1.0, axis=1)
        fields.reshape(len(fields), -1)[:, self._fixed] = factors @ self._of_values

    @property
    def can_solve(self) -> bool:
        """Whether Galerkin's method serves the family, and usually converges."""
        return self.fit.converging >= OFTEN and Galerkin.serves(self._family)

    @cached_property
    def _galerkin(self) -> Galerkin:
        family, reference = self._family, self._family.lowest_point
        equations = Equations(family.quick_problem_at(reference))
        return Galerkin(
            family,
            self.rows,
            self.fit.fast_modes,
            self.fit.remainder,
            equations,
            reference,
            self.coefficients,
        )
