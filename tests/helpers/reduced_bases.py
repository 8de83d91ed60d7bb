"""Trained bases of families, and the check of their predictions."""

import functools

import numpy as np

import diffkeras as dk
from tests.helpers.random_families import tissue_family


@functools.cache
def tissue_basis(snapshots=40):
    return dk.ReducedBasis.train(tissue_family(), snapshots)


def check_prediction(basis, point, tolerance):
    """The prediction, whose bounds hold."""
    prediction = basis.predict(point, tolerance, extrapolate=True)
    problem = basis.family.problem_at(point, extrapolate=True)
    exact = dk.solve(problem, tolerance=1e-11)
    error = np.abs(prediction.field - exact.field)
    assert (error <= prediction.node_bound + exact.node_bound).all()
    assert prediction.error_bound >= error.max() - exact.error_bound
    values = problem.values.astype(prediction.field.dtype)
    assert np.array_equal(prediction.field[problem.fixed], values[problem.fixed])
    if tolerance is not None:
        assert prediction.error_bound <= tolerance * np.abs(prediction.field).max()
    return prediction
