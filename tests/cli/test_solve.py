"""`diffkeras solve`: files in, files out, and what it refuses."""

import numpy as np
import pytest
from PIL import Image

import diffkeras as dk
from diffkeras.workflows.field_files import write_fields
from diffkeras.workflows.source_files import SourceFile
from tests.cli.conftest import DISCS


@pytest.mark.parametrize("suffix", [".npy", ".NPY", ".npz", ".tif", ".png"])
def test_a_list_of_discs_is_solved(diffkeras, discs, tmp_path, suffix):
    output, plot = tmp_path / "deep" / f"field{suffix}", tmp_path / "deep" / "plot.png"
    result = diffkeras("solve", discs, "-o", output, "--plot", plot, "--boundary", "periodic")
    assert result.exit_code == 0, result.output
    kind = {".tif": "float32", ".png": "16 bits, 65535 stands for 1"}.get(suffix, "float64")
    written = f"wrote {output} (24×32 {kind})"
    assert result.stdout.splitlines() == [written, f"wrote {plot}"]
    exact = dk.solve(SourceFile(discs).read(), boundary="periodic").field
    if suffix.lower() in (".npy", ".npz"):
        loaded = np.load(output)
        field = loaded["field"] if suffix == ".npz" else loaded
    else:
        field = np.asarray(Image.open(output), float) / (65535 if suffix == ".png" else 1)
    np.testing.assert_allclose(field, exact, atol=1e-5)
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_discs_that_release_add_where_they_overlap(diffkeras, discs, tmp_path):
    released, output = tmp_path / "released.yaml", tmp_path / "field.npy"
    disc = "  - {row: 15, column: 20, radius: 3, value: 0.1}\n"
    released.write_text("lattice: [24, 32]\nsources:\n" + disc + disc)
    production = 0.2 * (SourceFile(released).read() != 0)
    for words, image in (((), None), ((discs,), SourceFile(discs).read())):
        result = diffkeras("solve", *words, "--production", released, "-o", output, "--decay", 0.1)
        assert result.exit_code == 0, result.output
        exact = dk.solve(image, production=production, decay=0.1).field
        np.testing.assert_allclose(np.load(output), exact, atol=1e-12)


def test_productions_come_in_batches_and_archives(diffkeras, refused, tmp_path):
    produced, both, output = (tmp_path / name for name in ("s.npy", "both.npz", "field.npy"))
    images = np.random.default_rng(0).normal(size=(3, 10, 12))
    np.save(produced, images)
    words = ["solve", "--production", produced, "-o", output]
    assert "for separate images use --batch" in refused(*words)
    result = diffkeras(*words, "--batch", "--processes", 1, "--plot", tmp_path / "plot.png")
    assert result.exit_code == 0, result.output
    assert np.array_equal(np.load(output), dk.solve(production=images).field)
    image = np.zeros((10, 12))
    image[2:4, 5] = 1.0
    np.savez(both, source_image=image, production=images[0])
    result = diffkeras("solve", both, "--production", both, "-o", output, "--threads", 1)
    assert result.exit_code == 0, result.output
    assert np.array_equal(np.load(output), dk.solve(image, production=images[0]).field)


