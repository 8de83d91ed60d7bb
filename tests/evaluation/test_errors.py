import numpy as np
import pytest

from diffkeras.evaluation.errors import COLUMNS, Scores

# two images of one row: hand-computed errors of 0, 0.1, 0, 0.1 and of 0, 0.2, 0, 0
IMAGES = np.array([[[1.0, 0.0, 0.0, 0.0]], [[0.5, 0.5, 0.0, 0.0]]])
FIELDS = np.array([[[1.0, 0.5, 0.15, 0.07]], [[0.5, 0.5, 0.3, 0.01]]])
PREDICTIONS = np.array([[[1.0, 0.4, 0.15, 0.17]], [[0.5, 0.3, 0.3, 0.01]]])
RELATIVE = [(0.02 / 1.2774) ** 0.5, 0.2 / 0.5901**0.5]


@pytest.fixture
def scores() -> Scores:
    return Scores.of(PREDICTIONS, FIELDS, IMAGES)


def test_errors_of_each_image(scores: Scores) -> None:
    nan = np.nan
    expected = {
        "lattice": [0.05, 0.05],
        "sources": [0.0, 0.1],
        "field": [0.2 / 3, 0.0],
        "r1": [0.1, 0.0],
        "r2": [0.0, nan],
        "r3": [0.1, nan],
    }
    for region, values in expected.items():
        column = np.array(scores.rows())[:, list(expected).index(region)]
        np.testing.assert_allclose(column, values, atol=1e-12, err_msg=region)
    np.testing.assert_allclose(scores.mae(), expected["lattice"], atol=1e-12)
    np.testing.assert_allclose(scores.relative_l2, RELATIVE, rtol=1e-12)


def test_maxima_of_each_region(scores: Scores) -> None:
    nan = np.nan
    expected = [[0.1, 0.0, 0.1, 0.1, 0.0, 0.1], [0.2, 0.2, 0.0, 0.0, nan, nan]]
    np.testing.assert_allclose(scores.maxima, expected, atol=1e-12)
    summary = scores.summary()
    regions = ("", "_sources", "_field", "_r1", "_r2", "_r3")
    largest = [summary[f"max_error{region}"] for region in regions]
    means = [summary[f"mean_max_error{region}"] for region in regions]
    np.testing.assert_allclose(largest, [0.2, 0.2, 0.1, 0.1, 0.0, 0.1], atol=1e-12)
    np.testing.assert_allclose(means, [0.15, 0.1, 0.05, 0.05, 0.0, 0.1], atol=1e-12)


def test_regions_are_averaged_over_nodes_not_over_images(scores: Scores) -> None:
    summary = scores.summary()
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
    assert {k: summary[k] for k in expected} == pytest.approx(expected, abs=1e-12)


def test_regions_that_no_image_has_have_no_error() -> None:
    summary = Scores.of(np.ones((1, 1, 2)), np.ones((1, 1, 2)), np.ones((1, 1, 2))).summary()
    for name in ("mae_r1", "max_error_r1", "mean_max_error_r1"):
        assert summary[name] is None
    assert summary["mae"] == 0


def test_rows_are_in_the_order_of_the_columns(scores: Scores) -> None:
    assert list(COLUMNS) == [
        "mae",
        "mae_sources",
        "mae_field",
        "mae_r1",
        "mae_r2",
        "mae_r3",
        "relative_l2",
        "max_error",
        "max_error_sources",
        "max_error_field",
        "max_error_r1",
        "max_error_r2",
        "max_error_r3",
    ]
    expected = [0.05, 0.1, 0, 0, np.nan, np.nan, RELATIVE[1], 0.2, 0.2, 0, 0, np.nan, np.nan]
    np.testing.assert_allclose(scores.rows()[1], expected, atol=1e-12)


def test_joined_parts_are_the_whole(scores: Scores) -> None:
    parts = [
        Scores.of(PREDICTIONS[i : i + 1], FIELDS[i : i + 1], IMAGES[i : i + 1]) for i in (0, 1)
    ]
    assert Scores.join(parts).summary() == scores.summary()


def test_quantiles_are_errors_of_images() -> None:
    errors = np.random.default_rng(0).permutation(np.arange(1, 101) / 100)
    truth = np.ones((100, 1, 1))
    summary = Scores.of(truth - errors[:, None, None], truth, truth).summary()
    expected = {"50%": 0.5, "90%": 0.9, "99%": 0.99, "100%": 1.0}
    for name in ("mae", "relative_l2", "max_error"):
        assert summary["quantiles"][name] == pytest.approx(expected)


def test_a_broken_prediction_shows() -> None:
    broken = PREDICTIONS.copy()
    broken[0, 0, 2] = np.nan
    summary = Scores.of(broken, FIELDS, IMAGES).summary()
    for name in ("mae", "max_error", "max_error_field", "mean_max_error"):
        assert np.isnan(summary[name]), name
    assert summary["max_error_sources"] == pytest.approx(0.2)
