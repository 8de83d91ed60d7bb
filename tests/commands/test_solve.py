"""`diffkeras solve`: files in, files out, and what it refuses."""

import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import diffkeras as dk
from diffkeras.commands.problem_files import read_image
from diffkeras.errors import DataError
from diffkeras.physics.problem.sides import with_sides
from tests.helpers.random_problems import TERMS, random_arguments
from tests.helpers.refusals import files_below
from tests.helpers.rounding import same_solutions


def words_of(problem: dk.Problem, folder: Path) -> list[Any]:
    """The words of the command that name the parts of a problem, each a number or a file."""

    def part(name: str, value: Any) -> Any:
        if np.ndim(value) == 0:
            return float(value)
        np.save(folder / f"{name}.npy", np.asarray(value, float))
        return folder / f"{name}.npy"

    medium, uptake = problem.medium, problem.uptake
    parts = {
        "fixed": problem.fixed,
        "production": problem.production,
        "diffusivity": medium.diffusivity,
        "decay": medium.decay,
        "uptake": getattr(uptake, "maximum", None),
        "saturation": getattr(uptake, "constant", None),
        "step": medium.step,
    }
    words = [part("sources", problem.values)]
    for name, value in parts.items():
        words += [f"--{name}", part(name, value)] if value is not None else []
    for name, side in with_sides(medium.sides, {}).items():
        form = str(side)
        if not isinstance(side, str):
            numbers = (str(part(f"{name}_{key}", value)) for key, value in side.parts.items())
            form = f"{side.name}:{','.join(numbers)}"
        words += ["--side", f"{name}={form}"]
    return words


@pytest.mark.parametrize("seed", range(20))
def test_files_and_options_are_the_problem_that_python_solves(diffkeras, tmp_path, seed):
    dimensions = 3 if seed % 5 == 0 else 2
    given = random_arguments(seed, maybe=TERMS, dimensions=dimensions, moderate=True)
    # what no option describes
    if isinstance(given["uptake"], dk.physics.CappedUptake):
        given["uptake"] = dk.MichaelisMenten(given["uptake"].maximum, 0.5)
    if isinstance(given["medium"].diffusivity, tuple):
        given["medium"] = replace(given["medium"], diffusivity=given["medium"].diffusivity[0])
    problem = dk.Problem(**given)
    words = words_of(problem, tmp_path)
    result = diffkeras("solve", *words, "-o", tmp_path / "field.npy")
    assert result.exit_code == 0, (words, result.output)
    assert same_solutions(np.load(tmp_path / "field.npy"), dk.solve(problem).field)


