import numpy as np

import diffkeras as dk
from diffkeras.physics.families.reduced_basis.greedy import Candidates
from tests.helpers.random_families import tissue_family


def candidates(bounds, worst=1e-3):
    """Candidates at one point and its copies, and others, with these bounds."""
    family = tissue_family()
    points = family.draw(len(bounds), seed=3)
    points[1::2] = points[1]
    pool = Candidates(family, points, worst)
    pool.bounds[:] = bounds
    return pool, points


def test_infinite_bounds_come_first_and_small_ones_last():
    pool, points = candidates([5e3, np.inf, 0.9e-3, 1e-6, 1.1e-3])
    chosen = pool.chosen(5)
    np.testing.assert_array_equal(chosen, points[[1, 0, 4]])
    np.testing.assert_array_equal(pool.chosen(5), points[[2]])
    assert not len(pool.chosen(5))


def test_next_to_a_snapshot_with_a_large_bound_are_further_ones():
    family = dk.Family(dk.Problem(np.eye(8)), {"decay": (1, 16)}, linear="decay")
    points = np.array([[9.0], [2.0], [8.0], [16.0], [9.0]])
    pool = Candidates(family, points, 1e-3)
    pool.bounds[:] = [0.5, 1e-6, 1e-6, 1e-6, 1e-6]
    for first in (9.0, 8.0):
        assert pool.chosen(1) == first


def test_copies_of_a_point_are_chosen_once():
    pool, points = candidates([0.01, 0.5, 0.02, 0.4, 0.03, 0.3])
    chosen = pool.chosen(6)
    assert len(chosen) == len(np.unique(chosen, axis=0)) == 4
    np.testing.assert_array_equal(chosen[0], points[1])
