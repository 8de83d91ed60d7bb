"""Placements beyond the paper's: clusters, the edge, and values of other distributions."""

from dataclasses import replace

import numpy as np
import pytest

from diffkeras.errors import PackingError, PhysicsError
from diffkeras.physics import Placement, Sources, sample_sources

LATTICE = (128, 96)


def test_clusters_gather():
    def nearest(placement):
        found = []
        for seed in range(40):
            s = sample_sources(6, (256, 256), radius=3, placement=placement, rng=seed)
            distance = np.hypot(s.rows[:, None] - s.rows, s.columns[:, None] - s.columns)
            found.append(distance[distance > 0].max())
        return np.mean(found)

    assert nearest(Placement("clustered", spread=15)) < 0.5 * nearest(Placement())


def test_edge_keeps_its_margin():
    for seed in range(20):
        s = sample_sources(5, LATTICE, radius=4, placement=Placement("edge", margin=3), rng=seed)
        off = np.min(
            [s.rows, LATTICE[0] - 1 - s.rows, s.columns, LATTICE[1] - 1 - s.columns], axis=0
        )
        assert (off - 4 <= 3).all()
        assert off.max() > 4  # not all at the very edge


def test_a_full_edge_is_refused_and_says_how_many_fit():
    with pytest.raises(PackingError, match=r"at most \d+ fit"):
        sample_sources(40, (64, 64), radius=5, placement=Placement("edge", margin=0), rng=0)


def test_a_tight_cluster_still_ends():
    s = sample_sources(20, (96, 96), radius=5, placement=Placement("clustered", spread=1), rng=0)
    assert s.count == 20


@pytest.mark.parametrize("kind", ["uniform", "clustered", "edge"])
def test_discs_that_may_overlap_are_independent_and_inside(kind):
    placement = Placement(kind, spread=15, margin=3, overlap=True)
    alone, shared, together = [], [], []
    for seed in range(300):
        s = sample_sources(2, LATTICE, radius=6, placement=placement, rng=seed)
        assert s.overlap
        assert ((s.rows >= 6) & (s.rows <= LATTICE[0] - 7)).all()
        assert ((s.columns >= 6) & (s.columns <= LATTICE[1] - 7)).all()
        together.append(np.hypot(*(np.diff(s.rows), np.diff(s.columns))).item() <= 12)
        alone.append(sample_sources(1, LATTICE, radius=6, placement=placement, rng=seed).rows)
        shared.append(s.rows[:1])
    # the first disc is where it would be alone
    assert np.array_equal(alone, shared)
    # of the 116 × 84 permitted centres, 441 lie within a diameter
    expected = {"uniform": 441 / (116 * 84), "clustered": 0.15, "edge": 0.06}[kind]
    assert expected / 2 < np.mean(together) < 2 * expected


def test_nothing_is_full_where_discs_may_overlap():
    s = sample_sources(500, (32, 32), placement=Placement(overlap=True), rng=0)
    image = s.image()
    assert image.max() > 10
    assert image.sum() == pytest.approx(81 * s.values.sum(), rel=1e-5)
    with pytest.raises(PackingError, match="don't fit on 8×8"):
        sample_sources(1, (8, 8), placement=Placement(overlap=True), rng=0)


def test_a_fifth_of_the_images_of_twenty_discs_has_a_pair_that_meets():
    """As in the data of arXiv 2302.03786: 512² nodes, radius 5."""
    met = 0
    for seed in range(400):
        s = sample_sources(20, 512, placement=Placement(overlap=True), rng=seed)
        distance = np.hypot(s.rows[:, None] - s.rows, s.columns[:, None] - s.columns)
        met += (distance[np.triu_indices(20, 1)] <= 10).any()
    # 20·19/2 pairs, each with 317 of 502² centres; the standard deviation is 0.02
    assert met / 400 == pytest.approx(1 - (1 - 317 / 502**2) ** 190, abs=0.06)


def test_values_add_where_discs_overlap():
    alone = [Sources.from_lists([5 + k], [5], [2], [0.1 * (k + 1)]) for k in range(3)]
    parts = [[getattr(s, n)[0] for s in alone] for n in ("rows", "columns", "radii", "values")]
    listed = Sources.from_lists(*parts)
    together = replace(listed, overlap=True)
    images = [s.image(12) for s in alone]
    np.testing.assert_array_equal(together.image(12), images[0] + images[1] + images[2])
    # otherwise the later one wins
    assert listed.image(12)[6, 5] == images[2][6, 5] > 0


def test_scaled_uniform_values():
    found = np.array(
        [
            sample_sources(5, LATTICE, radius=2, values=("scaled_uniform", 0.01), rng=seed).values
            for seed in range(400)
        ]
    )
    assert found.min() >= np.float32(0.01)
    assert ((found == 1).sum(axis=1) == 1).all()
    # others are uniform below a largest of 5 uniform values, so shares of it are uniform too
    others = np.sort(found, axis=1)[:, :-1]
    assert others.mean() == pytest.approx(0.505, abs=0.03)
    assert np.histogram(others, bins=4, range=(0, 1))[0].min() > 320


def test_constant_values():
    assert (sample_sources(5, LATTICE, values="constant", rng=0).values == 1).all()


def test_log_uniform_values():
    found = np.concatenate(
        [
            sample_sources(4, LATTICE, values=("log_uniform", 0.01), rng=seed).values
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
        {"overlap": 1},
    ],
)
def test_bad_placements(bad):
    with pytest.raises(PhysicsError):
        Placement(**bad)
