"""Sources: their nodes, and lists that are none."""

import dataclasses
import math

import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import Sources


def test_a_node_belongs_to_a_disc_up_to_its_radius():
    image = Sources.from_lists([3], [4], [1.5], [0.5]).image((7, 9))
    rows, columns = np.indices((7, 9))
    np.testing.assert_array_equal(
        image, np.where((rows - 3) ** 2 + (columns - 4) ** 2 <= 1.5**2, np.float32(0.5), 0)
    )
    on_axis = Sources.from_lists([3], [4], [3], [1.0]).image((7, 9))
    assert on_axis[0, 4] == 1
    assert on_axis[0, 3] == 0


def test_discs_are_cut_off_at_the_edge_and_labelled():
    sources = Sources.from_lists([0, 9, -9], [0, 9, 4], [2, 0, 3], [1.0, 0.5, 0.1])
    image = sources.image((10, 10), np.float64)
    assert np.count_nonzero(image == 1.0) == 6
    assert np.count_nonzero(image) == 7
    labels = sources.labels((10, 10))
    assert labels[0, 0] == 1
    assert labels[9, 9] == 2
    assert (labels > 0).sum() == 7


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (([1, 2], [1], [1], [1]), "one length"),
        (([1.5], [1], [1], [1]), "integers"),
        (([1], [1], [-2], [1]), "not -2"),
        (([1], [1], [1], [math.nan]), "values of sources must be finite, not nan"),
        (([1e10], [1], [1], [1]), "rows of sources must be of a size .* not 1e\\+10"),
        (([1], [1], [1e39], [1]), "radii .* not 1e\\+39"),
        (([1], [1], [1], [-1e-50]), "values .* not -1e-50"),
    ],
)
def test_impossible_source_lists_are_refused(lists, message):
    with pytest.raises(PhysicsError, match=message):
        Sources.from_lists(*lists)
    with pytest.raises(PhysicsError, match="by from_lists"):
        Sources(*lists)


def test_planes_are_checked_as_other_arrays_are():
    sources = Sources.from_lists([3], [4], [1], [1.0])
    with pytest.raises(PhysicsError, match="by from_lists"):
        dataclasses.replace(sources, planes=[1])


@pytest.mark.parametrize("dtype", [int, np.uint8, bool, complex, np.float16])
def test_types_that_dont_hold_the_values_are_refused(dtype):
    for value, shown in ((1e6, "1e\\+06"), (-1e-9, "-1e-09")):
        sources = Sources.from_lists([3, 5], [4, 4], [0, 1], [1.0, value])
        loses = f", which loses {shown}$" if dtype is np.float16 else ""
        with pytest.raises(PhysicsError, match=f"floating-point .* not {np.dtype(dtype)}{loses}"):
            sources.image((9, 9), dtype=dtype)


@pytest.mark.parametrize("lattice", ["64", None, (64,), (64, 64, 1), -3, 1.5, (8, 0)])
def test_images_on_no_lattice_are_refused(lattice):
    with pytest.raises(PhysicsError, match="lattice"):
        Sources.from_lists([5], [5], [2], [1.0]).image(lattice)