@pytest.mark.parametrize("image_is_source", [True, False])
def test_next_to_an_image_a_lattice_is_for_the_list(diffkeras, tmp_path, image_is_source):
    image, discs, output = tmp_path / "a.npy", tmp_path / "discs.yaml", tmp_path / "field.npy"
    np.save(image, np.eye(12))
    discs.write_text("- {row: 3, column: 9, radius: 1, value: 2.0}")
    source, produced = (image, discs) if image_is_source else (discs, image)
    words = ["solve", source, "--production", produced, "-o", output]
    result = diffkeras(*words, "--lattice", 12)
    assert result.exit_code == 0, result.output
    arrays = {image: np.eye(12), discs: SourceFile(discs, 12).read()}
    assert np.array_equal(
        np.load(output), dk.solve(arrays[source], production=arrays[produced]).field
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing argument 'SOURCE_FILE'; or give --production FILE"),
        (["--production", "a.npy", "--fixed", "b.npy"], "--fixed needs SOURCE_FILE"),
        (["a.npy", "--production", "b.npy"], "(4, 5), the source image (3, 5)"),
        (["--production", "a.npy", "-o", "a.npy"], "--output and --production are the same file"),
        (["a.npy", "-o", "a.npy"], "--output and SOURCE_FILE are the same file"),
        (
            ["a.npy", "--side", "left=robin:0.1,b.npy", "-o", "b.npy"],
            "--output and --side left (2) are the same file",
        ),
        (["a.npy", "-o", "f.png", "--plot", "f.png"], "--plot and --output are the same file"),
        (["a.npy", "--lattice", "16"], "leave out --lattice"),
        (
            ["--production", "a.npy", "--decay", "0", "--boundary", "periodic"],
            "no steady state: the productions of all nodes sum to 15",
        ),
    ],
)
def test_productions_that_cant_be_are_refused(refused, tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.ones((3, 5)))
    np.save("b.npy", np.ones((4, 5)))
    assert message in refused("solve", *(words if "-o" in words else [*words, "-o", "f.npy"]))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.npy", "b.npy"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DISCS + "decay: 0.1\n", "decay: unknown key"),
        ("[]", "sources: list should have at least 1"),
        ("- {row: 1, column: 1, radius: 1, value: 1}", "has no lattice"),
        (DISCS.replace("row: 8", "plane: 1, row: 8"), "add --dimensions 3"),
        (DISCS.replace("[24, 32]", "[24]"), "lattice"),
        (DISCS.replace("row: 8", "row: 80"), "centre at (80, 9), off the lattice"),
        (DISCS.replace("row: 8", "row: 1e20"), "sources.0.row"),
        (DISCS.replace("value: 1.0", "value: .inf"), "sources.0.value"),
        (DISCS.replace("[24, 32]", "[3000000, 3000000]"), "too large for a list of discs"),
    ],
)
def test_lists_that_are_none_are_refused(refused, tmp_path, text, message):
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    assert message in refused("solve", file, "-o", tmp_path / "field.npy")
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.yaml"]


def test_a_lattice_that_contradicts_the_list_is_refused(diffkeras, refused, discs, tmp_path):
    words = ["solve", discs, "-o", tmp_path / "field.npy", "--lattice"]
    message = refused(*words, 32)
    assert "lattice 24×32" in message
    assert "32×32" in message
    assert diffkeras(*words, "24x32").exit_code == 0


@pytest.mark.parametrize(("suffix", "value"), [(".png", 1.5), (".tif", 1e39), (".tiff", -1e39)])
def test_what_a_picture_cant_hold_raises_an_error(tmp_path, suffix, value):
    with pytest.raises(dk.DiffkerasError, match=r"write to .*\.npy"):
        write_fields({tmp_path / f"field{suffix}": np.full((4, 4), value)})
    assert not list(tmp_path.iterdir())


def test_rounding_below_zero_fits_into_a_picture(tmp_path):
    write_fields({tmp_path / "field.png": np.linspace(-1e-15, 1, 16).reshape(4, 4)})
    assert np.asarray(Image.open(tmp_path / "field.png"))[0, 0] == 0


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_pictures_of_several_pages_are_refused(tmp_path, suffix):
    pages = [Image.fromarray(np.full((8, 8), i, np.uint8)) for i in (1, 2, 3)]
    pages[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=pages[1:])
    with pytest.raises(dk.DiffkerasError, match=r"3 page\(s\) of kind L; give one grey"):
        SourceFile(tmp_path / f"a{suffix}").read()
    pages[0].save(tmp_path / f"b{suffix}")
    assert SourceFile(tmp_path / f"b{suffix}").read().shape == (8, 8)


