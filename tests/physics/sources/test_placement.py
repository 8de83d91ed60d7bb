"""Placements beyond the paper's: clusters, the edge, and values of other distributions."""

import numpy as np
import pytest

from diffkeras.errors import PackingError, PhysicsError
from diffkeras.physics import Placement, sample_sources

LATTICE = (128, 96)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", ["uniform", "clustered", "edge"])
def test_discs_stay_apart_and_inside(kind):
    for seed in range(20):
        sources = sample_sources(
            8, LATTICE, radius=(2, 6), placement=Placement(kind), rng=rng(seed)
        )
        rows, columns, radii = (
            a.astype(float) for a in (sources.rows, sources.columns, sources.radii)
        )
        assert (rows - radii >= 0).all()
        assert (rows + radii <= LATTICE[0] - 1).all()
        assert (columns - radii >= 0).all()
        assert (columns + radii <= LATTICE[1] - 1).all()
        distance = np.hypot(rows[:, None] - rows, columns[:, None] - columns)
        apart = distance > radii[:, None] + radii
        assert apart[~np.eye(8, dtype=bool)].all()


def test_clusters_gather():
    def nearest(placement):
        found = []
        for seed in range(40):
            s = sample_sources(6, (256, 256), radius=3, placement=placement, rng=rng(seed))
            distance = np.hypot(s.rows[:, None] - s.rows, s.columns[:, None] - s.columns)
            found.append(distance[distance > 0].max())
        return np.mean(found)

    assert nearest(Placement("clustered", spread=15)) < 0.5 * nearest(Placement())


def test_edge_keeps_its_margin():
    for seed in range(20):
        s = sample_sources(
            5, LATTICE, radius=4, placement=Placement("edge", margin=3), rng=rng(seed)
        )
        off = np.min(
            [s.rows, LATTICE[0] - 1 - s.rows, s.columns, LATTICE[1] - 1 - s.columns], axis=0
        )
        assert (off - 4 <= 3).all()
        assert off.max() > 4  # not all at the very edge


def test_a_full_edge_is_refused_and_says_how_many_fit():
    with pytest.raises(PackingError, match=r"at most \d+ fit"):
        sample_sources(40, (64, 64), radius=5, placement=Placement("edge", margin=0), rng=rng())


def test_a_tight_cluster_still_ends():
    s = sample_sources(
        20, (96, 96), radius=5, placement=Placement("clustered", spread=1), rng=rng()
    )
    assert s.count == 20


def test_constant_values():
    assert (sample_sources(5, LATTICE, values="constant", rng=rng()).values == 1).all()


def test_log_uniform_values():
    found = np.concatenate(
        [
            sample_sources(4, LATTICE, values=("log_uniform", 0.01), rng=rng(seed)).values
            for seed in range(200)
        ]
    )
    assert found.min() >= 0.01
    assert found.max() == 1
    below = (found[found < 1] < 0.1).mean()
    assert 0.4 < below < 0.6  # half of the decades lie below 0.1


@pytest.mark.parametrize(
    "bad",
    [
        {"kind": "spiral"},
        {"kind": "clustered", "spread": 0},
        {"kind": "clustered", "clusters": 0},
        {"kind": "edge", "margin": -1},
    ],
)
def test_bad_placements(bad):
    with pytest.raises(PhysicsError):
        Placement(**bad)


@pytest.mark.parametrize("bad", ["gaussian", ("log_uniform", 0), ("log_uniform", 2), ("normal", 1)])
def test_bad_values(bad):
    with pytest.raises(PhysicsError, match="values must be"):
        sample_sources(2, LATTICE, values=bad, rng=rng())
