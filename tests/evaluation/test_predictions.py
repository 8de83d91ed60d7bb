"""Files of predictions that other programs wrote, some of them swapped, or something else."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from diffkeras.errors import DataError
from diffkeras.evaluation import predictions as module
from diffkeras.evaluation.predictions import check_order, read_predictions
from diffkeras.physics import Medium, sample_sources
from diffkeras.system.array_files import write_arrays
from tests.helpers.drawn_problems import exact_fields, problems_of

FIELDS = np.random.default_rng(0).random((5, 4, 6)).astype(np.float32)


def read(path: Path) -> dict[int, np.ndarray]:
    return read_predictions(path, {2: 5}, (4, 6), images=("a/test", "0"))


@pytest.mark.parametrize(
    "fields", [FIELDS, FIELDS[..., None], FIELDS[:, None], FIELDS.astype(float)]
)
def test_fields_of_any_precision_are_read(fields, tmp_path):
    write_arrays(tmp_path / "mine.npz", {"name": "a/test", "sha256": "0", "sources_02": fields})
    np.testing.assert_array_equal(read(tmp_path / "mine.npz")[2], FIELDS)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"name": "b", "sources_02": FIELDS}, "predictions of 'b' .*, not of a/test with"),
        ({"sources_01": FIELDS}, r"has no array sources_02, only \['sources_01'\]"),
        ({"sources_02": FIELDS[1:]}, r"sources_02 in .*\(4, 4, 6\), not \(5, 4, 6\)"),
        ({"sources_02": FIELDS.swapaxes(1, 2)}, r"\(5, 6, 4\), not .*or \(5, 1, 4, 6\); `movedim`"),
        ({"sources_02": FIELDS.astype(str)}, "sources_02 in .* type <U.*not real numbers"),
        ({"sources_02": FIELDS * np.nan}, "field 0 of sources_02 in .* is not finite"),
        ({"sources_02": 1e40 * FIELDS.astype(float)}, "field 0 of .* choose units"),
    ],
)
def test_other_predictions_are_refused(arrays, message, tmp_path):
    with zipfile.ZipFile(tmp_path / "bytes.npz", "w") as archive:
        archive.writestr("sources_02", b"no array")
    for name, reason in (("mine.npz", "No such file"), ("bytes.npz", "sources_02 is no array")):
        with pytest.raises(DataError, match=reason):
            read(tmp_path / name)
    write_arrays(tmp_path / "mine.npz", arrays)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "mine.npz")


MINE = Path("mine.npz")
NUMBER = 60


@pytest.fixture(scope="module")
def drawn():
    """Fields of one to three discs, two of which are the same; the last third is for training."""
    drawn = [sample_sources(1 + n % 3, 32, radius=3, rng=n) for n in range(NUMBER + NUMBER // 2)]
    images = np.stack([sources.image(32, np.float64) for sources in drawn])
    fields = np.float32(exact_fields(problems_of(source_image=images, medium=Medium(decay=0.01))))
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
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    for predictions in (*models(exact).values(), nearest(exact, drawn[NUMBER:])):
        check_order(MINE, {1: predictions[:20], 2: predictions[20:]}, [exact[:7], exact[7:]])


@pytest.mark.parametrize("model", ["exact", "good", "smooth", "half"])
@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([3, 8], r"2 of the 60 .*: \S*1\[3\] matches \S*1\[8\], \S*1\[8\] matches .*; keep"),
        ([10, 41], r"sources_01\[10\] matches \S*2\[21\], \S*2\[21\] matches .*(1\[10|2\[0)\];"),
        ([1, 5, 9], r"3 of the 60 .*: \S*1\[1\] matches \S*1\[5\], \S*1\[5\] matches .*1\[9\], "),
        (list(range(NUMBER)), r"\[0\] matches \S*\[1\], .* \S*\[4\] matches .*\[5\], …; keep"),
    ],
)
def test_swapped_and_shifted_predictions_are_named(exact, model, images, message, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 7)
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
