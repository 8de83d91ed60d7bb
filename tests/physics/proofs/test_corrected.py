"""How much the bounds of corrected fields say; that they hold is checked on random problems."""

from typing import Any

import numpy as np
import pytest

from diffkeras.physics import MichaelisMenten, certify, solve

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
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_where_nothing_reaches_a_free_node_the_field_is_known_exactly(options, value):
    image, fixed = np.zeros(LATTICE), np.zeros(LATTICE, bool)
    image[10, 10], fixed[9:12, 9:12] = value, True
    certificate = certify(np.ones(LATTICE), image, fixed=fixed, **options)
    np.testing.assert_array_equal(certificate.corrected.field, image)
    assert certificate.corrected.error_bound == 0
    assert certificate.error_bound == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize(("decay", "noise"), [(1 / 400, 0.02), (1e-5, 1e-4), (1e-3, 1e-3)])
def test_rough_predictions_of_cells_near_their_maximum_are_kept(decay, noise):
    options: dict[str, Any] = {"uptake": MichaelisMenten(0.3, 0.1), "boundary": "reflecting"}
    options |= {"production": np.full((24, 24), 0.5), "decay": decay}
    exact = solve(**options).field
    rng = np.random.default_rng(0)
    prediction = exact * (1 + noise * rng.uniform(-1, 1, exact.shape))
    certificate = certify(prediction, **options)
    assert certificate.error_bound < 3 * abs(prediction - exact).max()
