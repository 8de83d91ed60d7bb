"""Damaged source files: an error of one line, and nothing written."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.helpers.refusals import assert_refused, damaged, files_below, invoke


def npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


def npz(text: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("source_image.npy", text)
    return stream.getvalue()


def saved(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, image, allow_pickle=True)
    return stream.getvalue()


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.arange(4096, dtype=np.uint8).reshape(64, 64)).save(stream, kind)
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
    (".npy", saved(np.full((8, 8), np.nan))),
    (".npy", saved(np.full((8, 8), np.inf))),
    (".png", PNG.replace(b"IDAT", b"IDAX")),
    (".png", b"\x89PNG\r\n\x1a\n"),
    (".tif", b"II*\x00garbage"),
    (".png", PNG[:40] + bytes(100) + PNG[140:]),
    (".png", PNG[:16] + b"\x7f\xff\xff\xff\x7f\xff\xff\xff" + PNG[24:]),
    (".yaml", b"lattice: 16\nsources: [{row: 8, column: 8, radius: 2, value: 1}]"),
    (".csv", b"1,2"),
]


CASES = [("source_files", *source) for source in SOURCES]
CASES += [(name, *SOURCES[0]) for name in ("fixed", "production", "uptake")]


@pytest.mark.parametrize(("parameter", "suffix", "content"), CASES, ids=range(len(CASES)))
def test_damaged_source_files(place, suffix, content, parameter):
    (place / f"damaged{suffix}").write_bytes(content)
    before = files_below(place)
    values = {"source_files": "sources.npy", "output": "field.npy", parameter: f"damaged{suffix}"}
    assert_refused(invoke("solve", values), place, before)
