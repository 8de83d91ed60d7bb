import numpy as np

from diffkeras.evaluation.measurement import REACH, VALUE_EDGES, RadialProfile, count_values


def test_distances_are_from_the_nearest_source() -> None:
    image = np.zeros((1, 9))
    image[0, [0, 8]] = 1
    truth = np.array([[8, 1, 2, 3, 4, 3, 2, 1, 6]]) / 10
    profile = RadialProfile()
    profile.add(image, truth, truth + 0.01 * np.arange(9))
    assert profile.nodes[:6].tolist() == [2, 2, 2, 2, 1, 0]
    np.testing.assert_allclose(profile.mean_error()[:5], [0.04] * 5)
    assert np.isnan(profile.mean_error()[5:]).all()


def test_images_add_up_and_what_is_far_is_left_out() -> None:
    image = np.zeros((1, REACH + 20))
    image[0, 0] = 1
    profile = RadialProfile()
    for value in (0.2, 0.6):
        profile.add(image, np.full(image.shape, value), np.zeros(image.shape))
    assert profile.nodes.tolist() == [2] * (REACH + 1)
    np.testing.assert_allclose(profile.mean_error(), 0.4)


def test_every_node_is_in_the_histogram_also_beyond_its_edges() -> None:
    truth = np.array([[0.0, 0.5, 1.0]])
    counts = count_values(truth, np.array([[-7.0, 0.5, 9.0]]))
    assert counts.sum() == 3
    at = np.searchsorted(VALUE_EDGES, truth[0], side="right") - 1
    assert counts[at[0], 0] == 1
    assert counts[at[1], at[1]] == 1
    assert counts[at[2], -1] == 1
