"""Predictions that are swapped between images."""

from pathlib import Path

import numpy as np
import pytest

from diffkeras.errors import DataError
from diffkeras.evaluation import order
from diffkeras.evaluation.order import check_order
from diffkeras.physics import Medium, sample_sources, solve

MINE = Path("mine.npz")
NUMBER = 60


@pytest.fixture(scope="module")
def drawn():
    """Fields of one to three discs, two of which are the same; the last third is for training."""
    drawn = [sample_sources(1 + n % 3, 32, radius=3, rng=n) for n in range(NUMBER + NUMBER // 2)]
    images = np.stack([sources.image(32, np.float64) for sources in drawn])
    fields = np.asarray(solve(images, medium=Medium(decay=0.01)).field, np.float32)
    fields[10] = fields[20]
    return fields


@pytest.fixture(scope="module")
def exact(drawn):
    return drawn[:NUMBER]


def nearest(exact: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The most similar of some known fields for each."""
    distances = [np.square(known - field).sum(axis=(1, 2)) for field in exact]
    return known[np.argmin(distances, axis=1)]


def models(exact: np.ndarray) -> dict[str, np.ndarray]:
    """Predictions, good and poor."""
    rng = np.random.default_rng(0)
    scatter = rng.normal(size=exact.shape).astype(np.float32)
    averaged = sum(np.roll(exact, n, axis=2) for n in (-1, 0, 1)) / 3
    return {
        "exact": exact,
        "good": exact + 0.02 * scatter,
        "smooth": averaged,
        "half": 0.5 * exact,
        "noise": exact + 3 * scatter,
        "misplaced": np.stack([np.roll(one, rng.integers(-4, 5, 2), (0, 1)) for one in exact]),
        "the same for all": np.broadcast_to(exact.mean(axis=0), exact.shape),
        "zero": np.zeros_like(exact),
    }


@pytest.mark.parametrize("at_once", [1000, 7])
def test_predictions_in_their_order_are_taken(drawn, exact, monkeypatch, at_once):
    monkeypatch.setattr(order, "AT_ONCE", at_once)
    for predictions in (*models(exact).values(), nearest(exact, drawn[NUMBER:])):
        check_order(MINE, {1: predictions[:20], 2: predictions[20:]}, [exact[:7], exact[7:]])


@pytest.mark.parametrize("model", ["exact", "good", "smooth", "half"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([3, 8], r"2 of the 60 .*: \S*1\[3\] is that of \S*1\[8\], \S*1\[8\] is that of .*; keep"),
        ([10, 41], r"sources_01\[10\] is that of \S*2\[21\], \S*2\[21\] is .*(1\[10|2\[0)\];"),
        ([1, 5, 9], r"3 of the 60 .*: \S*1\[1\] is that of \S*1\[5\], \S*1\[5\] is .*1\[9\], "),
        (list(range(NUMBER)), r"\[0\] is that of \S*\[1\], .* \S*\[4\] is .*\[5\], …; keep"),
    ],
)
def test_swapped_and_shifted_predictions_are_named(exact, model, images, message, monkeypatch):
    monkeypatch.setattr(order, "AT_ONCE", 7)
    predictions = models(exact)[model].copy()
    predictions[images] = predictions[np.roll(images, -1)]
    with pytest.raises(DataError, match=message):
        check_order(MINE, {1: predictions[:20], 2: predictions[20:]}, [exact[:7], exact[7:]])


@pytest.mark.parametrize("model", ["exact", "good", "smooth", "half"])
def test_swapped_axes_of_a_source_count_are_named(exact, model):
    predictions = models(exact)[model]
    parts = {1: predictions[:20], 2: predictions[20:].swapaxes(1, 2)}
    with pytest.raises(DataError, match=r"predictions in sources_02 match .* rows and columns"):
        check_order(MINE, parts, [exact[:7], exact[7:]])


def test_images_of_one_field_may_be_swapped(exact):
    predictions = exact + 0.1 * np.random.default_rng(1).normal(size=exact.shape)
    predictions[[10, 20]] = predictions[[20, 10]]
    check_order(MINE, {1: predictions[:20], 2: predictions[20:]}, [exact[:7], exact[7:]])
