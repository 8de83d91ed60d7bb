"""Arrays in files: what their headers announce is checked before they are read."""

import io

import numpy as np
import pytest

from diffkeras.errors import DataError
from diffkeras.system import image_files
from diffkeras.system.image_files import read_numbers


def written(folder, name, array):
    (np.savez if name.endswith("z") else np.save)(folder / name, array)
    return folder / name


@pytest.mark.parametrize("name", ["image.npy", "image.npz"])
def test_arrays_of_any_type_of_number_are_read(tmp_path, name):
    array = np.arange(6.0).reshape(2, 3)
    for dtype in ("f2", "f8", "i4", "?"):
        read = read_numbers(written(tmp_path, name, array.astype(dtype)), "image")
        assert (read.dtype, read.shape) == (np.dtype(dtype), (2, 3))
        assert read.sum() == array.astype(dtype).sum()


@pytest.mark.parametrize("name", ["image.npy", "image.npz"])
@pytest.mark.parametrize(("shape", "dtype"), [((101,), "u1"), ((51,), np.longdouble)])
def test_large_arrays_are_refused(tmp_path, monkeypatch, name, shape, dtype):
    monkeypatch.setattr(image_files, "MOST_NUMBERS", 100)
    file = written(tmp_path, name, np.zeros(shape, dtype))
    with pytest.raises(DataError, match=f"an array of {shape[0]} .* at most 100 numbers are read"):
        read_numbers(file, "image")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_a_large_array_is_refused_by_its_header(tmp_path, version):
    header = io.BytesIO()
    np.lib.format.write_array(header, np.zeros((1, 1)), version)
    text = header.getvalue().replace(b"(1, 1)", b"(99999, 99999)", 1).replace(b"        ", b"", 1)
    assert len(text) == len(header.getvalue())
    (tmp_path / "image.npy").write_bytes(text)
    with pytest.raises(DataError, match="an array of 99999×99999 float64 values"):
        read_numbers(tmp_path / "image.npy", "image")
