"""Predictions of a family's fields: by regression alone, or with Galerkin's method after it.

Galerkin's method finds, in the space of a basis, coefficients that the equations themselves give.
With the rows R of modes and mean, a field is û = Rᵀa on the free nodes. Of the coefficients a, the
mean's is known, and those c of the modes V are such that V F(û) = 0. All terms of F but uptake are
linear in a, with matrices of the family that are made once (Rozza, Huynh & Patera 2008). Uptake φ
is computed on few nodes P: W φ(û_P) is about V φ(û), with the W that fits best at samples of the
family (empirical interpolation, Barrault, Maday, Nguyen & Patera 2004; Chaturantabut & Sorensen
2010). The nodes are pivots of the samples (Drmač & Gugercin 2016), and as many others, so that W is
a fit and not an interpolation. Newton's steps start at the coefficients of the regression, and keep
the matrix of the first one. So no step passes over the lattice, on however many nodes cells take
up.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lstsq, qr
from scipy.linalg.lapack import dgetrf, dgetrs

from diffkeras.physics.equations import Equations
from diffkeras.physics.families.family import Family
from diffkeras.physics.families.fit import Fit
from diffkeras.physics.families.shared_equations import SharedEquations

KNOWN = ("decay", "production", "values", "uptake.")  # parts whose terms are known here
MOST_STEPS = 4
SINGLE = 2.0**-24  # relative rounding of a field's coefficients, beyond which no step counts
SAMPLES, TOGETHER = 384, 64  # fields by which W is fitted, and how many are made at a time
CANDIDATES, MOST_PIVOTS = 4096, 160  # of the nodes
LEAST_SHARE = 1e-6  # of a pivot or singular value in the first: the rounding of single precision
NODES_AT_A_TIME = 1 << 15
# share of a tolerance that modes which are left out may have: bounds are larger by some tens
LEFT_OUT = 0.01
OFTEN = 0.5  # share of the samples in which Galerkin's method has to converge to be used


class UptakeSample(NamedTuple):
    """Uptake in the space of a basis, by its rates on few nodes."""

    nodes: NDArray[np.intp]  # their numbers, (m,)
    rows: NDArray[np.float64]  # the basis there, (r + 1, m)
    modes: NDArray[np.float32]  # without the mean, (r, m)
    weights: NDArray[np.float64]  # W, (r, m)

    @classmethod
    def of(
        cls,
        rows: NDArray[np.float32],
        unknown: NDArray[np.intp],
        rates: Iterable[NDArray[np.float32]],
    ) -> "UptakeSample | None":
        """W of the modes `rows[unknown]`, by rates in blocks (s, n); None if they are 0."""
        pool, known, wanted = None, [], []
        for block in rates:
            if pool is None:
                every = np.flatnonzero(block.any(axis=0))
                pool = np.random.default_rng(0).permutation(every)[:CANDIDATES]
            known.append(block[:, pool].astype(np.float64))
            wanted.append((block @ rows.T)[:, unknown].astype(np.float64))
        if pool is None or not pool.size:
            return None
        each, products = np.concatenate(known), np.concatenate(wanted)
        sizes = np.linalg.norm(each, axis=1, keepdims=True)
        sizes[sizes == 0] = 1.0
        triangle, order = qr(each / sizes, mode="r", pivoting=True, check_finite=False)
        pivots = np.abs(triangle.diagonal())
        count = min(MOST_PIVOTS, int((pivots > LEAST_SHARE * pivots[0]).sum()))
        chosen = np.union1d(order[:count], np.arange(min(count, len(pool))))
        weights, *_ = lstsq(
            each[:, chosen] / sizes, products / sizes, cond=LEAST_SHARE, check_finite=False
        )
        nodes = pool[chosen]
        there = rows[:, nodes]
        return cls(
            nodes,
            there.astype(np.float64),
            there[unknown],
            np.ascontiguousarray(weights.T, np.float64),
        )


class Galerkin:
    """The equations of a family in the space of its basis."""

    def __init__(
        self,
        family: Family,
        fit: Fit,
        rows: NDArray[np.float32],
        coefficients: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    ) -> None:
        """For a family that `serves`, with rows as a `Predictor` has them, (r + 1, n).

        About `coefficients` have the fields at points (s, p), (s, r + 1).
        """
        nodes = rows.shape[1]
        self._remainder, self._reference = fit.remainder, family.lowest_point
        equations = Equations(family.quick_problem_at(self._reference))
        self._unknown = np.delete(np.arange(len(rows)), fit.fast_modes)
        modes = rows[self._unknown]
        applied = np.empty((len(modes), nodes))
        for row, mode in zip(applied, modes, strict=True):
            field = mode.astype(np.float64).reshape(equations.lattice)
            row[:] = equations.volumes.apply(field).ravel()
        self._operator = _products(applied, rows)  # V A Rᵀ
        self._of_values = _products(applied, family.rows_of_values())  # for parameters and 1
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
        self._uptake: UptakeSample | None = None
        if family.problem.uptake is not None:
            rates = _rates(family, rows, equations, coefficients)
            self._uptake = UptakeSample.of(rows, self._unknown, rates)

    @staticmethod
    def serves(family: Family) -> bool:
        """Whether all parameters are of a kind that is known here."""
        return all(parameter.part.startswith(KNOWN) for parameter in family.parameters)

    def improved(
        self,
        coefficients: NDArray[np.float64],
        point: NDArray[np.float64],
        equations: SharedEquations,
        scale: float,
    ) -> tuple[NDArray[np.float64], int]:
        """Better coefficients, and after how many steps; the same ones and 0 without convergence.

        They are of the first rows, which then are the basis. The remainder is in proportion to the
        scale of fields at the point (p,), whose equations are given.
        """
        unchanged, count = (coefficients, 0), len(coefficients) - 1
        operator, constant = self._linear_terms(point, count)
        unknown, sample, result = self._unknown[:count], self._uptake, coefficients.copy()
        law = None if sample is None else equations.uptake_at(sample.nodes)
        rounding = SINGLE * float(np.linalg.norm(coefficients))
        enough, last = max(self._remainder * abs(scale), rounding), np.inf
        for steps in range(1, MOST_STEPS + 1):
            residual = operator @ result + constant
            if sample is not None and law is not None:
                field = result @ sample.rows[: count + 1]
                residual += sample.weights[:count] @ law.rate(field)
            if steps == 1:
                matrix = operator[:, unknown]
                if sample is not None and law is not None:
                    sloped = sample.weights[:count] * law.slope(field)
                    matrix += sloped.astype(np.float32) @ sample.modes[:count].T
                factor, pivots, info = dgetrf(matrix, overwrite_a=True)
                if info:  # it is singular
                    return unchanged
            step, _ = dgetrs(factor, pivots, residual)
            size = float(np.linalg.norm(step))
            if not size < last:
                return unchanged
            result[unknown] -= step
            if size <= enough:
                break
            last = size
        return result, steps

    def _linear_terms(
        self, point: NDArray[np.float64], count: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """V A Rᵀ of a point, and V s with the fixed values' part of V F, for the first modes."""
        change = point - self._reference
        operator = self._operator[:count, : count + 1].copy()
        for number, matrix in self._decays.items():
            operator += change[number] * matrix[:count, : count + 1]
        constant = self._of_values @ np.append(point, 1.0) - self._production
        for number, vector in self._productions.items():
            constant -= change[number] * vector
        return operator, constant[:count]


