"""Files of results: what is written reads back, also by the rules of other programs' formats."""

import base64
import re
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageSequence

import diffkeras as dk
from diffkeras.physics.field_files import bound_in_file, upper_bound

TYPES = {"Float32": "<f4", "Float64": "<f8", "UInt8": "u1"}


@pytest.fixture
def tissue():
    """A solution with fixed nodes, uptake, production and a given side."""
    image, cells = np.zeros((2, 6, 7))
    image[1, 2:4] = 40.0
    cells[3:, 3:] = 15.0
    return dk.solve(
        image,
        uptake=dk.MichaelisMenten(cells, 2.5),
        production=np.where(cells > 0, 0.1, 0.0),
        diffusivity=2000.0,
        decay=0.1,
        step=5.0,
        boundary={"top": dk.FixedValue(10.0), "bottom": "reflecting"},
    )


def read_vti(path: Path) -> tuple[dict[str, np.ndarray], list[float]]:
    """The arrays, on the nodes (planes, rows, columns), and the spacing, by VTK's rules."""
    root = ElementTree.parse(path).getroot()
    assert root.attrib["type"] == "ImageData"
    assert (root.attrib["byte_order"], root.attrib["header_type"]) == ("LittleEndian", "UInt64")
    image = root.find("ImageData")
    assert image is not None
    piece = image.find("Piece")
    assert piece is not None
    assert piece.attrib["Extent"] == image.attrib["WholeExtent"]
    ends = [int(number) for number in image.attrib["WholeExtent"].split()][1::2]
    arrays = {}
    for array in root.iter("DataArray"):
        content = base64.b64decode(array.text or "")
        assert int(np.frombuffer(content[:8], "<u8")[0]) == len(content) - 8
        values = np.frombuffer(content[8:], TYPES[array.attrib["type"]])
        if "NumberOfTuples" in array.attrib:
            assert len(values) == int(array.attrib["NumberOfTuples"])
        else:
            values = values.reshape([end + 1 for end in reversed(ends)])
        arrays[array.attrib["Name"]] = values
    return arrays, [float(number) for number in image.attrib["Spacing"].split()]


