import keras
import numpy as np
import pytest

from diffkeras.representation.regions import REGIONS, region_mask

FIELD = np.array([1.0, 0.3, 1.0, 0.2, 0.15, 0.1, 0.07, 0.05, 0.01, 0.0])
SOURCE_IMAGE = np.array([1.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
NODES = {
    "lattice": range(10),
    "sources": [0, 1],
    "field": range(2, 10),
    "r1": [2, 3],
    "r2": [4, 5],
    "r3": [6, 7],
}


def test_every_region_has_nodes_here():
    assert list(NODES) == list(REGIONS)


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize(
    "convert", [np.asarray, keras.ops.convert_to_tensor], ids=["numpy", "keras"]
)
def test_nodes_of_regions(name, convert):
    # float64, because 0.1 and 0.05 are borders.
    mask = np.asarray(region_mask(name, convert(FIELD), convert(SOURCE_IMAGE)))
    assert mask.dtype == bool
    assert list(np.flatnonzero(mask)) == list(NODES[name])


def test_broken_target_belongs_to_the_lattice():
    assert region_mask("lattice", np.array([np.nan]), None).all()


def test_unknown_region():
    with pytest.raises(ValueError, match="no region is named 'r4'; choose one of lattice, sources"):
        region_mask("r4", FIELD, SOURCE_IMAGE)


def test_missing_source_image():
    with pytest.raises(ValueError, match="region 'r1' needs the source image"):
        region_mask("r1", FIELD, None)
