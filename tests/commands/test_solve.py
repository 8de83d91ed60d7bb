"""`diffkeras solve`: files in, files out, and what it refuses."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import diffkeras as dk
from diffkeras.commands.field_files import FieldFiles, largest_bound
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
    output, bound = folder / f"field{suffix}", folder / f"bound{suffix}"
    plot, expected = folder / "plot.png", tmp_path / f"expected{suffix}"
    words = ["solve", discs, "-o", output, "--plot", plot, "--bound", bound, "--step", 2]
    result = diffkeras(*words, "--boundary", "periodic", "--unit", "µm", "--field-unit", "mmHg")
    assert result.exit_code == 0, result.output
    kind = "float32" if suffix == ".tif" else "float64"
    written = f"wrote {output} (24×32 {kind})"
    assert result.stdout.splitlines() == [written, f"wrote {bound}", f"wrote {plot}"]
    assert plot.read_bytes().startswith(b"\x89PNG")
    exact = dk.solve(np.load(discs), boundary="periodic", step=2.0)
    exact.save(expected, unit="µm" if suffix == ".tif" else None)
    assert read(output).keys() == read(expected).keys()
    for name, values in read(output).items():
        np.testing.assert_allclose(values, read(expected)[name], rtol=1e-9, atol=1e-9)
    values = next(iter(read(bound).values()))
    if suffix == ".vti":
        assert [*read(bound)] == ["bound"]
    else:
        rounding = abs(read(output)["field"] - exact.field)  # of a TIFF
        np.testing.assert_allclose(values, exact.node_bound + rounding, rtol=0.1)


def read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file, or its bytes."""
    if path.suffix in (".npy", ".NPY"):
        return {"field": np.load(path)}
    if path.suffix == ".npz":
        with np.load(path) as archive:
            return dict(archive)
    if path.suffix == ".tif":
        with Image.open(path) as picture:
            scale = float(picture.tag_v2.get(282, 1.0))
            return {"field": np.asarray(picture), "scale": np.array(scale)}
    return {name: np.zeros(0) for name in re.findall(r'Name="([^"]+)"', path.read_text())}


def test_written_bounds_are_bounds(tmp_path):
    images, rng = np.eye(8), np.random.default_rng(0)
    results = [dk.certify(rng.random((8, 8)) * size, images) for size in (1, 3, 2)]
    for path in (None, tmp_path / "a.npy"):
        assert largest_bound(results, path) == max(one.error_bound for one in results)
    files = FieldFiles(tmp_path / "a.npy", bound=tmp_path / "b.tif")
    for one in results:
        files.write([one])
        assert (read(tmp_path / "b.tif")["field"].astype(float) >= one.node_bound).all()


def test_bounds_of_a_tiff_include_its_rounding(tmp_path):
    result = dk.solve(np.diag([1, 1 / 3, 0, 0, 1 / 7, 0]))
    for bound in ("b.npy", "b.tif"):
        files = FieldFiles(tmp_path / "a.tif", bound=tmp_path / bound)
        files.write([result])
        stored, bounds = (read(tmp_path / name)["field"].astype(float) for name in ("a.tif", bound))
        errors = abs(stored - result.field) + result.node_bound
        assert (bounds >= errors * (1 - 1e-15)).all()
        assert (bounds <= errors * (1 + 2.0**-22)).all()
        assert largest_bound([result], files.output) >= errors.max() * (1 - 1e-15)


@pytest.mark.parametrize("saturation", [(), ("--saturation", 0.3)])
def test_what_is_printed_of_a_tiff_includes_its_rounding(diffkeras, discs, tmp_path, saturation):
    output = tmp_path / "field.tif"
    words = ["solve", discs, "-o", output, "--uptake", 0.01, *saturation]
    result = diffkeras(*words, "--json")
    printed, field = json.loads(result.stdout), read(output)["field"].astype(float)
    uptake = {"uptake": dk.MichaelisMenten(0.01, 0.3)} if saturation else {"decay": 0.0125}
    error = abs(field - dk.solve(np.load(discs), **uptake).field).max()
    assert 1e-8 < error <= printed["error_bound"] < 1e-7
    assert (printed["maximum"], printed["type"]) == (field.max(), "float32")
    stated = float(re.findall(r"solved; .* (\d\S*e-\d+)", result.stderr)[0])
    assert error <= stated < 1e-7


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


