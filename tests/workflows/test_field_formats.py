"""Files of fields: what is written reads back, also by the rules of other programs' formats."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import Result
from PIL import Image, ImageSequence

import diffkeras as dk
from diffkeras.workflows.field_files import write_fields
from diffkeras.workflows.field_formats import FORMATS


@pytest.fixture
def volume(tmp_path):
    image = np.zeros((4, 5, 6))
    image[1, 2, 3] = 1.0
    np.save(tmp_path / "volume.npy", image)
    return tmp_path / "volume.npy"


def solved(diffkeras: Callable[..., Result], *words: object) -> str:
    result = diffkeras("solve", *words, "--decay", 0.1)
    assert result.exit_code == 0, result.output
    return result.stdout


def read_vti(path: Path) -> tuple[np.ndarray, list[float]]:
    """The array (planes, rows, columns) and the spacing, by VTK's rules."""
    root = ElementTree.parse(path).getroot()
    assert root.attrib["type"] == "ImageData"
    assert (root.attrib["byte_order"], root.attrib["header_type"]) == ("LittleEndian", "UInt64")
    [image] = root
    [piece] = image
    assert piece.attrib["Extent"] == image.attrib["WholeExtent"]
    ends = [int(number) for number in image.attrib["WholeExtent"].split()][1::2]
    array = piece.find("PointData/DataArray")
    assert array is not None
    assert array.text is not None
    content = base64.b64decode(array.text)
    assert int(np.frombuffer(content[:8], "<u8")[0]) == len(content) - 8
    kind = {"Float32": "<f4", "Float64": "<f8"}[array.attrib["type"]]
    values = np.frombuffer(content[8:], kind).reshape([end + 1 for end in reversed(ends)])
    return values, [float(number) for number in image.attrib["Spacing"].split()]


def test_a_volume_becomes_image_data_of_vtk(diffkeras, volume, tmp_path):
    words = (volume, "--dimensions", 3, "--step", 2.5)
    solved(diffkeras, *words, "-o", tmp_path / "field.vti")
    solved(diffkeras, *words, "-o", tmp_path / "field.npy")
    values, spacing = read_vti(tmp_path / "field.vti")
    np.testing.assert_array_equal(values, np.load(tmp_path / "field.npy"))
    assert spacing == [2.5] * 3


def test_a_plane_of_single_precision_becomes_image_data_too(tmp_path):
    field = np.random.default_rng(0).random((3, 4), np.float32)
    write_fields({tmp_path / "field.vti": field})
    values, spacing = read_vti(tmp_path / "field.vti")
    np.testing.assert_array_equal(values, field[None])
    assert values.dtype == np.float32
    assert spacing == [1.0] * 3


def test_planes_and_images_become_pages(diffkeras, volume, tmp_path):
    for word in (["--dimensions", 3], ["--batch"]):
        solved(diffkeras, volume, *word, "-o", tmp_path / "field.tif")
        solved(diffkeras, volume, *word, "-o", tmp_path / "field.npy")
        with Image.open(tmp_path / "field.tif") as picture:
            pages = np.stack([np.array(page) for page in ImageSequence.Iterator(picture)])
        np.testing.assert_array_equal(pages, np.load(tmp_path / "field.npy").astype(np.float32))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_table_has_coordinates_and_values_that_read_back(tmp_path, dtype):
    field = np.random.default_rng(0).random((2, 3, 4)).astype(dtype)
    problem = dk.Problem(np.zeros((2, 3, 4)), dimensions=3, step=0.5)
    write_fields({tmp_path / "field.csv": field}, problem)
    lines = (tmp_path / "field.csv").read_text().splitlines()
    assert lines[0] == "x,y,z,u"
    x, y, z, u = np.loadtxt(lines[1:], delimiter=",").T
    nodes = tuple((places / 0.5).astype(int) for places in (z, y, x))
    np.testing.assert_array_equal(u.astype(dtype), field[nodes])
    assert x[:5].tolist() == [0.0, 0.5, 1.0, 1.5, 0.0]
    assert len(u) == field.size


@pytest.mark.parametrize(
    ("name", "words", "message"),
    [
        ("field.png", ["--dimensions", "3"], "more than one image; write to .npy, .npz or .tif"),
        ("field.png", ["--batch"], "more than one image"),
        ("field.csv", ["--batch"], "can't hold a batch"),
        ("field.vti", ["--batch"], "can't hold a batch"),
        ("field.vtk", ["--batch"], f"fields are written to {', '.join(FORMATS)}"),
    ],
)
def test_what_a_file_cant_hold_is_refused_before_the_work(
    refused, volume, tmp_path, name, words, message
):
    assert message in refused("solve", volume, *words, "-o", tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [volume.name]


def test_a_batch_of_volumes_is_no_picture(tmp_path):
    volumes = dk.Problem(np.zeros((2, 3, 4, 5)), dimensions=3)
    with pytest.raises(dk.DiffkerasError, match=r"several volumes; write to \.npy"):
        write_fields({tmp_path / "field.tif": np.zeros((2, 3, 4, 5))}, volumes)


def test_a_summary_is_json_alone_on_standard_output(diffkeras, volume, tmp_path):
    output = tmp_path / "field.npy"
    printed = json.loads(solved(diffkeras, volume, "--dimensions", 3, "-o", output, "--json"))
    field = np.load(output)
    assert printed["output"] == str(output)
    assert printed["plot"] is None
    assert (printed["lattice"], printed["images"]) == ([4, 5, 6], 1)
    assert (printed["minimum"], printed["maximum"]) == (field.min(), field.max())
    assert 0 < printed["error_bound"] < 1e-9
    assert printed["diffkeras"] == dk.__version__


def test_a_picture_in_lengths_has_chosen_slices(diffkeras, refused, volume, tmp_path):
    words = [volume, "--dimensions", 3, "-o", tmp_path / "field.npy"]
    picture = ["--plot", tmp_path / "plot.svg", "--unit", "µm", "--slice", "plane=2"]
    picture += ["--field-unit", "mmHg"]
    solved(diffkeras, *words, *picture)
    drawn = (tmp_path / "plot.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<?xml")
    for option in ("--unit", "--field-unit"):
        assert f"{option} is for the picture" in refused("solve", *words, option, "µm")
    for slice_, message in (("plane:2", "write e.g. plane=12"), ("row=5", "there is no row 5")):
        (tmp_path / "field.npy").unlink(missing_ok=True)
        assert message in refused("solve", *words, *picture[:2], "--slice", slice_)
        assert not (tmp_path / "field.npy").exists()
    bad_unit = ("--plot", tmp_path / "plot.svg", "--unit", r"$\foo$")
    assert "write a dollar sign as" in refused("solve", *words, *bad_unit)
    assert not (tmp_path / "field.npy").exists()
    assert "a plot is a .png, .pdf or .svg" in refused("solve", *words, "--plot", "plot.eps")
