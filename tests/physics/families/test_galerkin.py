"""Galerkin's method: residuals that are orthogonal to the modes, and smaller errors."""

import functools

import numpy as np

import diffkeras as dk
from diffkeras.physics.families.predictor import Galerkin
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
    family = dk.Family(dk.Problem(np.eye(16)), {"values": (0.01, 0.1)})
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
