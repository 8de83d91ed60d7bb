"""Files of images: what is read, and that others are refused in a sentence, which names them."""

import contextlib
import io
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

import diffkeras as dk
from diffkeras.commands.image_files import read_numbers
from diffkeras.commands.problem_files import read_image
from diffkeras.errors import DataError, PhysicsError
from diffkeras.system.array_files import read_arrays
from tests.helpers.refusals import damaged


def npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def npz(text: bytes, name: str = "source_image.npy") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, text)
    return stream.getvalue()


def saved(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, image, allow_pickle=True)
    return stream.getvalue()


def picture(kind: str, shape: tuple[int, ...] = (64, 64), pages: int = 1, last: int = 64) -> bytes:
    stream = io.BytesIO()
    page = Image.fromarray(np.arange(np.prod(shape), dtype=np.uint8).reshape(shape))
    more = [page] * (pages - 2) + [page.resize((64, last))] * (pages > 1)
    page.save(stream, kind, save_all=True, append_images=more)
    return stream.getvalue()


HEADER = b"{'descr': '<f8', 'fortran_order': False, 'shape': %s, }\n"
PNG = picture("PNG")
SOURCES: list[tuple[str, bytes]] = [
    *((".npy", content) for content in damaged(saved(np.eye(16)))),
    *((".npz", content) for content in damaged(npz(saved(np.eye(16))))),
    *((".png", content) for content in damaged(PNG) if content != PNG[:-1]),
    *((".tif", content) for content in damaged(picture("TIFF"))),
    (".npy", npy(b"{'descr': broken\n")),
    (".npy", npy(b"\xff" * 60)),
    (".npy", npy(b"(" * 9000)),
    *((".npy", npy(HEADER % shape)) for shape in (b"(10**9, 10**9)", b"(1000000000, 1000000000)")),
    *((".npy", npy(HEADER % shape)) for shape in (b"(-1, 5)", b"(16,)", b"()", b"'x'")),
    (".npz", npz(b"text")),
    (".npz", npz(npy(HEADER % b"(99999999, 99999999)"))),
    (".npy", saved(np.array([["a", "b"]]))),
    (".npy", saved(np.array([[object()]], object))),
    (".npy", saved(np.eye(4) * 1j)),
    (".npy", saved(np.ones((2, 2, 8, 8)))),
    (".png", PNG.replace(b"IDAT", b"IDAX")),
    (".png", b"\x89PNG\r\n\x1a\n"),
    (".tif", b"II*\x00garbage"),
    (".png", PNG[:40] + bytes(100) + PNG[140:]),
    (".png", PNG[:16] + b"\x7f\xff\xff\xff\x7f\xff\xff\xff" + PNG[24:]),
    (".yaml", b"lattice: 16\nsources: [{row: 8, column: 8, radius: 2, value: 1}]"),
    (".csv", b"1,2"),
    (".png", picture("PNG", (20, 20, 3))),
    (".png", picture("PNG", pages=3)),
    (".tif", picture("TIFF", pages=3, last=65)),
    (".npz", npz(b"no array", "source_image")),
]


@pytest.mark.parametrize(("suffix", "content"), SOURCES, ids=range(len(SOURCES)))
def test_damaged_files(tmp_path, suffix, content):
    file = tmp_path / f"damaged{suffix}"
    file.write_bytes(content)
    with pytest.raises((DataError, PhysicsError), match=re.escape(str(file))) as error:
        read_image(file, "source_image")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_a_file_of_no_array_is_named_as_such(tmp_path):
    np.savez(tmp_path / "empty.npz")
    with pytest.raises(DataError, match=r"empty\.npz can't be read: it holds no array"):
        read_image(tmp_path / "empty.npz", "source_image")


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "PNG"), (".tif", "TIFF")])
def test_a_picture_of_one_page_is_an_image(tmp_path, suffix, kind):
    (tmp_path / f"a{suffix}").write_bytes(picture(kind))
    assert read_image(tmp_path / f"a{suffix}", "source_image").shape == (64, 64)


def test_a_tiff_of_several_pages_is_a_volume_or_a_stack(tmp_path):
    (tmp_path / "a.tif").write_bytes(picture("TIFF", pages=3))
    pages = [read_image(tmp_path / "a.tif", "source_image", stack=stack) for stack in (False, True)]
    one = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64) / 255
    for read in pages:
        np.testing.assert_array_equal(read, [one] * 3)


@pytest.mark.parametrize("shape", [(9, 8), (3, 9, 8)])
def test_what_solve_writes_is_read_as_a_tiff_and_explained_as_a_result(tmp_path, shape):
    image = np.zeros(shape)
    image[..., 4, 5] = 1.0
    solution = dk.solve(image)
    for suffix in (".tif", ".npz"):
        solution.save(tmp_path / f"field{suffix}")
    read = read_image(tmp_path / "field.tif", "source_image")
    np.testing.assert_array_equal(read, solution.field.astype(np.float32))
    with pytest.raises(DataError, match="none is source_image; save the one") as error:
        read_image(tmp_path / "field.npz", "source_image")
    (tmp_path / "source_image.npy").write_bytes(b"")
    with contextlib.chdir(tmp_path):  # what the message says to do
        exec(str(error.value).rpartition(" by ")[2])
    np.testing.assert_array_equal(np.load(tmp_path / "source_image.npy"), image)


@pytest.mark.parametrize("name", ["image.npy", "image.npz"])
def test_arrays_of_any_type_of_number_are_read(tmp_path, name):
    array = np.arange(6.0).reshape(2, 3)
    for dtype in ("f2", "f8", "i4", "?"):
        content = saved(array.astype(dtype))
        (tmp_path / name).write_bytes(npz(content, "image.npy") if name[-1] == "z" else content)
        read = read_numbers(tmp_path / name, ("image",))
        assert (read.dtype, read.shape) == (np.dtype(dtype), (2, 3))
        assert read.sum() == array.astype(dtype).sum()


def test_what_does_not_fit_into_memory_is_refused_in_a_sentence(tmp_path):
    large = npy(HEADER % b"(9999999, 9999999)")
    for name, content in (("image.npy", large), ("image.npz", npz(large, "image.npy"))):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=r"can't be read: Unable to allocate"):
            read_numbers(tmp_path / name, ("image",))
    with pytest.raises(DataError, match=r"can't be read as fields: Unable to allocate"):
        read_arrays(tmp_path / "image.npz", "fields")