def _rates(
    family: Family,
    rows: NDArray[np.float32],
    equations: Equations,
    coefficients: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> Iterator[NDArray[np.float32]]:
    """The rates of uptake of fields at drawn points, in blocks (s, n)."""
    for points in np.split(family.draw(SAMPLES, seed=1), range(TOGETHER, SAMPLES, TOGETHER)):
        rates = coefficients(points).astype(np.float32) @ rows
        for rate, point in zip(rates, points, strict=True):
            law = family.quick_problem_at(point).reduced.uptake
            if law is None:
                rate[:] = 0.0
            else:
                field = rate.reshape(equations.lattice)
                field[...] = law.in_unit(equations.unit).rate(field)
        rates[:, equations.fixed.ravel()] = 0.0
        yield rates


def _products(one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """Rows times rows in double precision, (a, n) and (b, n) to (a, b)."""
    result = np.zeros((len(one), len(other)))
    for start in range(0, one.shape[1], NODES_AT_A_TIME):
        part = slice(start, start + NODES_AT_A_TIME)
        result += one[:, part].astype(np.float64) @ other[:, part].astype(np.float64).T
    return result


class Predictor:
    """A basis with its regression."""

    def __init__(self, family: Family, fit: Fit) -> None:
        few = fit.fast_modes
        self.fit = fit  # another one with the same modes and regression may replace it
        # (q + 1, n) float32, what coefficients are multiplied by: r modes, the mean, and the modes
        # that only Galerkin's method uses
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
        """Coefficients of the modes and of the mean, times the scales of points."""
        rows = np.insert(coefficients, self.fit.fast_modes, 1.0, axis=1)
        return rows * self._family.scaling.scales(points)

    def solved(
        self,
        points: NDArray[np.float64],
        equations: Sequence[Equations],
        coefficients: NDArray[np.float64] | None = None,
        tolerance: float = 0.0,
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The fields of points by Galerkin's method, or by regression where it isn't used.

        They are (n, *lattice), 0 on the fixed nodes, with the number of steps of each, (n,). The
        method starts at the regression's coefficients by default. To a tolerance, fields may need
        fewer modes.
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
        return self.product(coefficients), steps

    def _needed_rows(self, coefficients: NDArray[np.float64], tolerance: float) -> NDArray[np.intp]:
        """How many of the first rows fields to a tolerance need, (n,)."""
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
        return Galerkin(self._family, self.fit, self.rows, self.coefficients)
