import numpy as np
import pytest
from metric_examples import FIELD, PREDICTION, SOURCE_IMAGE, TARGET

from diffkeras.nn import pack_target
from diffkeras.nn.metrics import SourceCountError


def test_error_per_source_count():
    metric = SourceCountError([1, 2, 3])
    assert np.isnan(float(metric.result()))
    field = np.ones((4, 8, 8, 1), np.float32)
    prediction = field + np.array([0.1, 0.3, 0.7, 9.0], np.float32).reshape(4, 1, 1, 1)
    image = np.full_like(field, 0.5)  # the count is carried, not found in the image
    for part in (slice(0, 3), slice(3, 4)):
        counts = [1, 1, 2, 4][part]
        metric.update_state(pack_target(field[part], image[part], counts), prediction[part])
    assert metric.per_count() == pytest.approx({1: 0.2, 2: 0.7}, rel=1e-6)
    assert metric.zero_field() == pytest.approx({1: 1.0, 2: 1.0})
    assert float(metric.result()) == pytest.approx(0.7)


def test_source_count_error_needs_the_count():
    metric = SourceCountError([1])
    with pytest.raises(ValueError, match="source count"):
        metric.update_state(FIELD, PREDICTION)
    metric.update_state(TARGET, PREDICTION)
    assert metric.per_count() == {}


def test_a_broken_example_shows_in_its_own_source_count_only():
    metric = SourceCountError([1, 2])
    prediction = PREDICTION.copy()
    prediction[2] = np.nan
    metric.update_state(pack_target(FIELD, SOURCE_IMAGE, [1, 1, 2]), prediction)
    per_count = metric.per_count()
    assert per_count[1] == pytest.approx((1.0 + 2.6) / 8, rel=1e-5)
    assert np.isnan(per_count[2])
    assert np.isnan(float(metric.result()))
