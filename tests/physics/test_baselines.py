"""Baselines of discs: exact for one disc, and how wrong they are for several."""

import itertools

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, Sources, sample_sources, solve, superpose
from diffkeras.physics.baselines import NUMBERS, effective_strengths
from diffkeras.physics.linear.spectral import spectral_operator

MEDIA = [
    Medium(),
    Medium(decay=0.0),
    Medium(boundary="periodic"),
    Medium((1.0, 3.0), decay=0.01, boundary=("reflecting", "absorbing")),
    Medium(decay=0.0, boundary="reflecting"),
    Medium(decay=1e-9, boundary="periodic"),
    Medium(decay=1e-18),
]


def exact(sources: Sources, lattice: tuple[int, int], medium: Medium) -> np.ndarray:
    return solve(sources.image(lattice, np.float64), medium=medium).field


@pytest.mark.parametrize("medium", MEDIA)
@pytest.mark.parametrize("place", [(20, 13), (2, 31)])
def test_one_disc_is_exact(medium, place):
    sources = Sources.from_lists([place[0]], [place[1]], [5], [0.5])
    truth = exact(sources, (40, 33), medium)
    found = effective_strengths(sources, (40, 33), medium=medium)
    np.testing.assert_allclose(found, truth, atol=1e-11)
    if medium.decay or not medium.is_closed:
        np.testing.assert_allclose(superpose(sources, (40, 33), medium=medium), truth, atol=1e-11)


@pytest.mark.parametrize("medium", MEDIA)
def test_more_numbers_come_closer(medium):
    errors = {numbers: [] for numbers in NUMBERS}
    for seed in range(5):
        sources = sample_sources(4, (64, 57), rng=seed)
        truth = exact(sources, (64, 57), medium)
        for numbers, found in errors.items():
            field = effective_strengths(sources, (64, 57), numbers=numbers, medium=medium)
            assert not (field - truth)[sources.labels() > 0].any()
            found.append(abs(field - truth).mean())
    means = [np.mean(found) for found in errors.values()]
    assert all(more < fewer / 3 for fewer, more in itertools.pairwise(means)), means
    assert means[-1] > 1e-12


@pytest.mark.parametrize("numbers", [1, 3])
def test_the_field_is_that_of_the_formula(numbers):
    lattice, medium = (30, 42), Medium(decay=0.01)
    sources = Sources.from_lists([12, 17], [9, 27], [4, 5], [1.0, 0.3])
    operator, labels = spectral_operator(lattice, medium), sources.labels(lattice)
    columns = []
    for disc in (0, 1):
        inside = labels == disc + 1
        rim = inside & ~binary_erosion(inside)
        alone = solve(np.where(rim, sources.values[disc], 0.0), fixed=rim, medium=medium).field
        densities = np.where(rim, operator.volumes.apply(alone), 0.0)
        rows = np.arange(30)[:, None] - sources.rows[disc]
        angle = np.arctan2(rows, np.arange(42) - sources.columns[disc])
        waves = [np.ones(lattice), np.cos(angle), np.sin(angle)][:numbers]
        columns += [densities * wave for wave in waves]
    fields = [operator.inverse(column) for column in columns]
    system = [[(row * field).sum() for field in fields] for row in columns]
    image = sources.image(lattice, np.float64)
    strengths = np.linalg.solve(system, [(row * image).sum() for row in columns])
    field = np.where(labels > 0, image, np.tensordot(strengths, fields, 1))
    found = effective_strengths(sources, lattice, numbers=numbers, medium=medium)
    np.testing.assert_allclose(found, field, atol=1e-10)


@pytest.mark.parametrize("numbers", NUMBERS)
def test_discs_of_few_nodes_and_cut_discs_have_fewer_numbers(numbers):
    sources = Sources.from_lists([0, 20, 31, 8], [0, 4, 22, 30], [3, 1, 0, 4], [1.0, 0.4, 0.7, 0.2])
    lattice = (32, 31)
    found = effective_strengths(sources, lattice, numbers=numbers)
    error = abs(found - exact(sources, lattice, Medium())).max()
    assert error < (0.1 if numbers == 1 else 0.02)


def test_no_disc_in_the_lattice_gives_zeros():
    for sources in (Sources.from_lists([], [], [], []), Sources.from_lists([50], [3], [2], [1.0])):
        for numbers in NUMBERS:
            assert not effective_strengths(sources, (9, 9), numbers=numbers).any()


ONE = Sources.from_lists([4], [4], [1], [1.0])


@pytest.mark.parametrize(
    ("method", "sources", "options", "message"),
    [
        (superpose, np.eye(9), {}, "as Sources, not as ndarray"),
        (effective_strengths, ONE, {"lattice": (9, 0)}, "a side of the lattice must be"),
        (effective_strengths, ONE, {"numbers": 2}, "numbers must be 1 or 3 .*, not 2"),
        (effective_strengths, ONE, {"numbers": "3"}, "numbers must be 1 or 3 .*, not '3'"),
        (effective_strengths, ONE, {"decay": np.full((9, 9), 0.1)}, "effective_strengths needs a"),
        (superpose, ONE, {"decay": 0, "boundary": "reflecting"}, "give a positive decay"),
    ],
)
def test_what_is_no_baseline_is_refused(method, sources, options, message):
    with pytest.raises(PhysicsError, match=message):
        method(sources, **{"lattice": (9, 9), **options})