def test_archives_and_image_data_hold_field_bound_and_problem(tissue, tmp_path):
    tissue.save(tmp_path / "a.npz")
    tissue.save(str(tmp_path / "folder" / "a.vti"))
    expected = {"field": tissue.field, "bound": tissue.node_bound, "fixed": tissue.problem.fixed}
    expected |= dk.parts_of(tissue.problem)
    assert {"values", "production", "uptake.maximum", "boundary.top.value"} < expected.keys()
    on_nodes, spacing = read_vti(tmp_path / "folder" / "a.vti")
    with np.load(tmp_path / "a.npz") as archive:
        assert set(archive.files) == set(on_nodes) == set(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(archive[name], values)
            np.testing.assert_array_equal(on_nodes[name].ravel(), np.ravel(values))
    assert on_nodes["field"].shape == (1, 6, 7)
    assert spacing == [5.0] * 3


def test_a_volume_is_image_data_and_pages(tmp_path):
    image = np.zeros((4, 5, 6))
    image[1, 2, 3] = 1.0
    volume = dk.solve(image, step=2.5, decay=0.1)
    volume.save(tmp_path / "a.vti")
    arrays, spacing = read_vti(tmp_path / "a.vti")
    np.testing.assert_array_equal(arrays["field"], volume.field)
    assert spacing == [2.5] * 3
    volume.save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as picture:
        pages = np.stack([np.array(page) for page in ImageSequence.Iterator(picture)])
    np.testing.assert_array_equal(pages, volume.field.astype(np.float32))


@pytest.mark.parametrize(("step", "unit"), [(5.0, "µm"), (0.3, "mm"), (2.5, None), (1.0, "µm")])
def test_a_tiff_has_its_scale_as_imagej_reads_it(tmp_path, step, unit):
    dk.solve(np.eye(4, 6), step=step, decay=0.1).save(tmp_path / "a.tif", unit=unit)
    with Image.open(tmp_path / "a.tif") as picture:
        tags = dict(picture.tag_v2)
    description = dict(re.findall(r"(\w+)=(.*)\n", tags[270]))
    assert tags[270].startswith("ImageJ=")
    assert "images" not in description  # ImageJ would look for contiguous pages
    read = description.get("unit", "").encode().decode("unicode_escape")  # as Java's properties
    assert read == (unit or "")
    assert float(description["spacing"]) == step
    assert [1 / float(tags[tag]) for tag in (282, 283)] == pytest.approx([step, step], rel=1e-9)
    assert tags[296] == 1  # no inches, no centimetres


def test_bounds_are_rounded_up_to_what_the_file_holds():
    rng = np.random.default_rng(0)
    bound = 10 ** rng.uniform(-44, 38, (40, 50))
    bound[0] = bound[0].astype(np.float32)  # which a TIFF holds exactly
    bound[1, 0] = 0.0
    for name in ("a.tif", "a.TIFF"):
        found = upper_bound(bound, Path(name))
        assert found.dtype == np.float32
        assert (found >= bound).all()
        assert (np.nextafter(found, np.float32(-1)) < bound).all()  # no float32 is between
    for name in ("a.npy", "a.npz", "a.vti"):
        np.testing.assert_array_equal(upper_bound(bound, Path(name)), bound)


def test_the_bound_of_a_field_in_a_file_includes_its_rounding():
    rng = np.random.default_rng(0)
    field = rng.choice([-1, 1], (40, 50)) * 10 ** rng.uniform(-46, 38, (40, 50))
    field[0] = field[0].astype(np.float32)
    bound = abs(field) * 10 ** rng.uniform(-18, 2, field.shape)
    bound[:, 0] = 0.0
    for given in (bound, float(bound[1, 1])):
        found = bound_in_file(given, field, Path("a.TIFF"))
        parts = zip(*map(np.ravel, np.broadcast_arrays(found, given, field)), strict=True)
        for one, before, value in parts:
            error = Fraction(before) + abs(Fraction(float(np.float32(value))) - Fraction(value))
            assert error <= Fraction(one) <= error * (1 + Fraction(2) ** -51)
        for name, kind in (("a.npy", np.float64), ("a.tif", np.float32)):
            as_given = bound_in_file(given, field.astype(kind), Path(name))
            np.testing.assert_array_equal(as_given, np.broadcast_to(given, field.shape))


@pytest.mark.parametrize("step", [1e-9, 1e9])
def test_a_tiff_holds_the_longest_unit_and_the_extreme_steps(tmp_path, step):
    solution = dk.solve(np.eye(4), step=step, diffusivity=step**2)
    solution.save(tmp_path / "a.tif", unit=30 * "m")
    with Image.open(tmp_path / "a.tif") as picture:
        tags = picture.tag_v2
        assert float(tags[282]) == pytest.approx(1 / step)
        assert f"unit={30 * 'm'}\n" in tags[270]
    with pytest.raises(dk.DiffkerasError, match="a unit is a text of 1 to 30"):
        solution.save(tmp_path / "a.tif", unit=31 * "m")


def test_without_a_step_a_tiff_has_no_scale(tmp_path):
    dk.solve(np.eye(4)).save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as picture:
        assert not {270, 282, 283} & set(picture.tag_v2)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.png", {}, "written to .npy, .npz, .tif, .tiff or .vti; a picture is drawn by `plot`"),
        ("a.csv", {}, "fields are written to .npy"),
        ("a", {}, "fields are written to .npy"),
        ("a.npy", {"unit": "µm"}, "a.npy can't hold the unit 'µm'"),
        ("a.tif", {"unit": 3}, "a unit is a text of 1 to 30"),
        ("a.tif", {"unit": "µ\nm"}, "a unit is a text of 1 to 30 characters"),
    ],
)
def test_what_cant_be_written_is_refused(tissue, tmp_path, name, options, message):
    (tmp_path / name).write_text("precious")
    with pytest.raises(dk.DiffkerasError, match=re.escape(message)):
        tissue.save(tmp_path / name, **options)
    assert (tmp_path / name).read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_kind_of_file_cant_hold_is_refused(tmp_path):
    rates = np.full((4, 4), 1e25)
    large = dk.solve(production=rates, decay=1e-15, boundary="reflecting")
    negative = dk.solve(production=-rates, decay=1e-15, boundary="reflecting")
    fine = dk.solve(np.eye(4), step=1e-12, diffusivity=1e-24)
    for solution, name, message in (
        (fine, "a.tif", "holds steps of 1e-09 to 1e[+]09, not 1e-12"),
        (large, "a.tif", "would hold 1e[+]40 to 1e[+]40; write to .npy"),
        (negative, "a.tif", "would hold -1e[+]40 to -1e[+]40; write to .npy"),
    ):
        with pytest.raises(dk.DiffkerasError, match=message):
            solution.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
