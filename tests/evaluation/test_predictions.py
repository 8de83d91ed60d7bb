"""Files of predictions that other programs wrote, or something else."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from diffkeras.errors import DataError
from diffkeras.evaluation.predictions import read_predictions
from diffkeras.system.array_files import write_arrays

FIELDS = np.random.default_rng(0).random((5, 4, 6)).astype(np.float32)


def read(path: Path) -> dict[int, np.ndarray]:
    return read_predictions(path, {2: 5}, (4, 6), images=("a/test", "0"), most_bytes=100_000)


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
        ({"sources_02": np.zeros((5, 400, 600))}, r"bytes, more than 100,000 for predictions"),
    ],
)
def test_other_predictions_are_refused(arrays, message, tmp_path):
    write_arrays(tmp_path / "mine.npz", arrays)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "mine.npz")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "mine.csv").write_text("1,2")
    with zipfile.ZipFile(tmp_path / "bytes.npz", "w") as archive:
        archive.writestr("sources_02", b"no array")
    for name, message in (
        ("mine.csv", "it is no .npz file"),
        ("bytes.npz", "sources_02 is no array"),
        ("pickled.npz", "No such file"),  # missing, with NumPy's word for another error
    ):
        with pytest.raises(DataError, match=message):
            read(tmp_path / name)
