"""Lattices of up to 2048 nodes a side with discs of radius 0 to 10 and single nodes, near and far.

The references are fields whose errors are bounded here, by extended precision and barriers of
their own, and not by the package.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest

from diffkeras.physics import Medium, Placement, certify, sample_sources, solve
from diffkeras.physics.linear.finite_volumes import finite_volumes

BOUNDARIES = ("absorbing", "reflecting", "periodic")
DECAYS = (1 / 400, 1 / 400, 0.0, 1e-6, 1e-2, 1e-10)
COUNTS = (1, 2, 3, 10, 40, 200)
SHARP = 3.0  # bounds over errors of predictions within 10 %


class Case(NamedTuple):
    image: np.ndarray
    medium: Medium
    rng: np.random.Generator


def draw(seed: int, most: int) -> Case:
    """Sources on a lattice of 24 to `most` nodes a side, of which one may be much shorter."""
    rng = np.random.default_rng([seed, 6])
    lattice = tuple(int(side) for side in np.exp(rng.uniform(math.log(24), math.log(most), 2)))
    kind = "clustered" if rng.random() < 0.3 else "uniform"
    image = sample_sources(
        int(rng.choice(COUNTS)),
        lattice,
        radius=(0, int(rng.integers(0, 11))),
        placement=Placement(kind, spread=12.0, overlap=True),
        rng=rng,
    ).image(dtype=np.float64)
    boundary = tuple(rng.choice(BOUNDARIES, 2).tolist())
    return Case(
        image / image.max(), Medium(decay=float(rng.choice(DECAYS)), boundary=boundary), rng
    )


def inverse_norm(case: Case) -> float:
    """At least ‖A⁻¹‖∞ of the free nodes, from the barriers 1/γ and parabolas, or infinite."""
    barriers = [1 / case.medium.decay if case.medium.decay else math.inf]
    for nodes, boundary in zip(case.image.shape, case.medium.side_kinds, strict=True):
        if boundary == "absorbing":
            barriers.append((nodes + 1) ** 2 / 8)
    return min(barriers)


def doubt(field: np.ndarray, case: Case) -> float:
    """At least the error of a field with the fixed values."""
    if inverse_norm(case) == math.inf:
        return math.inf
    residual = finite_volumes(field.shape, case.medium).apply(field.astype(np.longdouble))
    return inverse_norm(case) * float(np.abs(residual).max(where=case.image == 0, initial=0.0))


def check(seed: int, most: int) -> None:
    case = draw(seed, most)
    image, medium, rng = case.image, case.medium, case.rng
    method = str(rng.choice(["auto", "ring-cg"]))
    exact = solve(image, medium=medium, method=method, tolerance=1e-12).field
    # where only slow decay or nothing takes away, the ring alone bounds the error, but for rounding
    uncertain = min(doubt(exact, case), 1e-8)
    tolerance = float(10 ** rng.uniform(-12, -1))
    solution = solve(image, medium=medium, tolerance=tolerance)
    error = abs(solution.field - exact).max()
    assert error <= tolerance + uncertain, f"{seed}: tolerance missed"
    assert error <= solution.error_bound + uncertain, f"{seed}: bound of a solution violated"

    smooth = np.sin(np.indices(exact.shape).sum(axis=0) / 50)
    wrong = (exact, smooth, rng.uniform(-1, 1, image.shape))
    size = 10 ** rng.uniform(-6, -1)
    prediction = exact + size * wrong[int(rng.integers(3))]
    certificate = certify(prediction, image, medium=medium)
    errors = abs(prediction - exact)
    assert (errors <= certificate.node_bound + uncertain).all(), f"{seed}: bound violated"
    free = image == 0
    error, bound = (part.max(where=free, initial=0) for part in (errors, certificate.node_bound))
    assert bound <= SHARP * error, f"{seed}: bound says little"


def test_single_nodes_far_apart_have_bounds():
    image = np.zeros((512, 512))
    image[0, 0] = image[256, 0] = image[511, 511] = 1.0
    exact = solve(image, tolerance=1e-12, method="ring-cg").field
    certificate = certify(np.zeros(image.shape), image)
    assert abs(exact).max() <= certificate.error_bound < 1 + 1e-9


@pytest.mark.parametrize("start", range(0, 60, 20))
def test_sources_of_any_size_on_lattices_of_up_to_700_nodes_a_side(start):
    for seed in range(start, start + 20):
        check(seed, 700)


def test_sources_of_any_size_on_large_lattices():
    for seed in range(8):
        check(seed, 2048)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 10_000, 100))
def test_thousands_of_large_lattices(start):
    for seed in range(start, start + 100):
        check(seed, 2048)
