"""Certificates with saturating uptake: how much they say."""

import numpy as np
import pytest

from diffkeras.physics import Medium, MichaelisMenten, certify, solve

LATTICE = (32, 32)
MEDIUM = Medium(decay=1e-3, boundary="reflecting")


@pytest.fixture(scope="module")
def image():
    image = np.zeros(LATTICE)
    image[10:14, 12:16] = 1.0
    return image


@pytest.fixture(scope="module")
def uptake():
    cells = np.random.default_rng(0).random(LATTICE) < 0.3
    return MichaelisMenten(np.where(cells, 0.1, 0.0), 0.2)


@pytest.fixture(scope="module")
def exact(image, uptake):
    return solve(image, uptake=uptake, medium=MEDIUM, tolerance=1e-12).field


def test_bounds_are_close_to_the_errors(image, uptake, exact):
    smooth = np.cos(np.linspace(0, 5, 32)) * np.sin(np.linspace(0, 4, 32))[:, None]
    prediction = exact + 0.01 * smooth
    certificate = certify(prediction, image, uptake=uptake, medium=MEDIUM)
    error = abs(prediction - exact).max()
    assert error <= certificate.error_bound < 1.3 * error
    assert certificate.corrected.error_bound < 0.1 * error
    certificate = certify(0 * exact, image, uptake=uptake, medium=MEDIUM)
    assert 1 <= certificate.error_bound < 1.1


@pytest.mark.parametrize("share", [0.3, 0.999, 0.9995])
def test_closed_lattices_whose_cells_take_up_hardly_more_have_bounds(share):
    rng = np.random.default_rng(1)
    cells = np.where(rng.random((11, 7)) < 0.5, 0.05, 0.0)
    production = np.zeros(cells.shape)
    production[3, 4] = share * cells.sum()
    options = {"uptake": MichaelisMenten(cells, 0.7), "production": production}
    options |= {"decay": 0.0, "boundary": "reflecting"}
    solution = solve(**options, tolerance=1e-7)
    for prediction in (np.zeros(cells.shape), solution.field * rng.uniform(0.99, 1.01, (11, 7))):
        certificate = certify(prediction, **options)
        error = abs(certificate.corrected.field - solution.field)
        assert (error <= certificate.corrected.node_bound + solution.error_bound).all()
        assert certificate.corrected.error_bound < solution.field.max()


def test_fixed_values_that_no_free_node_feels_are_kept(uptake):
    image, fixed = np.zeros(LATTICE), np.zeros(LATTICE, bool)
    image[10, 10], fixed[9:12, 9:12] = 2.0, True
    given = {"fixed": fixed, "uptake": uptake, "medium": MEDIUM}
    certificate = certify(np.zeros(LATTICE), image, **given)
    np.testing.assert_array_equal(certificate.corrected.field, image)
    assert certificate.corrected.error_bound == 0
    assert certificate.error_bound == pytest.approx(2, rel=1e-14)


@pytest.mark.parametrize(("decay", "noise"), [(1 / 400, 0.02), (1e-5, 1e-4), (1e-3, 1e-3)])
def test_rough_predictions_of_cells_near_their_maximum_are_kept(decay, noise):
    options = {"uptake": MichaelisMenten(0.3, 0.1), "boundary": "reflecting", "decay": decay}
    options["production"] = np.full((24, 24), 0.5)
    exact = solve(**options).field
    rng = np.random.default_rng(0)
    prediction = exact * (1 + noise * rng.uniform(-1, 1, exact.shape))
    certificate = certify(prediction, **options)
    assert certificate.error_bound < 3 * abs(prediction - exact).max()
