import io
import zipfile

import numpy as np
import pytest

from diffkeras.commands.image_files import read_numbers
from diffkeras.errors import DataError
from diffkeras.system.array_files import read_arrays


def written(folder, name, array):
    (np.savez if name.endswith("z") else np.save)(folder / name, array)
    return folder / name


@pytest.mark.parametrize("name", ["image.npy", "image.npz"])
def test_arrays_of_any_type_of_number_are_read(tmp_path, name):
    array = np.arange(6.0).reshape(2, 3)
    for dtype in ("f2", "f8", "i4", "?"):
        read = read_numbers(written(tmp_path, name, array.astype(dtype)), ("image",))
        assert (read.dtype, read.shape) == (np.dtype(dtype), (2, 3))
        assert read.sum() == array.astype(dtype).sum()


def test_what_does_not_fit_into_memory_is_refused_in_a_sentence(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array(header, np.zeros((1, 1)))
    large = header.getvalue().replace(b"(1, 1)", b"(9999999, 9999999)").replace(b" " * 12, b"", 1)
    assert len(large) == len(header.getvalue())
    (tmp_path / "image.npy").write_bytes(large)
    np.savez(tmp_path / "image.npz")
    with zipfile.ZipFile(tmp_path / "image.npz", "a") as archive:
        archive.writestr("image.npy", large)
    for name in ("image.npy", "image.npz"):
        with pytest.raises(DataError, match=r"can't be read: Unable to allocate"):
            read_numbers(tmp_path / name, ("image",))
    with pytest.raises(DataError, match=r"can't be read as fields: Unable to allocate"):
        read_arrays(tmp_path / "image.npz", "fields")
