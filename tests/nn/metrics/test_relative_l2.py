import numpy as np
import pytest
from metric_examples import ERRORS, FIELD, PREDICTION, TARGET

from diffkeras.nn.metrics import RelativeL2Error


def test_the_relative_error_ignores_zero_targets():
    metric = RelativeL2Error()
    target = TARGET * np.array([1.0, 0.0, 1.0], "float32").reshape(3, 1, 1, 1)
    metric.update_state(target, PREDICTION)
    ratios = np.sqrt((ERRORS**2).sum((1, 2, 3)) / (FIELD**2).sum((1, 2, 3)))
    assert float(metric.result()) == pytest.approx((ratios[0] + ratios[2]) / 2, rel=1e-5)