def test_several_files_have_a_field_each_and_a_bad_one_stops_no_other(
    diffkeras, refused, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    values = {"a": 1.0, "bad": np.nan, "wrong": np.inf, "z": 2.0}
    for name, value in values.items():
        np.save(f"{name}.npy", np.where(np.eye(8), value, 0.0))
    words = ["solve", *(f"{name}.npy" for name in values), "--decay", 0.1]
    result = diffkeras(*words, "-o", "fields/{}.npz", "--plot", "{}.png")
    assert result.exit_code == 1, result.output
    *_, last = result.stderr.splitlines()
    assert last == "Error: 2 of 4 files failed: bad.npy, wrong.npy"
    assert "error: bad.npy: the source image holds nan" in result.stderr
    assert "wrote fields/z.npz (8×8 float64)" in result.stdout
    for name in ("a", "z"):
        field = np.load(f"fields/{name}.npz")["field"]
        assert same_solutions(field, dk.solve(values[name] * np.eye(8), decay=0.1).field)
    assert sorted(path.name for path in Path().glob("*.png")) == ["a.png", "z.png"]
    assert "f.npy would hold the fields of 4 files; write {}" in refused(*words, "-o", "f.npy")
    Path("other").mkdir()
    np.save("other/a.npy", np.eye(8))
    assert "have one name" in refused("solve", "a.npy", "other/a.npy", "-o", "{}.npz")


def test_a_stack_names_all_methods_and_is_proven_only_if_all_are(diffkeras, tmp_path):
    images = np.zeros((2, 90, 90))
    images[0] = np.random.default_rng(0).integers(0, 2, (90, 90))
    images[1, 3, 3] = 1
    np.save(tmp_path / "stack.npy", images)
    words = ("solve", tmp_path / "stack.npy", "-o", tmp_path / "fields.npy", "--batch", "--json")
    result = diffkeras(*words)
    assert json.loads(result.stdout)["method"] == "newton-cg, ring"
    assert "its error is about" in result.stderr


LABELS = "a.npy --label 1:fixed=60"
REFUSED = (
    ("", "Missing argument 'SOURCE_FILE'; or give --production FILE"),
    ("--production a.npy --fixed b.npy", "--fixed needs SOURCE_FILE"),
    ("a.npy --saturation 0.3", "--saturation needs --uptake"),
    ("a.npy --field-unit M", "--field-unit needs --plot"),
    ("a.npy --lattice 16", "--lattice excludes SOURCE_FILE; leave one out"),
    ("--batch --lattice 8 --side top=value:1", "--lattice excludes --batch"),
    (f"{LABELS} --uptake 3", "--label excludes --uptake"),
    ("a.npy --production b.npy", "(4, 5), the source image (3, 5)"),
    ("--production a.npy -o a.npy", "--output and --production are the same file"),
    ("a.npy b.npy -o {}.npy", "--output and SOURCE_FILE are the same file"),
    ("a.npy --side left=robin:0.1,b.npy -o b.npy", "--output and --side left (2) are the same"),
    ("a.npy -o f.npy --plot f.npy", "--plot and --output are the same file"),
    ("discs.yaml", "discs.yaml is of an unknown kind; choose one of .npy"),
    ("a.npy -o f.csv", "f.csv: fields are written to .npy, .npz, .tif, .tiff or .vti"),
    ("a.npy --bound f.csv", "f.csv: fields are written to"),
    ("a.npy --plot f.eps", "a plot is a .png, .pdf or .svg"),
    ("a.npy --unit µm", "--unit is for a picture or a .tif"),
    ("v.npy --batch -o f.vti", "a .vti can't hold a --batch"),
    ("a.npy --batch", "not one of 3 or 4 axes; --batch is for stacks of images"),
    ("none.npy", "none.npy holds an empty array, of shape (0, 3)"),
    ("a.npy --side left=value:empty.npz", "empty.npz can't be read: "),
    ("a.npy --label 1:value=2", "'value' is unknown; choose one of fixed"),
    (LABELS, "give each of them some, or {} (in the command `--label N:`)"),
    ("a.npy --label 1:fixed", "'1:fixed' is not N:NAME=NUMBER"),
    (f"{LABELS} --label 1:fixed=2", "'--label': 1 occurs twice"),
    ("a.npy -o new/f.npy --decay -1", "decay must be"),
    ("a.npy --decay absent.npy", "'absent.npy' is neither a number nor a file"),
    ("a.npy --side front=reflecting", "no side 'front'; its sides are top, bottom, left, right"),
    ("a.npy --side left", "'left' is not one of SIDE=NAME, SIDE=value:VALUE"),
    ("a.npy --side left=80", "boundary left '80' is unknown; choose absorbing"),
    ("a.npy --side left=reflecting:3", "'left=reflecting:3' is not one of SIDE=NAME"),
    ("a.npy --side left=value:a.npy", "the left side"),
    ("a.npy --side left=robin:-1", "--side left: "),
    ("a.npy --side top=absorbing --side top=reflecting", "'--side': top occurs twice"),
    ("a.npy --side top=value", "write e.g. top=value:1.0"),
    ("a.npy --side top=robin:1,2,3", "write e.g. top=value:1.0"),
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_what_cant_be_solved_written_or_read_is_refused(
    refused, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", 1.0 + np.eye(3, 5))
    np.save("b.npy", np.ones((4, 5)))
    np.save("v.npy", np.ones((2, 3, 4)))
    np.save("none.npy", np.ones((0, 3)))
    Path("empty.npz").write_bytes(b"PK\x03\x04")  # a zip that ends at once
    Path("discs.yaml").touch()
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


def test_the_picture_names_the_medium_and_the_log_the_proof(
    diffkeras, discs, tmp_path, monkeypatch
):
    from diffkeras.reporting import fields

    captions: list[str] = []
    in_words = fields.problem_in_words
    monkeypatch.setattr(fields, "problem_in_words", lambda p: captions.append(in_words(p)) or "")
    monkeypatch.setattr("diffkeras.reporting.style.to_image", lambda *_: b"")
    cells = np.where(np.random.default_rng(0).random((24, 32)) < 0.3, 0.2, 0.0)
    np.save(tmp_path / "cells.npy", cells)
    words = ["solve", discs, "-o", tmp_path / "field.npy", "--uptake", tmp_path / "cells.npy"]
    for more in ((), ("--saturation", 0.3)):
        result = diffkeras(*words, *more, "--plot", tmp_path / "plot.png")
        assert result.exit_code == 0, result.output
    assert captions[0] == "D = 1, γ = 0.0025 to 0.2025, h = 1, absorbing"
    assert captions[1].endswith("absorbing, uptake with maximum 0 to 0.2 and constant 0.3")
    assert "solved; its error is proven to be at most " in result.stderr


def test_sides_alone_need_a_lattice(diffkeras, tmp_path):
    output = tmp_path / "field.npy"
    words = ("solve", "--decay", 0, "--boundary", "reflecting", "-o", output, "--lattice", "4x3")
    result = diffkeras(*words, "--side", "top=value:1", "--side", "bottom=absorbing")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.load(output)[:, 1], [0.8, 0.6, 0.4, 0.2], atol=1e-12)


@pytest.mark.parametrize("suffix", [".npy", ".png", ".tif"])
def test_a_label_image_is_solved(diffkeras, tmp_path, suffix):
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


@pytest.mark.parametrize("suffix", [".npy", ".png"])
def test_labels_as_source_values_and_fields_of_nothing_are_warned_of(diffkeras, tmp_path, suffix):
    labels = np.zeros((16, 20), np.uint8)
    file = tmp_path / f"labels{suffix}"
    numbers = "whole numbers 1, 2; if they are labels of tissues, use `diffkeras solve --label`"
    images = [(labels, "field is 0 everywhere"), (labels + 1, numbers)]
    if suffix == ".npy":
        images.append((np.eye(16)[..., None] * np.ones(3), "labels.npy has shape (16, 16, 3), whi"))
    for image, warning in images:
        image[3:5, 4] *= 2
        np.save(file, image) if suffix == ".npy" else Image.fromarray(image).save(file)
        result = diffkeras("solve", file, "-o", tmp_path / "field.npy", "--quiet")
        assert result.exit_code == 0, result.output
        assert result.stdout == ""
        [line] = result.stderr.splitlines()
        assert line.startswith("warning: ")
        assert warning in line
