"""Random discs: the rules of arXiv 2302.03786, other placements and values, and refusals."""

import itertools
import math
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diffkeras.errors import PackingError, PhysicsError
from diffkeras.physics import Placement, Sources, sample_sources, solve
from diffkeras.physics.sampling import discs
from diffkeras.physics.sampling.discs import PlacementKind
from tests.helpers.rounding import same_solutions


def assert_follows_the_rules(sources: Sources, lattice: tuple[int, ...]) -> None:
    radii = sources.radii.astype(np.float64)
    centres = np.array(sources.centres, dtype=int)
    for coordinates, side in zip(centres, lattice, strict=True):
        assert (coordinates - radii >= 0).all()
        assert (coordinates + radii <= side - 1).all()
    for a, b in itertools.combinations(range(sources.count), 2):
        assert math.dist(centres[:, a], centres[:, b]) > radii[a] + radii[b]
    assert (sources.values > 0).all()
    assert (sources.values <= 1).all()
    if sources.count:
        assert (sources.values == 1).any()


@given(
    count=st.integers(0, 8),
    lattice=st.tuples(st.integers(30, 60), st.integers(30, 60))
    | st.tuples(st.integers(15, 25), st.integers(15, 25), st.integers(15, 25)),
    radius=st.one_of(
        st.floats(0, 4, allow_subnormal=False),
        st.tuples(st.floats(0, 2), st.floats(2, 4.5)),
    ),
    kind=st.sampled_from(get_args(PlacementKind)),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=300, deadline=None)
def test_sampled_sources_follow_the_rules(count, lattice, radius, kind, seed):
    placement = Placement(kind)
    try:
        sources = sample_sources(count, lattice, radius=radius, placement=placement, rng=seed)
    except PackingError:
        # 8 discs of radius 4.5 may jam on 30 × 30, and balls on 15 × 15 × 15, but two always fit
        assert count > 2
        return
    assert sources.count == count
    assert sources.image().any() == (count > 0)
    assert_follows_the_rules(sources, lattice)


def test_exactly_one_source_has_value_one_and_the_others_spread_over_the_unit_interval():
    samples = [sample_sources(5, (64, 64), radius=2, rng=seed).values for seed in range(300)]
    values = np.array(samples)
    assert ((values == 1).sum(axis=1) == 1).all()
    others = np.sort(values, axis=1)[:, :-1]
    # the mean of 1200 uniform numbers has a standard deviation of 0.0083
    assert others.mean() == pytest.approx(0.5, abs=0.04)
    assert np.histogram(others, bins=4, range=(0, 1))[0].min() > 240
    # which source has the 1 is itself random
    assert (np.bincount(values.argmax(axis=1), minlength=5) > 30).all()


def test_the_generator_state_decides_alone():
    first, again, other = (sample_sources(6, (80, 90), radius=(1, 6), rng=s) for s in (5, 5, 6))
    for name in ("rows", "columns", "radii", "values"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.rows, other.rows)


def test_radii_cover_their_range_and_fall():
    radii = sample_sources(200, (512, 512), radius=(1.5, 6), rng=0).radii
    assert radii.min() >= 1.5
    assert radii.max() <= 6
    assert (np.diff(radii) <= 0).all()
    assert np.histogram(radii, bins=3, range=(1.5, 6))[0].min() > 40


def test_every_node_of_a_lattice_can_be_a_source():
    sources = sample_sources(35, (5, 7), radius=0, rng=0)
    assert (sources.image((5, 7)) > 0).all()


def test_jammed_lattices_are_filled_or_refused():
    sources = sample_sources(24, (64, 64), radius=5, rng=0)
    assert_follows_the_rules(sources, (64, 64))
    with pytest.raises(PackingError, match=r"30 discs of radius 5 .* 64×64 .* at most 2\d fit"):
        sample_sources(30, (64, 64), radius=5, rng=0)
    with pytest.raises(PackingError, match=r"2000 discs of radii 4 to 6 .* at most 1\d\d\d fit"):
        sample_sources(2000, (512, 512), radius=(4, 6), rng=0)


@pytest.mark.parametrize(
    ("count", "lattice", "radius", "message"),
    [
        (500, (64, 64), 20, r"500 discs of radius 20 don't fit on 64×64 .* at most [12] fit"),
        (1, (64, 64), 32, r"1 discs of radius 32 don't fit on 64×64: one needs 65 nodes"),
        (1, (64, 10), (1, 5), r"don't fit on 64×10: one needs 11 nodes"),
        (28, (3, 3, 3), 0, r"28 balls of radius 0 .* 3×3×3 .* at most one fits per node"),
        (10**9, (5, 7), 0, r"at most one fits per node"),
    ],
)
def test_sources_that_cannot_fit_are_refused_with_how_many_do(count, lattice, radius, message):
    with pytest.raises(PackingError, match=message):
        sample_sources(count, lattice, radius=radius, rng=0)


