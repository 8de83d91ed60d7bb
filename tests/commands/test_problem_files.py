"""Problems in files: batches, volumes, label images."""

import zipfile

import numpy as np
import pytest
from PIL import Image

import diffkeras as dk
from diffkeras.commands.problem_files import read_image
from diffkeras.errors import DataError
from tests.helpers.rounding import same_solutions


def test_a_volume_is_no_batch_unless_it_is_called_one(diffkeras, refused, tmp_path):
    volume = np.zeros((3, 8, 9))
    volume[1, 4, 4] = 1
    np.save(tmp_path / "vol.npy", volume)
    words = ["solve", tmp_path / "vol.npy", "-o", tmp_path / "field.npy"]
    message = refused(*words)
    assert "(3, 8, 9)" in message
    assert "for separate images use --batch" in message
    assert not (tmp_path / "field.npy").exists()
    result = diffkeras(*words, "--batch", "--plot", tmp_path / "plot.png")
    assert result.exit_code == 0, result.output
    assert "(3 images of 8×9 float64)" in result.stdout
    assert np.load(tmp_path / "field.npy").shape == (3, 8, 9)
    np.save(tmp_path / "vol.npy", volume[1])
    assert "not one of 3 axes" in refused(*words, "--batch")


def test_the_plot_shows_the_first_image_with_sources(monkeypatch):
    from diffkeras.reporting import fields

    drawn = []
    monkeypatch.setattr(fields, "field_figure", lambda *args, **_: drawn.append(args))
    production = np.zeros((3, 4, 4))
    production[1:, 2, 2] = [1, 2]
    field = np.arange(48.0).reshape(3, 4, 4)
    diffusivity = np.linspace(1, 2, 16).reshape(4, 4)
    problem = dk.Problem(production=production, diffusivity=diffusivity, decay=0.01)
    fields.solution_figure(problem, field)
    shown, its_field, title, notes = drawn[0]
    assert shown.keys() == {"s", "D"}
    np.testing.assert_array_equal(shown["D"], diffusivity)
    np.testing.assert_array_equal(shown["s"], np.where(production[1], production[1], np.nan))
    np.testing.assert_array_equal(its_field, field[1])
    assert (title, notes) == (
        "field u, image 2 of 3",
        "D = 1 to 2, γ = 0.01, h = 1, absorbing",
    )


@pytest.mark.filterwarnings("error")
@pytest.mark.skipif(np.finfo(np.longdouble).maxexp == 1024, reason="long double is float64 here")
def test_numbers_beyond_float64_are_refused_without_a_warning(refused, tmp_path):
    np.save(tmp_path / "a.npy", np.full((8, 8), np.longdouble("1e4000")))
    assert "holds inf at" in refused("solve", tmp_path / "a.npy", "-o", tmp_path / "field.npy")


def test_an_array_of_three_axes_is_one_image_in_three_dimensions(diffkeras, refused, tmp_path):
    volume = np.zeros((5, 8, 9))
    volume[2, 4, 4] = 1
    np.save(tmp_path / "vol.npy", volume)
    words = ["solve", tmp_path / "vol.npy", "-o", tmp_path / "field.npy"]
    assert "--dimensions 3" in refused(*words)
    result = diffkeras(*words, "--dimensions", 3, "--plot", tmp_path / "plot.png")
    assert result.exit_code == 0, result.output
    assert "(5×8×9 float64)" in result.stdout
    field = np.load(tmp_path / "field.npy")
    assert same_solutions(field, dk.solve(volume, dimensions=3).field)
    np.save(tmp_path / "decay.npy", np.full((5, 8, 9), 0.1))
    options = ["--boundary", "periodic,absorbing,reflecting", "--decay", tmp_path / "decay.npy"]
    assert diffkeras(*words, *options).exit_code == 0
    medium = dk.Medium(decay=0.1, boundary=("periodic", "absorbing", "reflecting"))
    expected = dk.solve(volume, medium=medium).field
    np.testing.assert_allclose(np.load(tmp_path / "field.npy"), expected, atol=1e-9)


def test_what_is_no_array_in_an_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bytes.npz", "w") as archive:
        archive.writestr("source_image", b"no array")
    with pytest.raises(DataError, match="source_image in it is no array"):
        read_image(tmp_path / "bytes.npz", "source_image", 2)


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
