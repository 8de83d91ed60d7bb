"""Predictions of a family's fields: by regression alone, or with Galerkin's method after it."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.families.equations import SharedEquations
from diffkeras.physics.families.family import Family
from diffkeras.physics.families.galerkin import Galerkin
from diffkeras.physics.families.regression import KernelRegression


class Predictor:
    """A basis with its regression.

    Attributes:
        rows: (q + 1, n) float32, what coefficients are multiplied by: r modes, the mean, and the
            modes that only Galerkin's method uses.
        few: r.
    """

    def __init__(
        self,
        family: Family,
        mean: NDArray[np.float32],
        modes: NDArray[np.float32],
        regression: KernelRegression,
        few: int,
        remainder: float,
    ) -> None:
        """See `ReducedBasis`; `remainder` is that of `Galerkin`."""
        self.rows = np.concatenate([modes[:few], mean[None], modes[few:]])
        self.few = few
        self.regression = regression
        self.remainder = remainder
        self._family = family
        self._plain = regression.first(few)

    @property
    def modes(self) -> NDArray[np.float32]:
        """All of them, (q, n)."""
        return np.delete(self.rows, self.few, axis=0)

    def fields(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """The fields (n, *lattice) of points by regression, 0 on the fixed nodes."""
        scaling, shape = self._family.scaling, self._family.problem.lattice
        coefficients = self.scaled(self._plain(scaling.inputs(points)), points)
        fields = coefficients.astype(np.float32) @ self.rows[: self.few + 1]
        return fields.reshape(len(points), *shape)

    def coefficients(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the regression multiplies all rows by, (n, q + 1)."""
        return self.scaled(self.regression(self._family.scaling.inputs(points)), points)

    def scaled(
        self, coefficients: NDArray[np.float64], points: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Coefficients of the modes, with that of the mean, times the scales of points."""
        rows = np.insert(coefficients, self.few, 1.0, axis=1)
        return rows * self._family.scaling.scales(points)[:, None]

    def solved(
        self,
        coefficients: NDArray[np.float64],
        point: NDArray[np.float64],
        equations: SharedEquations,
    ) -> NDArray[np.float32]:
        """The field on the lattice that Galerkin's method makes of coefficients, 0 on fixed nodes.

        Without that method, it is the one of the coefficients.
        """
        if self._galerkin is not None and equations.shares:
            scale = float(self._family.scaling.scales(point[None])[0])
            coefficients = self._galerkin.improved(coefficients, point, equations, scale)
        field = coefficients.astype(np.float32) @ self.rows
        return field.reshape(self._family.problem.lattice)

    @property
    def can_solve(self) -> bool:
        """Whether Galerkin's method serves the family."""
        return Galerkin.serves(self._family)

    @cached_property
    def _galerkin(self) -> Galerkin | None:
        if not self.can_solve:
            return None
        family, reference = self._family, self._family.lowest_point
        equations = Equations(family.quick_problem_at(reference))
        return Galerkin(family, self.rows, self.few, self.remainder, equations, reference)
