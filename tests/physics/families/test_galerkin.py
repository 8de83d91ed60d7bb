"""Galerkin's method, and equations by what a family shares."""

import functools

import numpy as np

import diffkeras as dk
from diffkeras.physics.equations import Equations
from diffkeras.physics.families.predictor import Galerkin
from diffkeras.physics.families.shared_equations import SharedEquations, SharedOperator
from tests.helpers.random_families import random_family, tissue_family
from tests.helpers.reduced_bases import check_prediction
from tests.helpers.rounding import same_to_rounding


@functools.cache
def trained(snapshots=60):
    return dk.ReducedBasis.train(tissue_family(), snapshots, modes=20)


def test_errors_are_nearly_the_least_that_the_basis_allows():
    basis = trained()
    modes = basis.modes.reshape(len(basis.modes), -1).astype(float)
    for point in basis.family.draw(5, seed=6):
        exact = dk.solve(basis.family.problem_at(point)).field
        scale = basis.family.scaling.scales(point[None]).item()
        deviation = exact.ravel() - scale * basis.rows[-1]
        deviation *= ~basis.family.problem.fixed.ravel()
        least = np.linalg.norm(deviation - (modes @ deviation) @ modes)
        error = np.linalg.norm(basis.fields(point, galerkin=True) - exact)
        assert least * 0.99 <= error < 3 * least
        assert error < np.linalg.norm(basis.fields(point) - exact) / 3


def test_it_converges_where_every_node_takes_up():
    basis = dk.load_family("tumour")
    assert basis.converging > 0.95
    errors = {False: [], True: []}
    for point in basis.family.draw(12, seed=5):
        exact = dk.solve(basis.family.problem_at(point)).field
        for galerkin, each in errors.items():
            each.append(np.abs(basis.fields(point, galerkin=galerkin) - exact).max())
        prediction = basis.predict(point, 1e-4)
        assert prediction.stats.newton_steps > 0
        assert (np.abs(prediction.field - exact) <= prediction.node_bound + 1e-9).all()
    assert np.median(errors[True]) < np.median(errors[False]) / 150


def test_steps_of_rounding_s_size_have_converged():
    family = dk.Family(dk.Problem(np.eye(16)), {"values": (0.01, 0.1), "decay": (0.1, 0.1 + 1e-8)})
    basis = dk.ReducedBasis.train(family, 12)  # whose modes leave nothing of these fields
    assert basis.converging == 1
    for point in family.draw(10, seed=3):
        assert basis.predict(point, 1e-6).stats.newton_steps <= 2


def test_what_does_not_converge_is_seen_and_not_used(monkeypatch):
    def diverging(self, coefficients, *_):
        return coefficients, 0

    monkeypatch.setattr(Galerkin, "improved", diverging)
    family = tissue_family(16)
    basis = dk.ReducedBasis.train(family, 12)
    assert basis.converging == 0
    monkeypatch.delattr(Galerkin, "improved")  # it isn't even tried
    point = family.draw(1, seed=3)[0]
    assert check_prediction(basis, point, 1e-3).stats.newton_steps == 0
    plain, solved = (basis.fields(point, galerkin=each) for each in (False, True))
    assert same_to_rounding(plain, solved)


def test_steps_that_grow_leave_the_regression_s_field(monkeypatch):
    basis = dk.ReducedBasis.train(tissue_family(16), 12)
    sample = basis._predictor._galerkin._uptake
    wrong = sample._replace(weights=-300 * sample.weights)
    monkeypatch.setattr(basis._predictor._galerkin, "_uptake", wrong)
    point = basis.family.draw(1, seed=3)[0]
    assert check_prediction(basis, point, 1e-5).stats.newton_steps == 0


def test_it_helps_families_of_any_kind_or_changes_nothing():
    helped, unchanged = 0, 0
    for seed in range(8, 22):
        basis = dk.ReducedBasis.train(random_family(seed), 12, seed=seed)
        point = basis.family.draw(1, seed=seed + 1)[0]
        exact = dk.solve(basis.family.problem_at(point)).field
        plain, solved = (basis.fields(point, galerkin=each) for each in (False, True))
        errors = [np.linalg.norm(field - exact) for field in (plain, solved)]
        size = np.linalg.norm(exact)
        assert errors[1] <= 1.5 * errors[0] + 1e-5 * size, seed
        helped += errors[1] < 0.5 * errors[0]
        unchanged += np.allclose(plain, solved, atol=1e-6 * np.abs(exact).max())
        names = " ".join(basis.family.names)
        if any(part in names for part in ("diffusivity", "step", "boundary")):
            assert basis.converging == 0
            assert same_to_rounding(plain, solved), seed
    assert helped
    assert unchanged


def sparse_family():
    """Few cells, of two regions, in a tissue of 24×24 nodes."""
    values, kinds = np.zeros((24, 24)), np.zeros((24, 24), int)
    values[2:5, 3:6] = 1.0
    kinds[8:12, 8:12], kinds[15:19, 4:9] = 1, 2
    problem = dk.Problem(values, uptake=dk.MichaelisMenten(0.01 * (kinds > 0), 0.2), decay=0.002)
    parameters = {"uptake.maximum[one]": (0.005, 0.05), "uptake.constant": (0.05, 0.5)}
    parameters |= {"decay": (0.001, 0.01), "values": (0.5, 1.0)}
    return dk.Family(problem, parameters, {"one": kinds == 1})


def pairs(families):
    for seed, family in enumerate(families):
        rng = np.random.default_rng(seed)
        shared = SharedOperator(Equations(family.problem_at(family.lowest_point)))
        for point in family.draw(2, seed=seed):
            problem = family.problem_at(point)
            field = rng.normal(size=problem.lattice) * 10.0 ** rng.integers(-3, 4)
            field = np.where(problem.fixed, problem.values, field)
            yield seed, shared.equations_of(problem), Equations(problem), field


def families():
    return [tissue_family(), sparse_family(), *map(random_family, range(30))]


def test_residuals_are_wrong_by_their_rounding_at_most():
    shares = set()
    for seed, shared, plain, field in pairs(families()):
        residual, most = shared.residual_and_largest_rounding(field)
        exact = plain.residual(field.astype(np.longdouble))
        assert np.abs(residual - exact).max() <= most, seed
        assert most <= 1e-12 * np.abs(field).max() * shared.most_slopes + 1e-12, seed
        assert not residual[plain.fixed].any()
        shares.add(isinstance(shared, SharedEquations))
    assert shares == {True, False}  # some families vary the diffusivity


def test_slopes_are_those_of_the_problem():
    for seed, shared, plain, field in pairs(families()):
        for one, other in (
            (shared.slope(field), plain.slope(field)),
            (shared.least_slope(field, 0.1), plain.least_slope(field, 0.1)),
        ):
            free = plain.free
            expected = np.broadcast_to(other, free.shape)[free]
            np.testing.assert_array_equal(np.broadcast_to(one, free.shape)[free], expected, seed)
        assert shared.most_slopes >= plain.most_slopes * (1 - 1e-12)
