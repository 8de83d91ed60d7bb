"""Production: fields of sources that release, with and without fixed nodes."""

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, certify, sample_sources, solve
from tests.helpers.plain_equations import solve_reference
from tests.helpers.rounding import same_solutions

LATTICE = (19, 26)


def fixed_nodes(share: float) -> tuple[np.ndarray, np.ndarray]:
    """A source image with its mask."""
    rng = np.random.default_rng(int(100 * share))
    fixed = rng.random(LATTICE) < share
    fixed[4:7, 5:9] = True
    return np.where(fixed, rng.uniform(-1, 1, LATTICE), 0.0), fixed


def productions() -> list[np.ndarray]:
    """Discs of both signs, noise, the same everywhere."""
    rows, columns = np.indices(LATTICE)
    discs = 1.0 * (np.hypot(rows - 6, columns - 8) <= 4) - 0.4 * (np.hypot(rows, columns - 20) <= 3)
    return [discs, np.random.default_rng(1).standard_normal(LATTICE), np.full(LATTICE, 0.02)]


def test_a_net_production_that_nothing_takes_away_has_no_steady_state():
    production = np.zeros(LATTICE)
    production[3, 4], production[7, 7] = 2.0, -0.75
    with pytest.raises(PhysicsError, match=r"no steady state.* sum to 1\.25 .*fixed node"):
        solve(production=production, decay=0.0, boundary="reflecting")
    production[7, 7] = -2.0
    with pytest.raises(PhysicsError, match="every constant solves"):
        solve(production=production, decay=0.0, boundary="reflecting")


VARYING = Medium(
    10 ** np.random.default_rng(5).uniform(-1, 1, LATTICE),
    np.random.default_rng(6).uniform(0, 0.02, LATTICE),
    boundary=("absorbing", "periodic"),
)


def test_a_production_alone_takes_one_pair_of_transforms():
    for tolerance, dtype in ((1e-10, np.float64), (1e-4, np.float32)):
        for method in ("auto", "ring", "ring-cg"):
            solution = solve(production=productions()[0], method=method, tolerance=tolerance)
            assert solution.stats.method == "transform"
            assert (solution.stats.ring_nodes, solution.stats.iterations) == (0, 0)
            assert solution.field.dtype == dtype
    certificate = certify(0 * solution.field, production=productions()[0])
    assert certificate.corrected.error_bound <= 1e-9 * certificate.corrected.field.max()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-10])
@pytest.mark.parametrize("is_fixed", [False, True])
def test_the_error_bound_is_that_of_the_worst_node(seed, tolerance, is_fixed):
    image = sample_sources(6, (128, 128), rng=seed).image(dtype=np.float64)
    production = sample_sources(6, (128, 128), rng=seed + 5).image(dtype=np.float64) / 400
    source_image = image if is_fixed else None
    solution = solve(source_image, production=production, tolerance=tolerance)
    sharp = solution.node_bound.max()
    if is_fixed and tolerance < 1e-6:  # where this bound takes longer than the solution
        assert sharp <= solution.error_bound <= tolerance * solution.field.max()
    else:
        assert solution.error_bound == pytest.approx(sharp, rel=1e-6)


@pytest.mark.parametrize("production", [0.0, -0.0])
def test_no_production_is_as_none_given(production):
    image, fixed = fixed_nodes(0.01)
    nothing = np.full(LATTICE, production)
    one = solve(image, fixed=fixed, production=nothing)
    assert same_solutions(one.field, solve(image, fixed=fixed).field)
    assert not solve(production=nothing).field.any()
    with pytest.raises(PhysicsError, match="every constant solves"):
        solve(production=nothing, decay=0.0, boundary="periodic")


@pytest.mark.parametrize("method", ["ring-cg", "newton-cg"])
def test_a_field_far_below_that_without_fixed_nodes_is_as_exact(method):
    # without the fixed nodes the field would be 200 times as large
    side = 200
    image, fixed = np.zeros((side, side)), np.zeros((side, side), dtype=bool)
    fixed[3::6, 3::6] = True
    production = np.ones((side, side))
    exact = solve_reference(image, fixed=fixed, production=production, decay=0.0)
    assert solve(production=production, decay=0.0).field.max() > 200 * exact.max()
    for tolerance in (1e-10, 1e-13):  # residuals of free nodes count in the second
        options = {"tolerance": tolerance, "method": method, "decay": 0.0}
        solution = solve(image, fixed=fixed, production=production, **options)
        assert np.abs(solution.field - exact).max() <= tolerance * exact.max() * 1.5


def test_a_field_that_single_precision_doesnt_hold_is_refused():
    production, medium = np.full((3, 4), 1e25), Medium(decay=1e-10, boundary="periodic")
    assert solve(production=production, medium=medium).field.max() == pytest.approx(1e35)
    with pytest.raises(PhysicsError, match=r"largest \|value\| is 1e\+35, and in single"):
        solve(production=production, medium=medium, tolerance=1e-6)
