"""Production: fields of sources that release, with and without fixed nodes."""

import itertools

import numpy as np
import pytest
from sparse_operator import solve_reference

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, solve

LATTICE = (19, 26)
BOUNDARIES = ("absorbing", "reflecting", "periodic")
MEDIA = {
    "decay": Medium(),
    "fast decay, anisotropic": Medium((0.3, 2.0), 0.5, 0.7),
    "slow decay": Medium(decay=1e-4),
    "slower decay": Medium(decay=1e-6),
    "no decay": Medium(decay=0.0),
}
FIXED_SHARES = (0.0, 0.01, 0.4)


def fixed_nodes(share: float) -> tuple[np.ndarray | None, np.ndarray | None]:
    """A source image with its mask, or None for both."""
    if not share:
        return None, None
    rng = np.random.default_rng(int(100 * share))
    fixed = rng.random(LATTICE) < share
    fixed[4:7, 5:9] = True
    return np.where(fixed, rng.uniform(-1, 1, LATTICE), 0.0), fixed


def productions() -> list[np.ndarray]:
    """Discs of both signs, noise, the same everywhere."""
    rows, columns = np.indices(LATTICE)
    discs = 1.0 * (np.hypot(rows - 6, columns - 8) <= 4) - 0.4 * (np.hypot(rows, columns - 20) <= 3)
    return [discs, np.random.default_rng(1).standard_normal(LATTICE), np.full(LATTICE, 0.02)]


@pytest.mark.parametrize("boundary", list(itertools.product(BOUNDARIES, BOUNDARIES)), ids="-".join)
@pytest.mark.parametrize("name", MEDIA)
@pytest.mark.parametrize("share", FIXED_SHARES)
@pytest.mark.parametrize("method", ["auto", "ring-cg", "multigrid"])
def test_the_field_solves_the_problem(boundary, name, share, method):
    part = MEDIA[name]
    medium = Medium(part.diffusivity, part.decay, part.step, boundary)
    image, fixed = fixed_nodes(share)
    if fixed is None and not medium.decay and "absorbing" not in boundary:
        return  # no steady state
    for production in productions():
        options = {"medium": medium, "fixed": fixed, "production": production}
        exact = solve_reference(image, **options)
        for tolerance in (1e-10, 1e-6):
            solution = solve(image, **options, method=method, tolerance=tolerance)
            error = np.abs(solution.field - exact).max() / np.abs(exact).max()
            # without fixed nodes the reference loses digits to a slow decay
            assert error <= tolerance + (1e-9 if fixed is None and medium.decay == 1e-6 else 1e-11)
            assert solution.stats.residual <= tolerance
            assert solution.field.dtype == (np.float32 if tolerance == 1e-6 else np.float64)


def test_a_net_production_that_nothing_takes_away_has_no_steady_state():
    production = np.zeros(LATTICE)
    production[3, 4], production[7, 7] = 2.0, -0.75
    with pytest.raises(PhysicsError, match=r"no steady state.* sum to 1\.25, .*fixed node"):
        solve(production=production, decay=0.0, boundary="reflecting")
    production[7, 7] = -2.0
    with pytest.raises(PhysicsError, match="every constant solves"):
        solve(production=production, decay=0.0, boundary="reflecting")
