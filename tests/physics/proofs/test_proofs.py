"""Proofs: barriers against dense linear algebra, and how much bounds of corrected fields say.

That bounds hold is checked on random problems.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import diffkeras as dk
from diffkeras.physics import MichaelisMenten, certify, solve
from diffkeras.physics.equations import Equations
from diffkeras.physics.families.shared_equations import SharedEquations, SharedOperator
from diffkeras.physics.linear.steps import LinearSteps
from diffkeras.physics.proofs.barrier import Barrier, BarrierBound, barrier_of
from diffkeras.physics.proofs.enclosure import Enclosure
from diffkeras.physics.proofs.rounding import rounding_allowance
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


@pytest.mark.parametrize("needed", [0.0, 1e9])
def test_an_enclosure_encloses_on_every_node(needed):
    for seed, problem in problems():
        equations, rng = Equations(problem), np.random.default_rng(seed)
        free = equations.free
        field = np.where(free, rng.uniform(0, 2, problem.lattice), problem.values)
        slope = equations.least_slope(field, 0.1)
        enclosure = Enclosure(equations, LinearSteps(equations))
        bound = enclosure.bound(field, 0.1, np.float64, needed)
        assert bound is not None
        assert not bound[~free].any()
        applied = dense(equations, slope).astype(np.longdouble) @ bound[free]
        assert (applied >= np.abs(equations.residual(field)[free])).all(), seed


def test_the_constant_is_rounded_up():
    rng, lattice = np.random.default_rng(0), (4, 5)
    decay = rng.uniform(0.01, 1, lattice)
    equations = Equations(dk.Problem(production=np.ones(lattice), decay=decay, boundary="periodic"))
    row_sums = equations.volumes.row_sums.astype(np.longdouble)
    for _ in range(1000):
        barrier = Barrier(np.full(lattice, rng.uniform(1, 2)), equations)
        share = rng.choice([10 ** rng.uniform(-1, 6), -(1 - 10 ** rng.uniform(-4, 0))])
        change = (share * row_sums).astype(np.float32)
        residual, rounding = np.zeros(lattice), rng.choice([0.0, rng.random()])
        node = tuple(rng.integers(0, lattice))
        residual[node] = rng.uniform(1, 2)
        bound = BarrierBound(barrier.bound(change, residual, rounding), barrier)
        applied = (row_sums[node] + change[node]) * bound.on_nodes[node]
        assert applied >= residual[node] + np.longdouble(rounding)


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
        lost = -0.999 * equations.volumes.row_sums * (rng.random(problem.lattice) < 0.5)
        change = lost.astype(np.float32)  # of row sums, in single precision
        applied = dense(equations, change.astype(float)) @ barrier.field[equations.free]
        residual = equations.free * 1.0
        constant = barrier.bound(change, residual, 0.0)
        assert constant == np.inf or constant >= (1 / applied).max(), seed


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


def test_the_allowance_of_a_closed_lattice_includes_the_error_of_the_mean():
    problem = dk.Problem(production=np.eye(8), decay=1e-9, boundary="reflecting")
    exact = solve(problem).field
    assert rounding_allowance(Equations(problem), 1.001 * exact) >= 1e-3 * exact.max()


def test_the_most_rounding_is_at_least_that_of_each_node():
    for seed, problem in problems():
        equations = Equations(problem)
        rng = np.random.default_rng(seed)
        field = rng.normal(size=problem.lattice) * 10.0 ** rng.integers(-3, 4)
        values, rounding = equations.residual_with_rounding(field, np.float64)
        same, most = equations.residual_and_largest_rounding(field)
        assert np.array_equal(values, same), seed
        assert rounding.max() <= most, seed
        applied, sizes = equations.volumes.apply_with_sizes(field)
        same, most = equations.volumes.apply_with_largest_size(field)
        assert np.array_equal(applied, same), seed
        assert sizes.max() <= most * (1 + 1e-14), seed


@pytest.mark.parametrize("shares", [False, True])
def test_the_most_rounding_includes_each_kind_of_terms(shares):
    ones, signs = np.ones((6, 6)), (-1.0) ** np.indices((6, 6)).sum(axis=0)
    for field, parts in (  # of which one kind is far larger than the others
        (ones, {"decay": 1e-9, "uptake": MichaelisMenten(1e6, 1e3)}),
        (ones, {"decay": 1e-9, "uptake": MichaelisMenten(1e6 * ones, 1e3)}),
        (ones, {"decay": 1e6}),
        (ones, {"decay": 1e6 * ones}),
        (signs, {"decay": 1e-9}),
        (0 * ones, {"decay": 1e-9}),
    ):
        production = 1e6 * ones if not field.any() else 1e-9 * ones
        equations = Equations(dk.Problem(production=production, boundary="reflecting", **parts))
        if shares:
            like = dk.Problem(production=production, boundary="reflecting", decay=1e-9)
            equations = SharedOperator(Equations(like)).equations_of(equations.given_problem)
            assert isinstance(equations, SharedEquations)
        _, rounding = equations.residual_with_rounding(field, np.float64)
        _, most = equations.residual_and_largest_rounding(field)
        # sizes and the bound are rounded themselves
        assert rounding.max() <= most * (1 + 1e-14)


def test_what_is_added_to_row_sums_is_rounded_down():
    rng, exact = np.random.default_rng(0), np.vectorize(Fraction, otypes=[object])
    lattice = (30, 30)
    for _ in range(20):
        first = rng.uniform(0.1, 1, lattice)
        decays = first, first * (1 + rng.integers(-3, 4, lattice) * 2.0**-52)
        one, other = (
            dk.Problem(production=np.ones(lattice), decay=decay, diffusivity=0.7, step=0.9)
            for decay in decays
        )
        equations = SharedOperator(Equations(one)).equations_of(other)
        assert isinstance(equations, SharedEquations)
        least = equations.least_added_row_sums(np.ones(lattice), 0.0)
        added = (exact(decays[1]) - exact(decays[0])) / Fraction(equations.unit)
        assert (exact(least) <= added + np.abs(added) * Fraction(2) ** -23).all()


LATTICE = (28, 33)
CELLS = np.where(np.random.default_rng(0).random(LATTICE) < 0.3, 0.1, 0.0)
LAYERS = np.where(np.indices(LATTICE)[0] < 14, 1.0, 0.1)
IMAGE = np.zeros(LATTICE)
IMAGE[5:9, 6:10], IMAGE[20:23, 20:24] = 3.0, 1.5
TISSUES: dict[str, dict[str, Any]] = {
    "varying": {"diffusivity": LAYERS, "decay": np.where(CELLS, 0.5, 1e-3)},
    "saturating": {"uptake": MichaelisMenten(CELLS, 0.2), "decay": 1e-3},
    "uniform": {"decay": 0.01},
    "uniform, by maps": {"decay": np.full(LATTICE, 0.01)},
}


@pytest.mark.parametrize("options", TISSUES.values(), ids=TISSUES)
def test_bounds_are_close_to_the_errors(options):
    exact = solve(IMAGE, **options, boundary="reflecting", tolerance=1e-12).field
    smooth = np.cos(np.linspace(0, 5, 33)) * np.sin(np.linspace(0, 4, 28))[:, None]
    for prediction in (
        exact + 0.01 * smooth,
        exact + 0.01 * np.random.default_rng(1).normal(size=LATTICE),
        0 * exact,
    ):
        certificate = certify(prediction, IMAGE, **options, boundary="reflecting")
        error = abs(prediction - exact).max()
        assert error <= certificate.error_bound < 1.5 * error
        assert certificate.corrected.error_bound < 0.5 * error
        assert abs(certificate.corrected.field - exact).max() < 0.1 * error
    # bounds fall off with the error, as the largest one would not
    local = exact.copy()
    local[5:9, 10:12] += 0.5
    bounds = certify(local, IMAGE, **options, boundary="reflecting").node_bound
    assert bounds[25:, :4].max() < 0.1 * bounds.max()


def test_the_error_in_the_statistics_is_relative_to_the_field():
    options: dict[str, Any] = {"production": 1e-6 * IMAGE, **TISSUES["varying"]}
    corrected = certify(1.01 * solve(**options).field, **options).corrected
    size = corrected.field.max()
    assert corrected.stats.reached == pytest.approx(corrected.error_bound / size, rel=0.02)


@pytest.mark.parametrize("options", TISSUES.values(), ids=TISSUES)
@pytest.mark.parametrize("value", [0.0, 1.9])
def test_where_nothing_reaches_a_free_node_the_field_is_known_exactly(options, value):
    image, fixed = np.zeros(LATTICE), np.zeros(LATTICE, bool)
    image[10, 10], fixed[9:12, 9:12] = value, True
    certificate = certify(np.ones(LATTICE), image, fixed=fixed, **options)
    np.testing.assert_array_equal(certificate.corrected.field, image)
    assert certificate.corrected.error_bound == 0
    assert certificate.error_bound == pytest.approx(1, rel=1e-14)
    solution = solve(image, fixed=fixed, **options, tolerance=1e-3)
    np.testing.assert_array_equal(solution.field, image)
    assert solution.error_bound == 0


@pytest.mark.parametrize(("decay", "noise"), [(1 / 400, 0.02), (1e-5, 1e-4), (1e-3, 1e-3)])
def test_rough_predictions_of_cells_near_their_maximum_are_kept(decay, noise):
    options: dict[str, Any] = {"uptake": MichaelisMenten(0.3, 0.1), "boundary": "reflecting"}
    options |= {"production": np.full((24, 24), 0.5), "decay": decay}
    exact = solve(**options).field
    rng = np.random.default_rng(0)
    prediction = exact * (1 + noise * rng.uniform(-1, 1, exact.shape))
    certificate = certify(prediction, **options)
    assert certificate.error_bound < 3 * abs(prediction - exact).max()
