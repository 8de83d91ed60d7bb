import numpy as np
import pandas as pd
import pytest

from diffkeras.evaluation.errors import ERRORS, MAES, image_errors, summarise

# two images of one row: hand-computed errors of 0, 0.1, 0, 0.1 and of 0, 0.2, 0, 0
IMAGES = np.array([[[1.0, 0.0, 0.0, 0.0]], [[0.5, 0.5, 0.0, 0.0]]])
FIELDS = np.array([[[1.0, 0.5, 0.15, 0.07]], [[0.5, 0.5, 0.3, 0.01]]])
PREDICTIONS = np.array([[[1.0, 0.4, 0.15, 0.17]], [[0.5, 0.3, 0.3, 0.01]]])
RELATIVE = [(0.02 / 1.2774) ** 0.5, 0.2 / 0.5901**0.5]


@pytest.fixture
def errors() -> pd.DataFrame:
    return image_errors(PREDICTIONS, FIELDS, IMAGES)


def test_errors_of_each_image(errors: pd.DataFrame) -> None:
    assert list(errors)[: len(ERRORS)] == list(ERRORS)
    nan = np.nan
    maes = [[0.05, 0, 0.2 / 3, 0.1, 0, 0.1], [0.05, 0.1, 0, 0, nan, nan]]
    np.testing.assert_allclose(errors[list(MAES)], maes, atol=1e-12)
    np.testing.assert_allclose(errors["max_error"], [0.1, 0.2], rtol=1e-12)
    np.testing.assert_allclose(errors["relative_l2"], RELATIVE, rtol=1e-12)


def test_regions_are_averaged_over_nodes_not_over_images(errors: pd.DataFrame) -> None:
    summary = summarise(errors)
    expected = {
        "images": 2,
        "mae": 0.4 / 8,
        "mae_sources": 0.2 / 3,
        "mae_field": 0.2 / 5,
        "mae_r1": 0.05,
        "mae_r2": 0.0,
        "mae_r3": 0.1,
        "relative_l2": np.mean(RELATIVE),
        "max_error": 0.2,
    }
    assert summary == pytest.approx(expected, abs=1e-12)


def test_regions_that_no_image_has_have_no_error() -> None:
    summary = summarise(image_errors(*3 * [np.ones((1, 1, 2))]))
    assert summary["mae_r1"] is None
    assert summary["mae"] == 0


def test_a_broken_prediction_shows() -> None:
    broken = PREDICTIONS.copy()
    broken[0, 0, 2] = np.nan
    summary = summarise(image_errors(broken, FIELDS, IMAGES))
    for name in ("mae", "mae_field", "max_error"):
        assert np.isnan(summary[name]), name
    assert summary["mae_sources"] == pytest.approx(0.2 / 3)
