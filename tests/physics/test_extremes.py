"""Media, values and units at the ends of what is allowed."""

from typing import Any

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, Problem, Sources, certify, sample_sources, solve, superpose

DISCS = sample_sources(12, (64, 60), radius=3, rng=np.random.default_rng(0)).image(
    (64, 60), np.float64
)
DISCS[40, 8] = -0.5  # and a sink
UNITS = [(1e-30, 1e30), (1e30, 1e-15), (3e7, 2e-9)]  # diffusivity, step
SLOW = [1e-6, 1e-9, 1e-12, 1e-16, 1e-20]


def plates() -> np.ndarray:
    """Opposing values side by side, whose large densities nearly cancel."""
    image = np.zeros((256, 256))
    image[32:-32, 128], image[32:-32, 129] = 1.0, -1.0
    return image


def bars() -> np.ndarray:
    image = np.zeros((64, 64))
    image[20:40, 30], image[20:40, 31] = 1.0, -1.0
    return image


@pytest.mark.parametrize(
    ("image", "medium"),
    [
        (bars(), {"diffusivity": (1, 100.0), "decay": 1e-6, "boundary": "periodic"}),
        (bars(), {"diffusivity": (1, 1e3), "decay": 1e-6, "boundary": "reflecting"}),
        (plates(), {"boundary": "reflecting", "decay": 1e-6}),
        (plates(), {"boundary": "reflecting"}),
        (DISCS, {"boundary": "reflecting", "decay": 1e-11, "method": "ring-cg"}),
        (DISCS, {"boundary": "absorbing", "decay": 1e-11}),
    ],
)
@pytest.mark.parametrize("tolerance", [1e-6, 1e-5])
def test_single_precision_keeps_the_tolerance_between_the_sources_too(image, medium, tolerance):
    exact = solve(image, tolerance=1e-9, **medium | {"method": "ring"}).field
    single = solve(image, tolerance=tolerance, **medium)
    assert single.field.dtype == np.float32
    assert np.abs(single.field - exact).max() <= tolerance + 1e-9


@pytest.mark.parametrize("ratio", [1e2, 1e3])
@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
def test_the_ring_system_keeps_its_digits_in_anisotropic_media(boundary, ratio):
    medium = Medium((1, ratio), 1e-3, boundary=boundary)
    solution = solve(bars(), medium=medium)
    proven = solve(bars(), medium=medium, method="newton-cg")
    assert solution.stats.method == "ring"
    assert np.abs(solution.field - proven.field).max() <= 2e-10


@pytest.mark.parametrize("decay", SLOW)
@pytest.mark.parametrize("method", ["ring", "ring-cg"])
@pytest.mark.parametrize(
    "boundary", ["absorbing", "reflecting", ("periodic", "reflecting"), ("absorbing", "periodic")]
)
def test_slow_decay_goes_over_into_none(boundary, method, decay):
    # 1/γ is the longest time there is; without absorption, all that is absorbed is in the sources
    slow = solve(DISCS, decay=decay, boundary=boundary, method=method)
    none = solve(DISCS, decay=0.0, boundary=boundary, method=method)
    assert np.abs(slow.field - none.field).max() <= 1e-10 + 1e4 * decay
    assert slow.stats.iterations <= none.stats.iterations + 2


@pytest.mark.parametrize("decay", SLOW)
@pytest.mark.parametrize("boundary", ["absorbing", "reflecting", "periodic"])
def test_bounds_hold_and_are_sharp_whatever_the_decay(boundary, decay):
    medium: dict[str, Any] = {"decay": decay, "boundary": boundary}
    exact = solve(DISCS, tolerance=1e-12, **medium).field
    prediction = exact + 1e-2 * np.random.default_rng(0).standard_normal(exact.shape)
    certificate = certify(prediction, DISCS, **medium)
    true = np.abs(certificate.corrected.field - exact).max()
    assert true <= certificate.corrected.error_bound + 1e-12
    errors = np.abs(prediction - exact)
    assert certificate.error_bound <= 1.5 * errors.max()
    assert (errors <= certificate.node_bound + 1e-12).all()


@pytest.mark.parametrize("decay", [1e-9, 1e-14, 1e-18])
def test_superposition_is_exact_for_one_disc_whatever_the_decay(decay):
    one = Sources.from_lists([20], [20], [5], [1.0])
    exact = solve(one.image((64, 64), np.float64), decay=decay, tolerance=1e-12).field
    assert np.abs(superpose(one, (64, 64), medium=Medium(1.0, decay)) - exact).max() < 1e-12


@pytest.mark.parametrize(("diffusivity", "step"), UNITS)
@pytest.mark.parametrize("boundary", ["absorbing", "periodic"])
def test_units_make_no_difference(diffusivity, step, boundary):
    usual = {"decay": 0.01, "boundary": boundary}
    other = {
        "decay": 0.01 * (diffusivity / step / step),
        "boundary": boundary,
        "diffusivity": diffusivity,
        "step": step,
    }
    exact = solve(DISCS, **usual).field  # type: ignore[arg-type]
    for method in ("ring", "ring-cg", "newton-cg"):
        same = solve(DISCS, method=method, **other).field  # type: ignore[arg-type]
        np.testing.assert_allclose(same, exact, rtol=0, atol=1e-10)
    one, two = certify(0 * DISCS, DISCS, **usual), certify(0 * DISCS, DISCS, **other)  # type: ignore[arg-type]
    assert two.error_bound == pytest.approx(one.error_bound, rel=1e-6)


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("scale", [1e-30, 1e-11, 1e13, 1e30])
@pytest.mark.parametrize("boundary", ["absorbing", "periodic"])
def test_sizes_of_values_make_no_difference(scale, boundary):
    exact = solve(DISCS, boundary=boundary).field
    image = DISCS * scale
    for method in ("ring", "ring-cg", "newton-cg"):
        same = solve(image, boundary=boundary, method=method).field  # type: ignore[arg-type]
        np.testing.assert_allclose(same / scale, exact, rtol=0, atol=1e-10)
    for prediction in (0 * image, exact * scale, np.full_like(image, 1e30)):
        certificate = certify(prediction, image, boundary=boundary)
        errors = np.abs(certificate.corrected.field / scale - exact)
        assert errors.max() <= certificate.corrected.error_bound / scale + 1e-12
        assert (errors <= certificate.corrected.node_bound / scale + 1e-12).all()


@pytest.mark.parametrize("method", ["ring", "ring-cg", "newton-cg"])
def test_solutions_are_proven_to_meet_their_tolerance(method):
    for scale in (1e-3, 1e6):
        exact = solve(scale * DISCS, tolerance=1e-13).field
        for tolerance in (1e-2, 1e-5, 1e-8):
            solution = solve(scale * DISCS, method=method, tolerance=tolerance)
            error = np.abs(solution.field - exact)
            assert error.max() <= solution.error_bound <= tolerance * scale
            assert (error <= solution.node_bound + 1e-12 * scale).all()


def test_values_inside_sources_play_no_part():
    image = np.zeros((64, 64))
    image[20:30, 20:30] = 1.0
    plain = certify(np.zeros((64, 64)), image)
    image[24, 24] = 1e12
    certificate = certify(np.zeros((64, 64)), image)
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
