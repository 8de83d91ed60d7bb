import keras
import numpy as np
import pytest

from diffkeras.representation.regions import REGIONS, region_mask

FIELD = np.array([1.0, 0.3, 1.1, 1.0, 0.2, 0.19, 0.1, 0.09, 0.05, 0.04, 0.0, -0.1])
IMAGE = np.array([1.0, 0.3] + [0.0] * 10)
MEMBERS = {
    "lattice": range(12),
    "sources": [0, 1],
    "field": range(2, 12),
    "r1": [3, 4],
    "r2": [5, 6],
    "r3": [7, 8],
}


@pytest.mark.parametrize("name", REGIONS)
def test_members(name):
    tensors = (keras.ops.convert_to_tensor(values) for values in (FIELD, IMAGE))
    for mask in (region_mask(name, FIELD, IMAGE), region_mask(name, *tensors)):
        assert np.flatnonzero(mask).tolist() == list(MEMBERS[name])


def test_a_broken_target_counts_in_the_lattice():
    assert region_mask("lattice", np.array([np.nan, 0.5]), None).all()


def test_bad_arguments():
    with pytest.raises(ValueError, match="'r1' needs the source image"):
        region_mask("r1", FIELD, None)
    with pytest.raises(ValueError, match="no region is named 'r4'"):
        region_mask("r4", FIELD, IMAGE)
