"""Certificates in media that vary, against the sparse reference."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparse_operator import solve_reference

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, certify, solve

BOUNDARIES = ["absorbing", "reflecting", "periodic", ("periodic", "absorbing")]
BOUNDARIES_IN_SPACE = [*BOUNDARIES[:3], ("periodic", "absorbing", "reflecting")]
LATTICE = (28, 33)


def tissue(lattice: tuple[int, int], seed: int = 0, boundary: object = "reflecting") -> Medium:
    """Cells that take up in a layered tissue."""
    rng = np.random.default_rng(seed)
    rows = np.indices(lattice)[0]
    return Medium(
        diffusivity=np.where(rows < lattice[0] // 2, 1.0, 0.1),
        decay=np.where(rng.random(lattice) < 0.2, 0.5, 1e-3),
        boundary=boundary,
    )


@pytest.fixture(scope="module")
def medium() -> Medium:
    return tissue(LATTICE)


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    image = np.zeros(LATTICE)
    image[5:9, 6:10] = 3.0
    image[20:23, 20:24] = 1.5
    return image


@pytest.fixture(scope="module")
def exact(image: np.ndarray, medium: Medium) -> np.ndarray:
    return solve(image, medium=medium, tolerance=1e-12).field


@given(
    lattice=st.tuples(st.integers(1, 12), st.integers(1, 12))
    | st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 6)),
    boundary=st.sampled_from(BOUNDARIES),
    kind=st.sampled_from(["fixed", "production", "both"]),
    uniform_diffusivity=st.booleans(),
    error=st.sampled_from([0.0, 1e-6, 1e-2, 1.0, 1e6]),
    unit=st.sampled_from([1.0, 1e-12, 1e9]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=80, deadline=None)
def test_no_bound_is_ever_violated(lattice, boundary, kind, uniform_diffusivity, error, unit, seed):
    rng = np.random.default_rng(seed)
    fixed = rng.random(lattice) < (0.0 if kind == "production" else 0.3)
    options = {
        "diffusivity": unit * (1.5 if uniform_diffusivity else 10 ** rng.uniform(-1, 1, lattice)),
        "decay": unit * 10 ** rng.uniform(-3, 0, lattice),
        "boundary": boundary if len(lattice) == 2 else BOUNDARIES_IN_SPACE[seed % 4],
        "dimensions": len(lattice),
        "fixed": fixed,
        "production": None if kind == "fixed" else unit * rng.uniform(-1, 1, lattice),
    }
    image = np.where(fixed, rng.uniform(-1, 1, lattice), 0.0)
    exact = solve_reference(image, **options)
    size = max(abs(exact).max(), 1e-300)
    prediction = exact + error * size * rng.normal(size=lattice)
    certificate = certify(prediction, image, **options)
    # the sums on the diagonal of the reference lose digits where D is far above γ
    rounding = 1e-10 * size
    assert (
        abs(certificate.corrected.field - exact) <= certificate.corrected.node_bound + rounding
    ).all()
    assert (abs(prediction - exact) <= certificate.node_bound + rounding).all()
    assert certificate.corrected.error_bound == certificate.corrected.node_bound.max()
    np.testing.assert_array_equal(certificate.corrected.field[fixed], image[fixed])
    solution = solve(image, initial=prediction, tolerance=1e-6, **options)
    assert abs(solution.field - exact).max() <= solution.error_bound + rounding
    assert solution.error_bound <= 1e-6 * size * (1 + 1e-9) + rounding


def test_bounds_say_something(image, medium, exact):
    prediction = exact + 0.01 * np.random.default_rng(0).normal(size=LATTICE)
    certificate = certify(prediction, image, medium=medium)
    error = abs(prediction - exact)
    assert certificate.error_bound < 1.5 * error.max()
    assert certificate.corrected.error_bound < 0.02
    assert abs(certificate.corrected.field - exact).max() < 0.1 * error.max()
    # it falls off with the error, which the largest bound would not
    far = np.s_[25:, :4]
    local = exact.copy()
    local[5:9, 10:12] += 0.5
    bounds = certify(local, image, medium=medium).node_bound
    assert bounds[far].max() < 0.1 * bounds.max()


def test_bounds_where_only_the_decay_varies(image):
    medium = replace(tissue(LATTICE), diffusivity=2.0)
    exact = solve(image, medium=medium, tolerance=1e-12).field
    smooth = np.cos(np.linspace(0, 3, LATTICE[1])) * np.sin(np.linspace(0, 2, LATTICE[0]))[:, None]
    prediction = exact + 0.01 * smooth
    certificate = certify(prediction, image, medium=medium)
    error = abs(prediction - exact)
    assert (error <= certificate.node_bound).all()
    assert (abs(certificate.corrected.field - exact) <= certificate.corrected.node_bound).all()
    assert certificate.error_bound < 1.5 * error.max()
    released = np.random.default_rng(1).uniform(0, 1, LATTICE)
    exact = solve_reference(None, production=released, medium=medium)
    certificate = certify(1.01 * exact, production=released, medium=medium)
    assert (abs(certificate.corrected.field - exact) <= certificate.corrected.node_bound).all()
    assert certificate.error_bound < 0.05 * exact.max()


def test_where_the_medium_is_uniform_the_bounds_of_both_ways_are_alike(image):
    decay = 0.01
    exact = solve(image, decay=decay).field
    prediction = 1.01 * exact
    varying_bound = certify(prediction, image, decay=np.full(LATTICE, decay)).error_bound
    uniform_bound = certify(prediction, image, decay=decay).error_bound
    assert abs(prediction - exact).max() <= min(varying_bound, uniform_bound)
    assert varying_bound < 1.1 * uniform_bound


def test_a_good_prediction_needs_fewer_iterations(image, medium, exact):
    near = solve(image, initial=exact * 1.0001, medium=medium, tolerance=1e-5)
    cold = solve(image, medium=medium, tolerance=1e-5)
    assert near.stats.iterations < cold.stats.iterations


def test_wild_predictions_cost_no_digits(image, medium, exact):
    wild = np.where(np.indices(LATTICE).sum(0) % 2, 1e15, -1e15)
    solution = solve(image, initial=wild, medium=medium, tolerance=1e-10)
    assert abs(solution.field - exact).max() <= solution.error_bound <= 1e-10 * 3.0


def test_batches_hold_the_certificates_of_their_images(image, medium, exact):
    batch = certify(np.stack([exact, 0 * exact]), np.stack([image, image]), medium=medium)
    single = certify(0 * exact, image, medium=medium)
    np.testing.assert_array_equal(batch.images[1].node_bound, single.node_bound)


def test_nothing_fixed_above_0_is_known_exactly(medium):
    image, fixed = np.zeros(LATTICE), np.zeros(LATTICE, bool)
    fixed[3, 4] = True
    certificate = certify(np.ones(LATTICE), image, fixed=fixed, medium=medium)
    assert certificate.corrected.error_bound == 0.0
    assert not certificate.corrected.field.any()


def test_another_lattice_is_refused(medium):
    with pytest.raises(PhysicsError, match=r"the medium has arrays of shape \(28, 33\)"):
        certify(np.zeros((9, 9)), np.ones((9, 9)), medium=medium)
