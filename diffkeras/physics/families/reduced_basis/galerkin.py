"""Galerkin's method in the space of a basis: coefficients that the equations themselves give.

With the rows R of modes and mean, a field is û = Rᵀa on the free nodes. Of the coefficients a, that
of the mean is known, and those c of the modes V are such that V F(û) = 0. All terms of F but uptake
are linear in a, with matrices of the family that are made once (Rozza, Huynh & Patera 2008). Uptake
is computed on the nodes that take up. Newton's steps start at the coefficients of the regression;
their matrix is that of the first step, with the modes' means over groups of near nodes where uptake
has its slopes. So a step costs two products of the modes with the nodes that take up, and no pass
over the lattice.

What comes out is only a better prediction: its error is proven as that of any other one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.families.family.family import Family
from diffkeras.physics.families.family.rows import rows_of_values
from diffkeras.physics.families.family.shared_equations import SharedEquations

KNOWN = ("decay", "production", "values", "uptake.")  # parts whose terms are known here
MOST_STEPS = 4
GROUPS = 6  # groups of nodes for each mode
NODES_AT_A_TIME = 1 << 15


class _OnNodes(NamedTuple):
    """A basis on the nodes that take up.

    Attributes:
        nodes: their numbers; None for all.
        rows: (r + 1, m).
        starts: of groups of near nodes.
        means: of the modes over the groups, (r, groups).
    """

    nodes: NDArray[np.intp] | None
    rows: NDArray[np.float32]
    starts: NDArray[np.intp]
    means: NDArray[np.float32]


class Galerkin:
    """The equations of a family in the space of its basis."""

    def __init__(
        self,
        family: Family,
        rows: NDArray[np.float32],
        mean: int,
        remainder: float,
        equations: Equations,
        reference: NDArray[np.float64],
    ) -> None:
        """For a family that `serves`.

        Args:
            family: which one.
            rows: modes and mean on all nodes, (r + 1, n), 0 on the fixed ones.
            mean: the number of the mean's row.
            remainder: about the Euclidean norm of what the modes leave of a field.
            equations: of one of the family's problems.
            reference: its parameters, (p,).
        """
        nodes = rows.shape[1]
        self._rows, self._remainder, self._reference = rows, remainder, reference
        self._unknown = np.delete(np.arange(len(rows)), mean)
        modes = rows[self._unknown]
        applied = np.empty((len(modes), nodes))
        for row, mode in zip(applied, modes, strict=True):
            field = mode.astype(np.float64).reshape(equations.lattice)
            row[:] = equations.volumes.apply(field).ravel()
        self._operator = _products(applied, rows)  # V A Rᵀ
        self._of_values = _products(applied, rows_of_values(family))  # for parameters and 1
        production = (
            np.zeros(nodes) if equations.production is None else equations.production.ravel()
        )
        self._production = _products(modes, production[None])[:, 0]
        # what one unit more of a parameter adds to operator and production, by its number
        self._decays: dict[int, NDArray[np.float64]] = {}
        self._productions: dict[int, NDArray[np.float64]] = {}
        for number, parameter in enumerate(family.parameters):
            region = np.zeros(nodes, np.float32)
            region[parameter.where] = 1.0
            if parameter.part == "decay":
                self._decays[number] = _products(modes * region, rows) / equations.unit
            if parameter.part == "production":
                added = _products(modes, region[None])[:, 0]
                self._productions[number] = added / equations.unit
        self._last: _OnNodes | None = None

    @staticmethod
    def serves(family: Family) -> bool:
        """Whether all parameters are of a kind that is known here."""
        return all(parameter.part.startswith(KNOWN) for parameter in family.parameters)

    def _on(self, nodes: NDArray[np.intp] | None) -> "_OnNodes":
        """The basis on the nodes that take up, which are nearly always those of the last call."""
        on = self._last  # read once, as another thread may replace it
        if on is None or on.nodes is not nodes:
            rows = self._rows if nodes is None else np.ascontiguousarray(self._rows[:, nodes])
            size = max(1, rows.shape[1] // (GROUPS * len(self._unknown)))
            starts = np.arange(0, rows.shape[1], size)
            sizes = np.diff(np.append(starts, rows.shape[1])).astype(np.float32)
            means = np.add.reduceat(rows[self._unknown], starts, axis=1)
            means /= sizes
            self._last = on = _OnNodes(nodes, rows, starts, means)
        return on

    def improved(
        self,
        coefficients: NDArray[np.float64],
        point: NDArray[np.float64],
        equations: SharedEquations,
        scale: float,
    ) -> NDArray[np.float64]:
        """Better coefficients (r + 1,); the same ones if steps don't converge.

        Args:
            coefficients: of the rows.
            point: of the family, (p,).
            equations: of its problem.
            scale: of fields at the point, for which the remainder is multiplied by it.
        """
        operator, constant = self._linear_terms(point)
        law, result = equations.uptake_on_nodes, coefficients.copy()
        on = self._on(equations.nodes)
        factor, last = None, np.inf
        for _ in range(MOST_STEPS):
            residual = operator @ result + constant
            if law is not None:
                field = result.astype(np.float32) @ on.rows
                residual += (on.rows @ law.rate(field).astype(np.float32))[self._unknown]
            try:
                if factor is None:
                    matrix = operator[:, self._unknown]
                    if law is not None:
                        slopes = np.add.reduceat(law.slope(field), on.starts)
                        matrix += (on.means * slopes.astype(np.float32)) @ on.means.T
                    factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
                step = cho_solve(factor, residual, check_finite=False)
            except LinAlgError:
                return coefficients
            size = float(np.linalg.norm(step))
            if not size < last:
                return coefficients
            result[self._unknown] -= step
            if size <= self._remainder * abs(scale):
                break
            last = size
        return result

    def _linear_terms(
        self, point: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """V A Rᵀ of a point, and the rest of V F without uptake, which depends on no mode."""
        change = point - self._reference
        operator = self._operator.copy()
        for number, matrix in self._decays.items():
            operator += change[number] * matrix
        constant = self._of_values @ np.append(point, 1.0) - self._production
        for number, vector in self._productions.items():
            constant -= change[number] * vector
        return operator, constant


def _products(one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """Rows times rows in double precision, (a, n) and (b, n) to (a, b)."""
    result = np.zeros((len(one), len(other)))
    for start in range(0, one.shape[1], NODES_AT_A_TIME):
        part = slice(start, start + NODES_AT_A_TIME)
        result += one[:, part].astype(np.float64) @ other[:, part].astype(np.float64).T
    return result
