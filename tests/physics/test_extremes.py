"""Media, values and units at the ends of what is allowed."""

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, Problem, certify, sample_sources, solve

DISCS = sample_sources(12, (64, 60), radius=3, rng=np.random.default_rng(0)).image(
    (64, 60), np.float64
)
DISCS[40, 8] = -0.5  # and a sink


@pytest.mark.parametrize("diffusivity", [1.0, np.linspace(0.5, 1, 4096).reshape(64, 64)])
def test_values_inside_sources_play_no_part(diffusivity):
    image = np.zeros((64, 64))
    image[20:30, 20:30] = 1.0
    plain = certify(np.zeros((64, 64)), image, diffusivity=diffusivity)
    image[24, 24] = 1e12
    certificate = certify(np.zeros((64, 64)), image, diffusivity=diffusivity)
    # a value of 1e12 would loosen it by orders
    assert certificate.corrected.error_bound <= 2 * plain.corrected.error_bound
    assert certificate.corrected.field[24, 24] == 1e12


@pytest.mark.parametrize(
    ("medium", "message"),
    [
        ({"decay": 1e39}, "1e\\+39 D/h²"),
        ({"decay": 1e-309}, "it must be 0 or 1e-20 to 1e\\+10 of that"),
        ({"decay": np.diag(np.full(60, 1e-40))}, "1e-40 D/h²"),
        ({"diffusivity": 1e31}, "between 1e-30 and 1e\\+30"),
        ({"step": 1e-31}, "between 1e-30 and 1e\\+30"),
        ({"diffusivity": (1.0, 2e3)}, "factor of 1000"),
        ({"diffusivity": np.linspace(1e-9, 1, 3600).reshape(60, 60)}, "factor of 1e\\+08"),
    ],
)
def test_what_no_tissue_has_is_refused(medium, message):
    with pytest.raises(PhysicsError, match=message):
        solve(DISCS, **medium)


@pytest.mark.parametrize("length", [0, -10, 1e200, float("nan"), float("inf"), "long"])
def test_a_diffusion_length_is_a_length(length):
    with pytest.raises(PhysicsError, match="diffusion length must be"):
        Medium().with_diffusion_length(length)


@pytest.mark.parametrize("value", [1e31, 1e-31, -1e31])
def test_values_of_an_absurd_unit_are_refused(value):
    image = np.zeros((8, 8))
    image[3, 4] = value
    with pytest.raises(PhysicsError, match="of a fixed node is 1e"):
        solve(image)
    image[3, 4], image[5, 5] = 1e-40, 1.0  # next to others it is as good as 0
    assert solve(image).field[3, 4] == 1e-40


def test_predictions_of_an_absurd_size_are_refused():
    with pytest.raises(PhysicsError, match=r"the field holds 1e\+51"):
        certify(np.full(DISCS.shape, 1e51), DISCS)


@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
def test_fields_of_the_largest_production_are_certified(boundary):
    medium = Medium(decay=1e-6, boundary=boundary)
    production = np.full((8, 9), 2.0**99)  # nearly 1e30
    field = solve(production=production, medium=medium).field
    for factor in (1.0, 1.5):
        certificate = certify(factor * field, production=production, medium=medium)
        scaled = certify(factor * field / 2**99, production=production / 2**99, medium=medium)
        np.testing.assert_allclose(certificate.error_bound / 2**99, scaled.error_bound)


@pytest.mark.parametrize("decay", [1e-20, 1 / 400, 1e10])
def test_bounds_of_the_largest_predictions_do_not_overflow(decay):
    prediction = np.full(DISCS.shape, 1e50)
    for problem in (Problem(DISCS, decay=decay), Problem(production=DISCS, decay=decay)):
        certificate = certify(prediction, problem)
        assert 0.99e50 < certificate.error_bound < np.inf
        assert np.isfinite(certificate.corrected.field).all()