def test_sources_are_solved_on_the_lattice_they_were_sampled_for():
    sources = sample_sources(3, (40, 48), rng=0)
    assert same_solutions(solve(sources).field, solve(sources.image(dtype=np.float64)).field)
    with pytest.raises(PhysicsError, match="know no lattice"):
        solve(Sources.from_lists([5], [5], [2], [1.0]))


REFUSED = {
    "count": ("the source count must be a whole number from 0", [2.5, None, -3]),
    "lattice": ("lattice must .* not ", ["64", None, 64.0, [64]]),
    "radius": (
        "radius must be a number.* not ",
        [None, [1, 2, 3], "5", -1, math.nan, math.inf, (3, 2), (-1, 2), (1, math.inf)],
    ),
    "placement": ("placement must be a Placement, not 'edge'", ["edge"]),
    "values": (
        "values? must be ",
        [
            *(None, "gaussian", ["log_uniform", None]),
            *(("log_uniform", 0), ("scaled_uniform", 2), ("normal", 1)),
        ],
    ),
    "rng": ("rng must be .* or a seed ≥ 0, not ", [None, -1, "seed", [0] * 1000 + [-1]]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_arguments_are_named_in_one_line(name):
    message, values = REFUSED[name]
    for value in values:
        with pytest.raises(PhysicsError, match=message) as refusal:
            sample_sources(**{"count": 2, "lattice": 64, "rng": 0, name: value})
        assert len(str(refusal.value)) < 200, value


def test_balls_are_nodes_within_their_radius_and_solved_in_three_dimensions():
    balls = Sources.from_lists([9, 0], [4, 2], [3, 1.5], [0.5, 1.0], planes=[5, 7])
    assert (balls.labels((8, 12, 9)) == 2).sum() == 4 + 5 + 1  # cut off at two sides
    i, j, k = np.indices((12, 16, 10))
    image = balls.image((12, 16, 10), np.float64)
    inside = (i - 5) ** 2 + (j - 9) ** 2 + (k - 4) ** 2 <= 9
    np.testing.assert_array_equal(image == 0.5, inside)
    sampled = sample_sources(3, (14, 15, 16), radius=2, rng=0)
    field = solve(sampled).field
    assert field.shape == sampled.lattice == (14, 15, 16)
    assert same_solutions(field, solve(sampled.image(dtype=np.float64)).field)
    with pytest.raises(PhysicsError, match="must have 3 sides"):
        sampled.image((14, 15))


@pytest.fixture(params=["proposed", "listed"])
def drawing(request, monkeypatch):
    """Both ways to draw a centre."""
    if request.param == "listed":
        monkeypatch.setattr(discs, "QUICK_TRIES", 0)


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(("radius", "margin"), [(4, 3), (3.5, 0), (2, 2.5)])
def test_edge_discs_are_uniform_over_all_that_keep_the_margin(radius, margin):
    lattice, placement = (20, 26), Placement("edge", margin=margin, overlap=True)
    s = sample_sources(4000, lattice, radius=radius, placement=placement, rng=0)
    places = np.indices(lattice)
    ends = np.reshape(lattice, (2, 1, 1)) - 1
    from_edge = np.minimum(places, ends - places).min(axis=0) - math.ceil(radius)
    permitted = (from_edge >= 0) & (from_edge <= margin)
    drawn = np.zeros(lattice)
    np.add.at(drawn, (s.rows, s.columns), 1)
    assert not drawn[~permitted].any()
    expected = 4000 / permitted.sum()
    assert abs(drawn[permitted] - expected).max() < 6 * math.sqrt(expected)
    for distance in range(math.floor(margin) + 1):
        assert drawn[permitted & (from_edge == distance)].mean() > 0.5 * expected


@pytest.mark.usefixtures("drawing")
def test_clusters_have_the_spread_along_each_axis():
    class Anchored(np.random.Generator):
        def uniform(self, *_):
            return middle

    middle, rng = np.array([[100.0, 150.0], [100.0, 50.0]]), Anchored(np.random.PCG64(0))
    placement = Placement("clustered", clusters=2, spread=7.0, overlap=True)
    centres = np.array(discs.place(np.zeros(800, np.float32), (200, 200), rng, placement))
    for anchor in middle:
        near = centres[np.abs(centres - anchor)[:, 1] < 50] - anchor
        assert len(near) > 300
        # of 300 draws and more, to within five standard errors
        assert np.std(near, axis=0) == pytest.approx(placement.spread, rel=5 / math.sqrt(600))
        assert np.mean(near, axis=0) == pytest.approx(0, abs=5 * placement.spread / math.sqrt(300))


@pytest.mark.parametrize("values", ["uniform", ("log_uniform", 0.1), ("scaled_uniform", 0.1)])
def test_values_are_positive_whatever_is_drawn(values):
    class Lowest(np.random.Generator):
        def random(self, *sizes):
            return np.zeros(sizes)

    rng = Lowest(np.random.PCG64(0))
    assert (sample_sources(5, 64, radius=2, values=values, rng=rng).values > 0).all()


def test_clusters_lie_anywhere_on_the_lattice():
    placement = Placement("clustered", clusters=5000, spread=0.01, overlap=True)
    s = sample_sources(5000, (8, 12), radius=0, placement=placement, rng=0)
    drawn = np.zeros((8, 12))
    np.add.at(drawn, (s.rows, s.columns), 1)
    # anchors are uniform between the outermost nodes, around which half as many lie
    share = np.outer(*(np.r_[0.5, np.ones(side - 2), 0.5] / (side - 1) for side in (8, 12)))
    # the anchors are random, and so is the choice among them
    assert abs(drawn - 5000 * share).max() < 6 * math.sqrt(2 * 5000 * share.max())
    assert (drawn > 0).all()


def test_a_tight_cluster_still_ends():
    s = sample_sources(20, (96, 96), radius=5, placement=Placement("clustered", spread=1), rng=0)
    assert s.count == 20


@pytest.mark.parametrize("kind", ["uniform", "clustered", "edge"])
def test_discs_that_may_overlap_are_independent_and_inside(kind):
    placement = Placement(kind, spread=15, margin=3, overlap=True)
    alone, shared, together = [], [], []
    for seed in range(300):
        s = sample_sources(2, (128, 96), radius=6, placement=placement, rng=seed)
        assert s.overlap
        assert ((s.rows >= 6) & (s.rows <= (128, 96)[0] - 7)).all()
        assert ((s.columns >= 6) & (s.columns <= (128, 96)[1] - 7)).all()
        together.append(np.hypot(*(np.diff(s.rows), np.diff(s.columns))).item() <= 12)
        alone.append(sample_sources(1, (128, 96), radius=6, placement=placement, rng=seed).rows)
        shared.append(s.rows[:1])
    # the first disc is where it would be alone
    assert np.array_equal(alone, shared)
    # of the 116 × 84 permitted centres, 441 lie within a diameter
    expected = {"uniform": 441 / (116 * 84), "clustered": 0.15, "edge": 0.06}[kind]
    assert expected / 2 < np.mean(together) < 2 * expected


def test_values_add_where_discs_overlap():
    listed = Sources.from_lists([5, 6, 7], [5, 5, 5], [2, 2, 2], [0.1, 0.2, 0.3])
    single = {name: np.split(array, 3) for name, array in listed.arrays().items()}
    images = [
        Sources(**{name: parts[k] for name, parts in single.items()}).image(12) for k in range(3)
    ]
    added = replace(listed, overlap=True).image(12)
    np.testing.assert_array_equal(added, images[0] + images[1] + images[2])
    # otherwise the later one wins
    assert listed.image(12)[6, 5] == images[2][6, 5] > 0
    assert sample_sources(500, (32, 32), placement=Placement(overlap=True), rng=0).count == 500


@pytest.mark.parametrize("kind", ["scaled_uniform", "log_uniform"])
def test_values_of_other_distributions(kind):
    options = {"radius": 2, "values": (kind, 0.01)}
    found = np.array([sample_sources(5, (99, 80), **options, rng=k).values for k in range(400)])
    assert found.min() >= np.float32(0.01)
    assert ((found == 1).sum(axis=1) == 1).all()
    # others are uniform below the largest, or their logarithms are
    others = np.sort(found, axis=1)[:, :-1]
    shares = others if kind == "scaled_uniform" else 1 + np.log10(others) / 2
    assert shares.mean() == pytest.approx(0.505, abs=0.03)
    assert np.histogram(shares, bins=4, range=(0, 1))[0].min() > 320


@pytest.mark.parametrize(
    "bad",
    [{"kind": "spiral"}, {"spread": 0}, {"clusters": 0}, {"margin": -1}, {"overlap": 1}],
    ids=str,
)
def test_bad_placements(bad):
    (name,) = bad
    with pytest.raises(PhysicsError, match=f"^{name} |'spiral' is unknown"):
        Placement(**bad)
