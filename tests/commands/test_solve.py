"""`diffkeras solve`: files in, files out, and what it refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diffkeras as dk
from diffkeras.commands.problem_files import read_image
from tests.helpers.drawn_problems import exact_fields, problems_of
from tests.helpers.refusals import files_below
from tests.helpers.rounding import same_solutions


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


def test_productions_come_in_stacks_and_archives(diffkeras, refused, tmp_path):
    produced, both, output = (tmp_path / name for name in ("s.npy", "both.npz", "field.npy"))
    images = np.random.default_rng(0).normal(size=(3, 10, 12))
    np.save(produced, images)
    words = ["solve", "--production", produced, "-o", output]
    result = diffkeras(*words, "--batch", "--processes", 1, "--plot", tmp_path / "plot.png")
    assert result.exit_code == 0, result.output
    assert same_solutions(np.load(output), exact_fields(problems_of(production=images)))
    image = np.zeros((10, 12))
    image[2:4, 5] = 1.0
    np.savez(both, source_image=image, production=images[0])
    result = diffkeras("solve", both, "--production", both, "-o", output, "--threads", 1)
    assert result.exit_code == 0, result.output
    assert same_solutions(np.load(output), dk.solve(image, production=images[0]).field)


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
    ("a.npy --slice plane=2", "No such option '--slice'. --plot chooses"),
    ("v.npy --batch -o f.vti", "a .vti can't hold a --batch"),
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


@pytest.mark.parametrize(("words", "message"), REFUSED)
def test_what_cant_be_solved_written_or_read_is_refused(
    refused, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.ones((3, 5)))
    np.save("b.npy", np.ones((4, 5)))
    np.save("v.npy", np.ones((2, 3, 4)))
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


def test_media_that_vary_come_as_maps(diffkeras, discs, tmp_path):
    output, plot, uptake = (tmp_path / name for name in ("field.npy", "plot.png", "uptake.npy"))
    decay = np.where(np.random.default_rng(0).random((24, 32)) < 0.2, 0.5, 1e-3)
    diffusivity = np.linspace(1, 2, 24 * 32).reshape(24, 32)
    np.save(uptake, decay)
    np.savez(tmp_path / "tissue.npz", diffusivity=diffusivity, decay=decay)
    words = ["solve", discs, "-o", output, "--decay", uptake]
    result = diffkeras(*words, "--diffusivity", tmp_path / "tissue.npz", "--plot", plot)
    assert result.exit_code == 0, result.output
    exact = dk.solve(np.load(discs), diffusivity=diffusivity, decay=decay).field
    assert same_solutions(np.load(output), exact)
    assert plot.is_file()


def test_sides_have_values_fluxes_and_exchange(diffkeras, refused, discs, tmp_path):
    output, outside = tmp_path / "field.npy", tmp_path / "outside.npy"
    np.save(outside, np.linspace(0, 1, 32))
    words = ["solve", discs, "-o", output, "--boundary", "reflecting"]
    sides = ["--side", f"top=value:{outside}", "--side", "left=flux:0.1"]
    result = diffkeras(*words, *sides, "--side", "right=robin:0.2,0.5")
    assert result.exit_code == 0, result.output
    boundary = {
        "top": dk.FixedValue(np.linspace(0, 1, 32)),
        "bottom": "reflecting",
        "left": dk.FixedFlux(0.1),
        "right": dk.Robin(0.2, 0.5),
    }
    exact = dk.solve(np.load(discs), boundary=boundary).field
    assert same_solutions(np.load(output), exact)
    outside.write_bytes(b"PK\x03\x04")  # a zip that ends at once, for NumPy
    said = refused(*words, *sides)
    assert "outside.npy can't be read: " in said
    assert "write a .npy with a number for each node of the top side" in said


def test_cells_take_up(diffkeras, discs, tmp_path, monkeypatch):
    captions: list[str] = []
    monkeypatch.setattr(
        "diffkeras.reporting.fields.field_figure", lambda *parts, **_: captions.append(parts[-1])
    )
    monkeypatch.setattr("diffkeras.reporting.style.to_image", lambda *_: b"")
    output, cells = tmp_path / "field.npy", tmp_path / "cells.npy"
    uptake = np.where(np.random.default_rng(0).random((24, 32)) < 0.3, 0.2, 0.0)
    np.save(cells, uptake)
    image, words = np.load(discs), ["solve", discs, "-o", output, "--uptake"]
    for more, meant in (((), uptake), (("--saturation", 0.3), dk.MichaelisMenten(uptake, 0.3))):
        result = diffkeras(*words, cells, *more, "--plot", tmp_path / "plot.png")
        assert result.exit_code == 0, result.output
        assert same_solutions(np.load(output), dk.solve(image, uptake=meant).field)
    assert captions[0] == "D = 1, γ = 0.0025 to 0.2025, h = 1, absorbing"
    assert captions[1].endswith("absorbing, uptake with maximum 0 to 0.2 and constant 0.3")
    assert "solved in float64; its error is proven to be at most " in result.stderr


def test_sides_alone_need_a_lattice(diffkeras, tmp_path):
    output = tmp_path / "field.npy"
    words = ("solve", "--decay", 0, "--boundary", "reflecting", "-o", output, "--lattice", "4x3")
    result = diffkeras(*words, "--side", "top=value:1", "--side", "bottom=absorbing")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.load(output)[:, 1], [0.8, 0.6, 0.4, 0.2], atol=1e-12)
