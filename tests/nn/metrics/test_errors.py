"""Errors on the linear scale by hand-computed numbers."""

import keras
import numpy as np
import pytest
from metric_examples import ERRORS, FIELD, PREDICTION, SOURCE_IMAGE, TARGET

from diffkeras.nn import default_metrics, pack_target, region_metrics
from diffkeras.nn.metrics import (
    MaximumError,
    RegionMeanAbsoluteError,
    RelativeL2Error,
    SourceCountError,
)
from diffkeras.representation.transforms import TRANSFORMS

REGION_MAE = {
    "mae": 7.8 / 12,
    "mae_sources": (0.1 + 0.5 + 0.9 + 1.0) / 4,
    "mae_field": (0.2 + 0.3 + 0.4 + 0.6 + 0.7 + 0.8 + 1.1 + 1.2) / 8,
    "mae_r1": (0.2 + 0.6) / 2,
    "mae_r2": (0.3 + 0.7 + 1.1) / 3,
    "mae_r3": (0.4 + 0.8) / 2,
}


def update(metrics, slices, sample_weight=None):
    for part in slices:
        for metric in metrics:
            weight = None if sample_weight is None else sample_weight[part]
            metric.update_state(TARGET[part], PREDICTION[part], weight)
    return {metric.name: float(metric.result()) for metric in metrics}


@pytest.mark.parametrize(
    "slices", [[slice(0, 3)], [slice(0, 2), slice(2, 3)]], ids=["at once", "unequal batches"]
)
def test_hand_computed_over_unequal_batches(slices):
    relative = np.sqrt((ERRORS**2).sum((1, 2, 3)) / (FIELD**2).sum((1, 2, 3))).mean()
    expected = {**REGION_MAE, "relative_l2": relative, "max_error": 1.2}
    result = update(default_metrics(), slices)
    assert result == pytest.approx(expected, rel=1e-5)


def test_names():
    assert [metric.name for metric in region_metrics()] == list(REGION_MAE)


def test_sample_weights():
    weight = np.array([2.0, 1.0, 0.0], "float32")
    result = update(default_metrics(), [slice(0, 2), slice(2, 3)], weight)
    assert result["mae"] == pytest.approx((2 * 1.0 + 2.6) / 12, rel=1e-5)
    assert result["mae_sources"] == pytest.approx((2 * 0.1 + 0.5) / 3, rel=1e-5)
    assert result["mae_r1"] == pytest.approx((2 * 0.2 + 0.6) / 3, rel=1e-5)
    ratios = np.sqrt((ERRORS**2).sum((1, 2, 3)) / (FIELD**2).sum((1, 2, 3)))
    assert result["relative_l2"] == pytest.approx((2 * ratios[0] + ratios[1]) / 3, rel=1e-5)
    assert result["max_error"] == pytest.approx(0.8)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_transform_is_inverted_before_the_thresholds(transform):
    forward = TRANSFORMS[transform].forward
    # Off the borders of the regions, which rounding may cross.
    field = FIELD * np.float32(1.01)
    target = pack_target(forward(field), SOURCE_IMAGE)
    metrics = region_metrics(transform)
    for metric in metrics:
        metric.update_state(target, forward(field + np.abs(ERRORS)))
    result = {metric.name: float(metric.result()) for metric in metrics}
    assert result == pytest.approx(REGION_MAE, rel=1e-4)


def test_reset():
    metrics = default_metrics()
    update(metrics, [slice(0, 3)])
    for metric in metrics:
        metric.reset_state()
    first = update(metrics, [slice(0, 1)])
    assert first["mae"] == pytest.approx(0.25)
    assert first["max_error"] == pytest.approx(0.4)


def test_a_result_stays_what_it_was_when_read():
    for metric in default_metrics():
        metric.update_state(TARGET, PREDICTION)
        result = metric.result()
        before = float(result)
        metric.reset_state()
        assert float(result) == before, metric.name


def test_unknown_transforms_raise():
    with pytest.raises(ValueError, match="no transform is named 'cube'"):
        default_metrics("cube")


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


def test_the_relative_error_ignores_zero_targets():
    metric = RelativeL2Error()
    target = TARGET * np.array([1.0, 0.0, 1.0], "float32").reshape(3, 1, 1, 1)
    metric.update_state(target, PREDICTION)
    ratios = np.sqrt((ERRORS**2).sum((1, 2, 3)) / (FIELD**2).sum((1, 2, 3)))
    assert float(metric.result()) == pytest.approx((ratios[0] + ratios[2]) / 2, rel=1e-5)


def test_half_precision_prediction():
    metric = MaximumError()
    metric.update_state(TARGET, keras.ops.cast(PREDICTION, "bfloat16"))
    assert float(metric.result()) == pytest.approx(1.2, rel=1e-2)


def test_the_field_alone_is_enough():
    metric = MaximumError()
    metric.update_state(FIELD, PREDICTION)
    assert float(metric.result()) == pytest.approx(1.2)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("batches", [[np.nan, 1.0], [1.0, np.nan]])
def test_nan_is_the_largest_error_also_under_xla(jit, batches):
    tf = pytest.importorskip("tensorflow")
    metrics = [MaximumError(), SourceCountError([1])]
    packed = tf.constant(pack_target(FIELD, SOURCE_IMAGE, 1))

    @tf.function(jit_compile=jit)
    def update(prediction):
        for metric in metrics:
            metric.update_state(packed, prediction)
        return [metric.result() for metric in metrics]

    for value in batches:
        prediction = PREDICTION.copy()
        prediction[1, 0, 1] += value
        results = update(tf.constant(prediction))
    assert np.isnan(results).all()
