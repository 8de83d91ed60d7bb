"""The superposition baseline: exact for one disc, too high for several."""

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, Sources, sample_sources, solve, superpose


def exact(sources: Sources, lattice: tuple[int, int], medium: Medium) -> np.ndarray:
    return solve(sources.image(lattice, np.float64), medium=medium).field


@pytest.mark.parametrize("medium", [Medium(), Medium(decay=0.0), Medium(boundary="periodic")])
def test_one_disc_is_exact(medium):
    sources = Sources.from_lists([20], [13], [5], [1.0])
    np.testing.assert_allclose(
        superpose(sources, (40, 33), medium=medium), exact(sources, (40, 33), medium), atol=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
def test_several_discs_come_out_too_high_everywhere(seed):
    sources = sample_sources(6, (72, 80), rng=np.random.default_rng(seed))
    excess = superpose(sources, (72, 80), medium=Medium()) - exact(sources, (72, 80), Medium())
    labels = sources.labels((72, 80))
    assert excess.min() > -1e-12
    assert excess[labels == 0].max() > 1e-3
    assert not excess[labels > 0].any()


def test_the_excess_grows_as_discs_approach():
    def excess(gap: int) -> float:
        sources = Sources.from_lists([30, 30], [20, 20 + gap], [4, 4], [1.0, 1.0])
        field = superpose(sources, (61, 120), medium=Medium())
        return (field - exact(sources, (61, 120), Medium())).max()

    far, middle, near = excess(70), excess(30), excess(10)
    assert far < middle < near
    assert near > 0.2


def test_no_discs_give_no_field():
    assert not superpose(Sources.from_lists([], [], [], []), (9, 9), medium=Medium()).any()


def test_media_in_which_single_fields_do_not_decay_are_refused():
    with pytest.raises(PhysicsError, match=r"decay 0 .*reflecting.*give a positive decay"):
        superpose(
            Sources.from_lists([4], [4], [1], [1.0]),
            (9, 9),
            medium=Medium(decay=0, boundary="reflecting"),
        )
