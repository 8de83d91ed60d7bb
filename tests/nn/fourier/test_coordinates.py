import numpy as np

from diffkeras.nn import AppendCoordinates


def test_the_coordinates_follow_the_channels():
    maps = np.full((2, 4, 5, 3), 7.0, "float32")
    found = np.asarray(AppendCoordinates()(maps))
    np.testing.assert_array_equal(found[..., :3], maps)
    np.testing.assert_allclose(found[1, :, 2, 3], [0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(found[1, 3, :, 4], [0, 0.2, 0.4, 0.6, 0.8])
