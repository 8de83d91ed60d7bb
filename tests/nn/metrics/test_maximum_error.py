import keras
import numpy as np
import pytest
from metric_examples import FIELD, PREDICTION, SOURCE_IMAGE, TARGET

from diffkeras.nn import pack_target
from diffkeras.nn.metrics import MaximumError, SourceCountError


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