def test_media_that_vary_come_as_maps(diffkeras, refused, discs, tmp_path):
    output, plot, uptake = (tmp_path / name for name in ("field.npy", "plot.png", "uptake.npy"))
    decay = np.where(np.random.default_rng(0).random((24, 32)) < 0.2, 0.5, 1e-3)
    diffusivity = np.linspace(1, 2, 24 * 32).reshape(24, 32)
    np.save(uptake, decay)
    np.savez(tmp_path / "tissue.npz", diffusivity=diffusivity, decay=decay)
    words = ["solve", discs, "-o", output, "--decay", uptake]
    result = diffkeras(*words, "--diffusivity", tmp_path / "tissue.npz", "--plot", plot)
    assert result.exit_code == 0, result.output
    exact = dk.solve(SourceFile(discs).read(), diffusivity=diffusivity, decay=decay).field
    assert np.array_equal(np.load(output), exact)
    assert plot.is_file()
    assert "'none.npy' is neither a number nor a file" in refused(*words[:-1], "none.npy")
    np.save(uptake, decay[1:])
    assert "arrays of shape (23, 32), the source image (24, 32)" in refused(*words)
    np.save(uptake, decay - 0.1)
    assert "decay must be" in refused(*words)
    assert "are the same file" in refused("solve", discs, "-o", uptake, "--decay", uptake)


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
    exact = dk.solve(SourceFile(discs).read(), boundary=boundary).field
    np.testing.assert_array_equal(np.load(output), exact)
    for side in ("top=value", "top=robin:1,2,3"):
        assert "write e.g. top=value:1.0" in refused(*words, "--side", side)
    outside.write_bytes(b"PK\x03\x04")  # a zip that ends at once, for NumPy
    said = refused(*words, *sides)
    assert "outside.npy can't be read: " in said
    assert "write a .npy with a number for each node of the top side" in said


def test_cells_take_up(diffkeras, refused, discs, tmp_path, monkeypatch):
    captions: list[str] = []
    monkeypatch.setattr(
        "diffkeras.reporting.fields.field_figure", lambda *parts, **_: captions.append(parts[-1])
    )
    monkeypatch.setattr("diffkeras.reporting.style.to_image", lambda *_: b"")
    output, cells = tmp_path / "field.npy", tmp_path / "cells.npy"
    uptake = np.where(np.random.default_rng(0).random((24, 32)) < 0.3, 0.2, 0.0)
    np.save(cells, uptake)
    image, words = SourceFile(discs).read(), ["solve", discs, "-o", output, "--uptake"]
    for more, meant in (((), uptake), (("--saturation", 0.3), dk.MichaelisMenten(uptake, 0.3))):
        result = diffkeras(*words, cells, *more, "--plot", tmp_path / "plot.png")
        assert result.exit_code == 0, result.output
        assert np.array_equal(np.load(output), dk.solve(image, uptake=meant).field)
    assert captions[0] == "D = 1, γ = 0.0025 to 0.2025, h = 1, absorbing"
    assert captions[1].endswith("absorbing, uptake with maximum 0 to 0.2 and constant 0.3")
    assert " Newton steps, " in result.stderr
    assert "proven: off by at most " in result.stderr
    assert "ring nodes" not in result.stderr
    assert "uptake must be" in refused(*words, -0.5)
    assert "the uptake's saturation constant must be positive" in refused(
        *words, cells, "--saturation", 0
    )
    result = diffkeras("solve", discs, "-o", output, "--saturation", 0.3)
    assert result.exit_code != 0
    assert "--saturation needs --uptake" in result.output


def test_sides_alone_need_a_lattice(diffkeras, tmp_path):
    output = tmp_path / "field.npy"
    words = ("solve", "--decay", 0, "--boundary", "reflecting", "-o", output, "--lattice", "4x3")
    result = diffkeras(*words, "--side", "top=value:1", "--side", "bottom=absorbing")
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.load(output)[:, 1], [0.8, 0.6, 0.4, 0.2], atol=1e-12)


@pytest.mark.parametrize(
    ("side", "message"),
    [
        ("front=reflecting", "no side 'front'; its sides are top, bottom, left, right, and in"),
        ("left", "'left' is not SIDE=NAME, SIDE=value:VALUE"),
        ("left=reflecting:3", "'left=reflecting:3' is not SIDE=NAME"),
        ("left=flux:nowhere.npy", "'nowhere.npy' is neither a number nor a file"),
        ("left=value:{discs}", "discs.yaml can't be read: "),
        ("top=absorbing --side top=reflecting", "--side top occurs twice"),
    ],
)
def test_sides_that_cant_be_are_refused(diffkeras, discs, tmp_path, side, message):
    output = tmp_path / "field.npy"
    sides = side.format(discs=discs).split()
    result = diffkeras("solve", discs, "-o", output, "--side", *sides)
    assert result.exit_code != 0
    assert message in result.stderr
    assert not output.exists()
