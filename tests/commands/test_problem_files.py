"""Problems in files: stacks, several files, volumes, label images."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diffkeras as dk
from diffkeras.commands.problem_files import read_image
from diffkeras.errors import DataError
from tests.helpers.rounding import same_solutions


def test_a_stack_has_fields_and_bounds_of_each_image(diffkeras, refused, tmp_path):
    images = np.zeros((3, 8, 9))
    images[1:, 4, 4] = 1, 2
    np.save(tmp_path / "stack.npy", images)
    words = ["solve", tmp_path / "stack.npy", "-o", tmp_path / "fields.npz", "--batch"]
    result = diffkeras(*words, "--plot", tmp_path / "plot.png", "--bound", tmp_path / "b.npy")
    assert result.exit_code == 0, result.output
    assert "(3 images of 8×9 float64)" in result.stdout
    solutions = dk.solve_many([dk.Problem(image) for image in images])
    with np.load(tmp_path / "fields.npz") as found:
        for image, solution in enumerate(solutions):
            assert same_solutions(found["field"][image], solution.field)
            np.testing.assert_array_equal(found["values"][image], images[image])
        assert found["step"].shape == (3,)
    bounds = np.load(tmp_path / "b.npy")
    np.testing.assert_allclose(bounds[1], solutions[1].node_bound, rtol=0.1)
    summary = json.loads(diffkeras(*words, "--json", "--quiet").stdout)
    assert (summary["images"], summary["maximum"]) == (3, 2.0)
    np.save(tmp_path / "one.npy", images[1])
    one = ["solve", tmp_path / "one.npy", "-o", tmp_path / "f.npy", "--batch"]
    assert "not one of 3 or 4 axes" in refused(*one)
    np.save(tmp_path / "two.npy", images[:2])
    assert "stacks have one number of images" in refused(
        *words, "--production", tmp_path / "two.npy"
    )


def test_the_plot_of_a_stack_shows_the_first_image_with_sources(diffkeras, tmp_path, monkeypatch):
    from diffkeras.reporting import fields

    drawn = []
    draw = fields.solution_figure
    monkeypatch.setattr(
        fields, "solution_figure", lambda *args, **more: drawn.append(args) or draw(*args, **more)
    )
    production = np.zeros((3, 4, 4))
    production[1:, 2, 2] = [1, 2]
    np.save(tmp_path / "s.npy", production)
    words = ["--production", tmp_path / "s.npy", "--batch", "-o", tmp_path / "f.npy"]
    assert diffkeras("solve", *words, "--plot", tmp_path / "plot.png").exit_code == 0
    problem, field, title, _ = drawn[0]
    np.testing.assert_array_equal(problem.production, production[1])
    assert same_solutions(field, np.load(tmp_path / "f.npy")[1])
    assert title == "field u, image 2 of 3"


def test_several_files_have_a_field_each(diffkeras, refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, value in (("a", 1.0), ("b", 2.0)):
        np.save(f"{name}.npy", value * np.eye(8))
    words = ["solve", "a.npy", "b.npy", "--decay", 0.1]
    result = diffkeras(*words, "-o", "fields/{}.npz", "--plot", "{}.png")
    assert result.exit_code == 0, result.output
    assert "wrote fields/b.npz (8×8 float64)" in result.stdout
    for name, value in (("a", 1.0), ("b", 2.0)):
        field = np.load(f"fields/{name}.npz")["field"]
        assert same_solutions(field, dk.solve(value * np.eye(8), decay=0.1).field)
        assert Path(f"{name}.png").exists()
    assert "f.npy would hold the fields of 2 files; write {}" in refused(*words, "-o", "f.npy")
    Path("other").mkdir()
    np.save("other/a.npy", np.eye(8))
    assert "have one name" in refused("solve", "a.npy", "other/a.npy", "-o", "{}.npz")
    assert "--output and SOURCE_FILE are the same file" in refused(*words, "-o", "{}.npy")
    np.save("b.npy", np.full((8, 8), np.nan))
    assert "b.npy: the source image holds nan" in refused(*words, "-o", "new_{}.npy")
    assert Path("new_a.npy").exists()  # what was written before stays


def test_a_colour_picture_is_no_volume(refused, tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    np.save(tmp_path / "rgb.npy", picture)
    Image.fromarray(picture).save(tmp_path / "rgb.png")
    words = ("-o", tmp_path / "f.npy")
    assert "volume of 3 columns of bytes" in refused("solve", tmp_path / "rgb.npy", *words)
    assert "give one grey picture" in refused("solve", tmp_path / "rgb.png", *words)


@pytest.mark.filterwarnings("error")
@pytest.mark.skipif(np.finfo(np.longdouble).maxexp == 1024, reason="long double is float64 here")
def test_numbers_beyond_float64_are_refused_without_a_warning(refused, tmp_path):
    np.save(tmp_path / "a.npy", np.full((8, 8), np.longdouble("1e4000")))
    assert "holds inf at" in refused("solve", tmp_path / "a.npy", "-o", tmp_path / "field.npy")


def test_an_array_of_three_axes_is_a_volume(diffkeras, refused, tmp_path):
    volume = np.zeros((5, 8, 9))
    volume[2, 4, 4] = 1
    np.save(tmp_path / "vol.npy", volume)
    words = ["solve", tmp_path / "vol.npy", "-o", tmp_path / "field.npy"]
    assert "No such option '--dimensions'. An array of three" in refused(*words, "--dimensions", 3)
    result = diffkeras(*words, "--plot", tmp_path / "plot.png")
    assert result.exit_code == 0, result.output
    assert "(5×8×9 float64)" in result.stdout
    field = np.load(tmp_path / "field.npy")
    assert same_solutions(field, dk.solve(volume).field)
    np.save(tmp_path / "decay.npy", np.full((5, 8, 9), 0.1))
    options = ["--boundary", "periodic,absorbing,reflecting", "--decay", tmp_path / "decay.npy"]
    assert diffkeras(*words, *options).exit_code == 0
    medium = dk.Medium(decay=0.1, boundary=("periodic", "absorbing", "reflecting"))
    expected = dk.solve(volume, medium=medium).field
    np.testing.assert_allclose(np.load(tmp_path / "field.npy"), expected, atol=1e-9)
    sides = ["--boundary", "reflecting", "--side", "top=value:1"]
    assert diffkeras(*words, *sides).exit_code == 0
    named = dict.fromkeys(("front", "back", "bottom", "left", "right"), "reflecting")
    expected = dk.solve(volume, boundary={**named, "top": dk.FixedValue(1.0)}).field
    np.testing.assert_allclose(np.load(tmp_path / "field.npy"), expected, atol=1e-9)


def test_what_is_no_array_in_an_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bytes.npz", "w") as archive:
        archive.writestr("source_image", b"no array")
    with pytest.raises(DataError, match="source_image in it is no array"):
        read_image(tmp_path / "bytes.npz", "source_image")


@pytest.mark.parametrize("suffix", [".npy", ".png", ".tif"])
def test_a_label_image_is_solved(diffkeras, refused, tmp_path, suffix):
    labels = np.zeros((16, 20), np.uint8)
    labels[2:4, 2:4], labels[6:12, 6:12] = 1, 2
    file, output = tmp_path / f"labels{suffix}", tmp_path / "field.npy"
    np.save(file, labels) if suffix == ".npy" else Image.fromarray(labels).save(file)
    words = ["solve", file, "-o", output, "--decay", 0.1, "--step", 10, "--diffusivity", 1e5]
    tissue = ["--label", "1:fixed=60", "--label", "2:uptake=100,saturation=3"]
    result = diffkeras(*words, *tissue, "--label", "0:", "--boundary", "reflecting")
    assert result.exit_code == 0, result.output
    properties = {1: {"fixed": 60.0}, 2: {"uptake": 100.0, "saturation": 3.0}}
    medium = {"diffusivity": 1e5, "decay": 0.1, "step": 10.0, "boundary": "reflecting"}
    expected = dk.solve(dk.from_labels(labels, properties, **medium)).field
    np.testing.assert_allclose(np.load(output), expected, rtol=1e-9)
    output.unlink()
    for more, message in (
        (["--label", "1:fixed=60"], "give each of them some, or {} (in the command `--label N:`)"),
        ([*tissue, "--uptake", 3], "--label describes each label; leave out --uptake"),
        (["--label", "1:fixed"], "'1:fixed' is not N:NAME=NUMBER"),
        ([*tissue, *tissue], "--label: a label occurs twice"),
    ):
        assert message in refused(*words, *more)
    assert not output.exists()


@pytest.mark.parametrize("suffix", [".npy", ".png"])
def test_labels_as_source_values_and_fields_of_nothing_are_warned_of(diffkeras, tmp_path, suffix):
    labels = np.zeros((16, 20), np.uint8)
    file = tmp_path / f"labels{suffix}"
    held = "1/255 of them, because white (255)" if suffix == ".png" else "these values"
    numbers = f"whole numbers 1, 2, and holds the field at {held}"
    for image, warning in ((labels, "field is 0 everywhere"), (labels + 1, numbers)):
        image[3:5, 4] *= 2
        np.save(file, image) if suffix == ".npy" else Image.fromarray(image).save(file)
        result = diffkeras("solve", file, "-o", tmp_path / "field.npy", "--quiet")
        assert result.exit_code == 0, result.output
        assert result.stdout == ""
        [line] = result.stderr.splitlines()
        assert line.startswith("warning: ")
        assert warning in line


def test_the_array_in_a_file_of_a_bound_is_named_bound(diffkeras, tmp_path):
    np.save(tmp_path / "a.npy", np.eye(8))
    for suffix in (".vti", ".npz"):
        bound = tmp_path / f"bound{suffix}"
        words = ["solve", tmp_path / "a.npy", "-o", tmp_path / "f.npy", "--bound", bound]
        assert diffkeras(*words).exit_code == 0
    assert np.load(tmp_path / "bound.npz").files == ["bound"]
    content = (tmp_path / "bound.vti").read_text()
    assert 'Scalars="bound"' in content
    assert 'Name="bound"' in content