@pytest.mark.parametrize("suffix", [".npy", ".NPY", ".npz", ".tif", ".vti"])
def test_an_image_is_solved(diffkeras, discs, tmp_path, suffix):
    folder = tmp_path / "deep" / "er"
    output, plot, bound = folder / f"field{suffix}", folder / "plot.png", folder / "bound.npy"
    words = ["solve", discs, "-o", output, "--plot", plot, "--bound", bound, "--step", 2]
    result = diffkeras(*words, "--boundary", "periodic", "--unit", "µm", "--field-unit", "mmHg")
    assert result.exit_code == 0, result.output
    kind = "float32" if suffix == ".tif" else "float64"
    written = f"wrote {output} (24×32 {kind})"
    assert result.stdout.splitlines() == [written, f"wrote {bound}", f"wrote {plot}"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    exact = dk.solve(np.load(discs), boundary="periodic", step=2.0)
    expected = tmp_path / f"expected{suffix}"
    exact.save(expected, unit="µm" if suffix == ".tif" else None)
    assert read(output).keys() == read(expected).keys()
    for name, values in read(output).items():
        np.testing.assert_allclose(values, read(expected)[name], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(np.load(bound), exact.node_bound, rtol=0.1)


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, or its bytes."""
    if path.suffix in (".npy", ".NPY"):
        return {"field": np.load(path)}
    if path.suffix == ".npz":
        with np.load(path) as archive:
            return dict(archive)
    if path.suffix == ".tif":
        with Image.open(path) as picture:
            return {"field": np.asarray(picture), "scale": np.array(float(picture.tag_v2[282]))}
    return {name: np.zeros(0) for name in re.findall(r'Name="([^"]+)"', path.read_text())}


def test_a_stack_has_fields_and_bounds_of_each_image(diffkeras, refused, tmp_path, monkeypatch):
    from diffkeras.reporting import fields

    drawn = []
    draw = fields.solution_figure
    monkeypatch.setattr(
        fields, "solution_figure", lambda *args, **more: drawn.append(args) or draw(*args, **more)
    )
    images = np.zeros((3, 8, 9))
    images[1:, 4, 4] = 1, 2
    np.save(tmp_path / "stack.npy", images)
    words = ["solve", tmp_path / "stack.npy", "-o", tmp_path / "fields.npz", "--batch"]
    result = diffkeras(*words, "--plot", tmp_path / "plot.png", "--bound", tmp_path / "b.npy")
    assert result.exit_code == 0, result.output
    assert "(3 images of 8×9 float64)" in result.stdout
    solutions = dk.solve_many([dk.Problem(image) for image in images])
    with np.load(tmp_path / "fields.npz") as found:
        np.testing.assert_array_equal(found["values"], images)
        assert found["step"].shape == (3,)
    bounds = np.load(tmp_path / "b.npy")
    np.testing.assert_allclose(bounds[1], solutions[1].node_bound, rtol=0.1)
    problem, field, title, _ = drawn[0]  # the first image with sources
    np.testing.assert_array_equal(problem.values, images[1])
    assert same_solutions(field, solutions[1].field)
    assert title == "field u, image 2 of 3"
    summary = json.loads(diffkeras(*words, "--json", "--quiet").stdout)
    assert (summary["images"], summary["maximum"]) == (3, 2.0)
    np.save(tmp_path / "two.npy", images[:2])
    assert "the stacks have 2 and 3 images; give" in refused(
        *words, "--production", tmp_path / "two.npy"
    )


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


def test_a_stack_names_all_methods_and_is_proven_only_if_all_are(diffkeras, tmp_path):
    images = np.zeros((2, 90, 90))
    images[0] = np.random.default_rng(0).integers(0, 2, (90, 90))
    images[1, 3, 3] = 1
    np.save(tmp_path / "stack.npy", images)
    words = ("solve", tmp_path / "stack.npy", "-o", tmp_path / "fields.npy", "--batch", "--json")
    result = diffkeras(*words)
    assert json.loads(result.stdout)["method"] == "newton-cg, ring"
    assert "its error is about" in result.stderr


REFUSED = (
    ("", "Missing argument 'SOURCE_FILE'; or give --production FILE"),
    ("--production a.npy --fixed b.npy", "--fixed needs SOURCE_FILE"),
    ("a.npy --production b.npy", "(4, 5), the source image (3, 5)"),
    ("--production a.npy -o a.npy", "--output and --production are the same file"),
    ("a.npy -o a.npy", "--output and SOURCE_FILE are the same file"),
    ("a.npy --side left=robin:0.1,b.npy -o b.npy", "--output and --side left (2) are the same"),
    ("a.npy -o f.npy --plot f.npy", "--plot and --output are the same file"),
    ("a.npy --decay b.npy -o b.npy", "are the same file"),
    ("a.npy --lattice 16", "leave out --lattice"),
    ("--batch --lattice 8 --side top=value:1", "--batch is for stacks of images; leave it out"),
    (
        "--production a.npy --decay 0 --boundary periodic",
        "no steady state: the productions of all nodes sum to 15",
    ),
    ("discs.yaml", "discs.yaml is of an unknown kind; choose one of .npy"),
    ("a.npy -o f.csv", "f.csv: fields are written to .npy, .npz, .tif, .tiff or .vti"),
    ("a.npy -o f.png", "a picture is drawn by `plot`, or by --plot"),
    ("a.npy --bound f.csv", "f.csv: fields are written to"),
    ("a.npy --plot f.eps", "a plot is a .png, .pdf or .svg"),
    ("a.npy --unit µm", "--unit is for a picture or a .tif"),
    ("a.npy --field-unit M", "--field-unit is for the picture"),
    ("v.npy --batch -o f.vti", "a .vti can't hold a --batch"),
    ("a.npy --batch", "not one of 3 or 4 axes"),
    ("rgb.npy", "volume of 3 columns of bytes"),
    ("rgb.png", "give one grey picture"),
    ("big.npy", "holds inf at"),
    ("empty.npz", "can't be read: "),
    ("a.npy --side left=value:empty.npz", "a number for each node of the left side"),
    ("a.npy --label 1:value=2", "'value' is unknown; choose one of fixed"),
    ("a.npy -o new/f.npy --decay -1", "decay must be"),
    ("a.npy --decay none.npy", "'none.npy' is neither a number nor a file"),
    ("a.npy --decay b.npy", "arrays of shape (4, 5), and the lattice is (3, 5)"),
    ("a.npy --uptake -0.5", "uptake must be"),
    ("a.npy --uptake 1 --saturation 0", "the uptake's saturation constant must be positive"),
    ("a.npy --saturation 0.3", "--saturation needs --uptake"),
    ("a.npy --side front=reflecting", "no side 'front'; its sides are top, bottom, left, right"),
    ("a.npy --side left", "'left' is not one of SIDE=NAME, SIDE=value:VALUE"),
    ("a.npy --side left=80", "boundary left '80' is unknown; choose absorbing"),
    ("a.npy --side left=open", "boundary left 'open' is unknown; choose absorbing"),
    ("a.npy --side left=reflecting:3", "'left=reflecting:3' is not one of SIDE=NAME"),
    ("a.npy --side left=flux:nowhere.npy", "'nowhere.npy' is neither a number nor a file"),
    ("a.npy --side left=value:a.npy", "the left side"),
    ("a.npy --side top=absorbing --side top=reflecting", "--side top occurs twice"),
    ("a.npy --side top=value", "write e.g. top=value:1.0"),
    ("a.npy --side top=robin:1,2,3", "write e.g. top=value:1.0"),
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_what_cant_be_solved_written_or_read_is_refused(
    refused, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.ones((3, 5)))
    np.save("b.npy", np.ones((4, 5)))
    np.save("v.npy", np.ones((2, 3, 4)))
    np.save("big.npy", np.full((8, 8), np.longdouble("1e4000")))  # inf where that is float64
    Path("empty.npz").write_bytes(b"PK\x03\x04")  # a zip that ends at once
    picture = np.arange(1200, dtype=np.uint8).reshape(20, 20, 3)
    np.save("rgb.npy", picture)
    Image.fromarray(picture).save("rgb.png")
    Path("discs.yaml").write_text("sources: [{row: 8, column: 8, radius: 2, value: 1}]")
    before = files_below(tmp_path)
    output = [] if "-o" in words.split() else ["-o", "f.npy"]
    assert message in refused("solve", *words.split(), *output)
    assert files_below(tmp_path) == before


def test_a_summary_is_json_alone_on_standard_output(diffkeras, discs, tmp_path):
    output = tmp_path / "field.npy"
    result = diffkeras("solve", discs, "-o", output, "--json", "--quiet")
    printed, field = json.loads(result.stdout), np.load(output)
    assert result.stderr == ""
    assert printed["output"] == str(output)
    assert printed["plot"] is printed["bound"] is None
    assert (printed["lattice"], printed["images"]) == ([24, 32], 1)
    assert (printed["minimum"], printed["maximum"]) == (field.min(), field.max())
    assert 0 < printed["error_bound"] < 1e-9
    assert printed["diffkeras"] == dk.__version__


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_pictures_of_several_pages_are_refused(tmp_path, suffix):
    pages = [Image.fromarray(np.full((8, 8), i, np.uint8)) for i in (1, 2, 3)]
    pages[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=pages[1:])
    with pytest.raises(dk.DiffkerasError, match=r"3 page\(s\) of kind L; give one grey"):
        read_image(tmp_path / f"a{suffix}", "source_image")
    pages[0].save(tmp_path / f"b{suffix}")
    assert read_image(tmp_path / f"b{suffix}", "source_image").shape == (8, 8)
    with zipfile.ZipFile(tmp_path / "bytes.npz", "w") as archive:
        archive.writestr("source_image", b"no array")
    with pytest.raises(DataError, match="source_image in it is no array"):
        read_image(tmp_path / "bytes.npz", "source_image")


def test_the_picture_names_the_medium_and_the_log_the_proof(
    diffkeras, discs, tmp_path, monkeypatch
):
    captions: list[str] = []
    monkeypatch.setattr(
        "diffkeras.reporting.fields.field_figure", lambda *parts, **_: captions.append(parts[-1])
    )
    monkeypatch.setattr("diffkeras.reporting.style.to_image", lambda *_: b"")
    cells = np.where(np.random.default_rng(0).random((24, 32)) < 0.3, 0.2, 0.0)
    np.save(tmp_path / "cells.npy", cells)
    words = ["solve", discs, "-o", tmp_path / "field.npy", "--uptake", tmp_path / "cells.npy"]
    for more in ((), ("--saturation", 0.3)):
        result = diffkeras(*words, *more, "--plot", tmp_path / "plot.png")
        assert result.exit_code == 0, result.output
    assert captions[0] == "D = 1, γ = 0.0025 to 0.2025, h = 1, absorbing"
    assert captions[1].endswith("absorbing, uptake with maximum 0 to 0.2 and constant 0.3")
    assert "solved in float64; its error is proven to be at most " in result.stderr


def test_sides_alone_need_a_lattice(diffkeras, tmp_path):
    output = tmp_path / "field.npy"
    words = ("solve", "--decay", 0, "--boundary", "reflecting", "-o", output, "--lattice", "4x3")
    result = diffkeras(*words, "--side", "top=value:1", "--side", "bottom=absorbing")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.load(output)[:, 1], [0.8, 0.6, 0.4, 0.2], atol=1e-12)


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
    numbers = "whole numbers 1, 2; if they are labels of tissues, use `diffkeras solve --label`"
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
