"""Errors by hand-computed numbers, and the metrics of other papers by slower formulas."""

import math

import numpy as np
import pandas as pd
import pytest

from diffkeras.evaluation.errors import (
    ERRORS,
    MAES,
    METRICS,
    MIDDLE,
    UPPER,
    field_metrics,
    image_errors,
    radial_spectrum,
    summarise,
)

SIDE = 32
# two images of one row: hand-computed errors of 0, 0.1, 0, 0.1 and of 0, 0.2, 0, 0
IMAGES = np.array([[[1.0, 0.0, 0.0, 0.0]], [[0.5, 0.5, 0.0, 0.0]]])
FIELDS = np.array([[[1.0, 0.5, 0.15, 0.07]], [[0.5, 0.5, 0.3, 0.01]]])
PREDICTIONS = np.array([[[1.0, 0.4, 0.15, 0.17]], [[0.5, 0.3, 0.3, 0.01]]])
RELATIVE = [(0.02 / 1.2774) ** 0.5, 0.2 / 0.5901**0.5]


def test_errors_of_each_image():
    errors = image_errors(PREDICTIONS, FIELDS, IMAGES)
    assert list(errors)[: len(ERRORS)] == list(ERRORS)
    nan = np.nan
    maes = [[0.05, 0, 0.2 / 3, 0.1, 0, 0.1], [0.05, 0.1, 0, 0, nan, nan]]
    np.testing.assert_allclose(errors[list(MAES)], maes, atol=1e-12)
    np.testing.assert_allclose(errors["max_error"], [0.1, 0.2], rtol=1e-12)
    np.testing.assert_allclose(errors["relative_l2"], RELATIVE, rtol=1e-12)


def test_a_broken_prediction_shows():
    broken = PREDICTIONS.copy()
    broken[0, 0, 2] = np.nan
    summary = summarise(image_errors(broken, FIELDS, IMAGES))
    for name in ("mae", "mae_field", "max_error"):
        assert np.isnan(summary[name]), name
    assert summary["mae_sources"] == pytest.approx(0.2 / 3)


@pytest.fixture
def fields():
    return np.random.default_rng(0).normal(size=(2, SIDE, SIDE))


@pytest.fixture
def predictions(fields):
    return fields + np.random.default_rng(1).normal(scale=0.1, size=fields.shape) + 0.05


def test_norms(fields, predictions):
    found = field_metrics(predictions, fields)
    assert list(found) == list(METRICS)
    for image, (prediction, field) in enumerate(zip(predictions, fields, strict=True)):
        difference = (prediction - field).ravel()
        row = found.loc[image]
        assert row["rmse"] == pytest.approx(np.linalg.norm(difference) / SIDE)
        relative = image_errors(predictions, fields, fields).loc[image, "relative_l2"]
        assert relative == pytest.approx(np.linalg.norm(difference) / np.linalg.norm(field))
        largest = max(map(abs, difference)) / max(map(abs, field.ravel()))
        assert row["relative_max"] == pytest.approx(largest)
        assert row["balance"] == pytest.approx(abs(math.fsum(difference)) / SIDE**2)


def test_the_boundary_has_the_outermost_nodes():
    field = np.zeros((1, 4, 5))
    error = field.copy()
    error[0, 1:3, 1:4] = 100.0
    error[0, 0, 0] = 3.0
    error[0, 3, 2] = 4.0
    found = field_metrics(error, field).loc[0]
    assert found["boundary_rmse"] == pytest.approx(math.sqrt((9 + 16) / 14))
    everything = pd.concat([image_errors(error, field, field), field_metrics(error, field)], axis=1)
    assert np.isnan(everything["relative_l2"]).all()
    assert summarise(everything)["relative_max"] is None


@pytest.mark.parametrize(
    ("rows", "columns", "band"),
    [(0, 3, "low"), (2, 2, "low"), (0, MIDDLE, "middle"), (3, 3, "middle"), (0, UPPER, "high")],
)
def test_a_wave_is_in_the_band_of_its_number(rows, columns, band):
    """A cosine of amplitude a has two coefficients of a/2, of which one is counted."""
    y, x = np.indices((SIDE, SIDE)) / SIDE
    wave = 0.3 * np.cos(2 * np.pi * (rows * y + columns * x))
    found = field_metrics(wave[None], np.zeros((1, SIDE, SIDE))).loc[0]
    width = {"low": MIDDLE, "middle": UPPER - MIDDLE, "high": SIDE // 2 - UPPER}
    for name, wavenumbers in width.items():
        expected = 0.15 / wavenumbers if name == band else 0.0
        assert found[f"fourier_rmse_{name}"] == pytest.approx(expected, abs=1e-12)


def test_the_spectrum_is_that_of_a_slow_transform(fields):
    side, field = 8, fields[0, :8, :8]
    waves = np.exp(-2j * np.pi * np.outer(range(side), range(side)) / side)
    squares = np.abs(waves @ field @ waves / side**2) ** 2
    expected = np.zeros(side // 2)
    for p, q in np.ndindex(side // 2, side // 2):
        if (number := int(math.hypot(p, q))) < side // 2:
            expected[number] += squares[p, q]
    assert radial_spectrum(field[None])[0] == pytest.approx(expected)
