import numpy as np
import pytest
from metric_examples import FIELD, PREDICTION, TARGET

from diffkeras.nn.metrics import RegionMeanAbsoluteError


def test_region_that_no_example_has_is_nan():
    metric = RegionMeanAbsoluteError("r1")
    assert np.isnan(float(metric.result()))
    metric.update_state(0.0 * TARGET, PREDICTION)
    assert np.isnan(float(metric.result()))


def test_the_field_alone_is_enough_for_the_lattice():
    metric = RegionMeanAbsoluteError("lattice")
    metric.update_state(FIELD, PREDICTION)
    assert float(metric.result()) == pytest.approx(7.8 / 12)
    with pytest.raises(ValueError, match=r"'sources' needs the source image.*pack_target"):
        RegionMeanAbsoluteError("sources").update_state(FIELD, PREDICTION)


def test_unknown_regions_raise():
    with pytest.raises(ValueError, match=r"region must be one of lattice, sources.*got 'rim'"):
        RegionMeanAbsoluteError("rim")
