"""Barriers: bounds of one residual, against dense linear algebra."""

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.physics.equations.equations import Equations
from diffkeras.physics.proofs.barrier import Barrier, barrier_of
from tests.helpers.random_problems import moderate_problem


def dense(equations, slope):
    """A + d on the free nodes."""
    volumes = equations.volumes.on(equations.free)
    matrix = volumes.matrix(np.dtype(float)).toarray() + np.diag(np.ravel(slope * equations.free))
    free = equations.free.ravel()
    return matrix[free][:, free]


def problems():
    for seed in range(60):
        problem = moderate_problem(seed).reduced
        if not problem.fixed.all():
            yield seed, problem


def test_the_constant_is_the_least_that_encloses():
    for seed, problem in problems():
        equations, rng = Equations(problem), np.random.default_rng(seed)
        free = equations.free
        field = np.where(free, rng.uniform(0, 2, problem.lattice), problem.values)
        made_for = equations.least_slope(field, np.float64(1.0))
        profile = rng.uniform(0.5, 2, problem.lattice)
        barrier = Barrier(barrier_of(equations, made_for, profile), equations)
        slope = equations.least_slope(field, np.float64(0.1))
        residual = equations.residual(field)
        constant = barrier.bound(equations.operator_at(slope), residual, 0.0)
        applied = dense(equations, slope) @ barrier.field[free]
        least = (np.abs(residual[free]) / applied).max()
        assert least <= constant <= least * (1 + 1e-5), seed
        more = barrier.bound(equations.operator_at(slope), residual, 0.1)
        assert more == pytest.approx(((np.abs(residual[free]) + 0.1) / applied).max(), rel=1e-5), (
            seed
        )


def test_a_barrier_serves_other_decays_and_diffusivities():
    for seed, problem in problems():
        equations, rng = Equations(problem), np.random.default_rng(seed)
        barrier = Barrier(barrier_of(equations, 0.0, np.ones(problem.lattice)), equations)
        decay = problem.medium.decay * np.where(rng.random(problem.lattice) < 0.5, 1.0, 3.0)
        for parts in ({"decay": decay}, {"step": 1.5 * problem.medium.step}):
            other = dk.with_parts(problem, parts)
            others = Equations(other, equations)
            shares = others.volumes.couplings is equations.volumes.couplings
            assert shares == ("decay" in parts), seed
            residual = rng.normal(size=problem.lattice) * others.free
            constant = barrier.bound(others.volumes, residual, 0.0)
            applied = dense(others, 0.0) @ barrier.field[others.free]
            least = (np.abs(residual[others.free]) / applied).max() if applied.min() > 0 else np.inf
            assert constant == np.inf or least <= constant <= least * (1 + 1e-5), seed


def test_what_is_no_barrier_proves_nothing():
    problem = dk.Problem(np.eye(6), decay=0.1)
    equations = Equations(problem)
    field = np.random.default_rng(0).random((6, 6)) ** 8 * equations.free
    barrier = Barrier(field, equations)
    assert barrier.bound(equations.volumes, np.ones((6, 6)), 0.0) == np.inf


def test_nothing_is_lost_in_a_closed_lattice_without_decay():
    cells = dk.MichaelisMenten(0.1, 0.2)
    production = 0.1 * np.eye(6)
    closed = dk.Problem(production=production, uptake=cells, decay=0.0, boundary="reflecting")
    assert barrier_of(Equations(closed), 0.0, np.ones((6, 6))) is None


def test_the_most_rounding_is_at_least_that_of_each_node():
    for seed, problem in problems():
        equations = Equations(problem)
        rng = np.random.default_rng(seed)
        field = rng.normal(size=problem.lattice) * 10.0 ** rng.integers(-3, 4)
        values, rounding = equations.residual_with_rounding(field, np.float64)
        same, most = equations.residual_and_largest_rounding(field)
        assert np.array_equal(values, same), seed
        assert rounding.max() <= most, seed
