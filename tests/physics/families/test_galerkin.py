"""Galerkin's method: residuals that are orthogonal to the modes, and smaller errors."""

import functools

import numpy as np

import diffkeras as dk
from diffkeras.physics.equations.equations import Equations
from tests.helpers.random_families import random_family, tissue_family


@functools.cache
def trained(snapshots=60):
    return dk.ReducedBasis.train(tissue_family(), snapshots, modes=20)


def residual_along_modes(basis, point, field):
    """V F(û) of a field, for modes V on the free nodes."""
    equations = Equations(basis.family.problem_at(point, extrapolate=True))
    residual = equations.residual(field.astype(float))
    return basis.modes.reshape(len(basis.modes), -1).astype(float) @ residual.ravel()


def test_residuals_are_orthogonal_to_the_modes():
    basis = trained()
    for point in basis.family.draw(5, seed=5):
        plain = residual_along_modes(basis, point, basis.fields(point))
        solved = residual_along_modes(basis, point, basis.fields(point, galerkin=True))
        assert np.linalg.norm(solved) < 0.02 * np.linalg.norm(plain)


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


def test_it_also_serves_points_out_of_the_ranges():
    basis = trained()
    point = 1.3 * basis.family.high
    exact = dk.solve(basis.family.problem_at(point, extrapolate=True)).field
    errors = [
        np.abs(basis.fields(point, extrapolate=True, galerkin=galerkin) - exact).max()
        for galerkin in (False, True)
    ]
    assert errors[1] < errors[0] / 5


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
            assert np.array_equal(plain, solved), seed
    assert helped
    assert unchanged


def test_a_batch_has_the_fields_of_its_points():
    basis = trained()
    points = basis.family.draw(3, seed=1)
    fields = basis.fields(points, galerkin=True)
    for point, field in zip(points, fields, strict=True):
        np.testing.assert_allclose(field, basis.fields(point, galerkin=True), atol=1e-6)
