"""Errors on the linear scale by hand-computed numbers."""

import keras
import numpy as np
import pytest

from diffkeras.evaluation.errors import image_errors, summarise
from diffkeras.nn import default_metrics, pack_target, region_metrics
from diffkeras.nn.losses import AbsoluteError, AlternatingLoss, SquaredError, StepWeight
from diffkeras.nn.metrics import (
    MaximumError,
    RegionMeanAbsoluteError,
    RelativeL2Error,
    SourceCountError,
    UnweightedError,
)
from diffkeras.view.scales import TRANSFORMS

# three examples on a 2×2 lattice, chosen so that each region has some of their nodes
FIELD = np.array(
    [[1.0, 0.5, 0.15, 0.07], [0.8, 0.2, 0.1, 0.05], [0.4, 0.6, 0.12, 0.01]], "float32"
).reshape(3, 2, 2, 1)
SOURCE_IMAGE = np.array([[1.0, 0, 0, 0], [0.8, 0, 0, 0], [0.4, 0.6, 0, 0]], "float32").reshape(
    3, 2, 2, 1
)
ERRORS = np.array(
    [[0.1, 0.2, -0.3, 0.4], [-0.5, 0.6, 0.7, 0.8], [0.9, -1.0, 1.1, 1.2]], "float32"
).reshape(3, 2, 2, 1)
TARGET = pack_target(FIELD, SOURCE_IMAGE)
PREDICTION = FIELD + ERRORS
RATIOS = np.sqrt((ERRORS**2).sum((1, 2, 3)) / (FIELD**2).sum((1, 2, 3)))
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
def test_they_are_the_errors_of_an_evaluation_over_unequal_batches(slices):
    images = (values[..., 0] for values in (PREDICTION, FIELD, SOURCE_IMAGE))
    expected = summarise(image_errors(*images))
    assert expected.pop("images") == 3
    assert expected == pytest.approx(expected | REGION_MAE | {"max_error": 1.2})
    result = update(default_metrics(), slices)
    assert result == pytest.approx(expected, rel=1e-5)


def test_sample_weights():
    weight = np.array([2.0, 1.0, 0.0], "float32")
    result = update(default_metrics(), [slice(0, 2), slice(2, 3)], weight)
    assert result["mae"] == pytest.approx((2 * 1.0 + 2.6) / 12, rel=1e-5)
    assert result["mae_sources"] == pytest.approx((2 * 0.1 + 0.5) / 3, rel=1e-5)
    assert result["mae_r1"] == pytest.approx((2 * 0.2 + 0.6) / 3, rel=1e-5)
    assert result["relative_l2"] == pytest.approx((2 * RATIOS[0] + RATIOS[1]) / 3, rel=1e-5)
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


def test_a_result_stays_what_it_was_when_read():
    for metric in default_metrics():
        metric.update_state(TARGET, PREDICTION)
        result = metric.result()
        before = float(result)
        metric.reset_state()
        assert float(result) == before, metric.name
        metric.update_state(TARGET[:1], PREDICTION[:1])
        assert float(metric.result()) < before


def test_region_that_no_example_has_is_nan():
    metric = RegionMeanAbsoluteError("r1")
    assert np.isnan(float(metric.result()))
    metric.update_state(0.0 * TARGET, PREDICTION)
    assert np.isnan(float(metric.result()))


def test_the_field_alone_is_enough_for_the_lattice():
    metric = RegionMeanAbsoluteError("lattice")
    metric.update_state(FIELD, keras.ops.cast(PREDICTION, "bfloat16"))
    assert float(metric.result()) == pytest.approx(7.8 / 12, rel=1e-2)
    with pytest.raises(ValueError, match=r"'sources' needs the source image.*pack_target"):
        RegionMeanAbsoluteError("sources").update_state(FIELD, PREDICTION)
    with pytest.raises(ValueError, match=r"region 'rim' is unknown; choose one of lattice"):
        RegionMeanAbsoluteError("rim")


def test_the_relative_error_ignores_zero_targets():
    metric = RelativeL2Error()
    target = TARGET * np.array([1.0, 0.0, 1.0], "float32").reshape(3, 1, 1, 1)
    metric.update_state(target, PREDICTION)
    assert float(metric.result()) == pytest.approx((RATIOS[0] + RATIOS[2]) / 2, rel=1e-5)


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


def test_error_per_source_count():
    metric = SourceCountError([1, 2, 3])
    assert np.isnan(float(metric.result()))
    field = np.ones((4, 8, 8, 1), np.float32)
    prediction = field + np.array([0.1, 0.3, 0.7, 9.0], np.float32).reshape(4, 1, 1, 1)
    image = np.full_like(field, 0.5)  # the count is carried, not read from the image
    for part in (slice(0, 3), slice(3, 4)):
        counts = [1, 1, 2, 4][part]
        metric.update_state(pack_target(field[part], image[part], counts), prediction[part])
    assert metric.per_count() == pytest.approx({1: 0.2, 2: 0.7}, rel=1e-6)
    assert metric.zero_field() == pytest.approx({1: 1.0, 2: 1.0})
    assert float(metric.result()) == pytest.approx(0.7)
    metric.update_state(pack_target(field[:1], image[:1], 3), np.nan * prediction[:1])
    per_count = metric.per_count()
    assert (per_count.pop(3), float(metric.result())) == pytest.approx((np.nan,) * 2, nan_ok=True)
    assert per_count == pytest.approx({1: 0.2, 2: 0.7}, rel=1e-6), "of its own count alone"


def test_the_terms_of_the_selected_loss():
    image = np.array([[[[1.0], [0.0]]]], "float32")
    target, prediction = pack_target(image, image), image + 0.5
    loss = AlternatingLoss(AbsoluteError(weight=StepWeight(9.0)), SquaredError())
    metric = UnweightedError(loss)
    for index, expected in ((0, 0.5), (1, 0.25)):
        loss.select(index)
        metric.reset_state()
        metric.update_state(target, prediction)
        assert float(metric.result()) == pytest.approx(expected)
