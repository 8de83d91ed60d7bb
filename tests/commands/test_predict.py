"""`diffkeras predict`: a surrogate's field in a file, with what is proven of it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import diffkeras as dk
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from tests.helpers.rounding import same_to_rounding


@pytest.fixture
def source_file(tmp_path):
    file = tmp_path / "sources.npy"
    image = np.zeros((16, 16))
    image[4:8, 5:9] = 1.0
    image[11, 3] = 0.5
    np.save(file, image)
    return file


def test_a_prediction_is_certified(diffkeras, run_dir, source_file, tmp_path, tiny):
    files = {name: tmp_path / f"{name}.npy" for name in ("output", "bound", "corrected")}
    files["plot"] = tmp_path / "plot.png"
    flags = [word for name, file in files.items() for word in (f"--{name}", file)]
    result = diffkeras("predict", run_dir, source_file, *flags)
    assert result.exit_code == 0, result.output
    assert "sources hold the field at their value" in result.stderr
    *proofs, output, bound, corrected, plot = result.stdout.splitlines()
    assert output == f"wrote {files['output']} (the prediction, 16×16 float32)"
    assert [bound, corrected, plot] == [f"wrote {file}" for file in list(files.values())[1:]]
    image = np.load(source_file)
    field, node_bound, better = (np.load(files[n]) for n in ("output", "bound", "corrected"))
    assert same_to_rounding(field, load_surrogate(run_dir).predict(image).field)
    exact = dk.solve(image, decay=tiny.physics.decay).field
    assert (abs(field - exact) <= node_bound + 1e-12).all()
    stated = [float(line.split()[-1]) for line in proofs]
    assert proofs[0].startswith(f"the prediction has values up to {field.max():.3g}, and a proven")
    assert node_bound.max() <= stated[0] <= 1.01 * node_bound.max()  # rounded up
    assert abs(better - exact).max() <= stated[1]
    assert files["plot"].read_bytes().startswith(b"\x89PNG")


def test_without_a_proof_the_path_alone_is_printed(diffkeras, refused, run_dir, tmp_path):
    np.save(tmp_path / "a.npy", np.eye(32)[None].repeat(2, 0))
    words = ["predict", run_dir, tmp_path / "a.npy", "-o", tmp_path / "b.npy"]
    assert "an array of three axes is a volume" in refused(*words)
    result = diffkeras(*words, "--batch")
    assert (
        result.stdout == f"wrote {tmp_path / 'b.npy'} (the prediction, 2 images of 32×32 float32)\n"
    )
    assert "trained on 16×16 nodes, and this image has 32×32" in result.stderr
    assert np.load(tmp_path / "b.npy").shape == (2, 32, 32)


def test_nothing_is_written_if_a_file_cant_hold_its_field(
    refused, run_dir, source_file, tmp_path, monkeypatch
):
    words = [run_dir, source_file, "-o", tmp_path / "field.npy", "--corrected", tmp_path / "c.tif"]
    monkeypatch.setattr("diffkeras.physics.field_files.STEPS_OF_TIFF", (2.0, 3.0))
    message = refused("predict", *words, "--unit", "µm")
    assert "holds steps of 2 to 3, not 1" in message
    assert [file.name for file in tmp_path.iterdir()] == [source_file.name]


IMAGE = np.eye(32)  # of a lattice that the surrogate was not trained on


@pytest.mark.parametrize(
    ("image", "flags", "message"),
    [
        (IMAGE, ["--tolerance", "0"], "|value|), not 0.0"),
        (IMAGE, ["--tolerance", "1e-3", "--corrected", "c.npy"], "--tolerance excludes --corr"),
        (IMAGE, ["--bound", "a.npy"], "--bound and SOURCE_FILE are the same file"),
        (IMAGE, ["--diffusion-length", "5"], "was trained for one medium"),
        (IMAGE, ["--decay", "a.npy"], "has the decay 0 to 1 instead of 0.05"),
        (-IMAGE, [], "surrogates take source values between 0 and 1e+30, and the problem has -1"),
        (1e-40 * IMAGE, ["--certify"], "choose other units"),  # below what the solver can scale
    ],
)
def test_what_cant_be_predicted_is_refused_before_anything_is_said_or_written(
    diffkeras, run_dir, tmp_path, monkeypatch, image, flags, message
):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", image)
    before = Path("a.npy").read_bytes()
    result = diffkeras("predict", run_dir, "a.npy", "-o", "field.npy", *flags)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert message in line
    assert [file.name for file in tmp_path.iterdir()] == ["a.npy"]
    assert Path("a.npy").read_bytes() == before


def test_a_diffusion_length_is_that_of_the_proof(
    diffkeras, refused, source_file, tmp_path, tiny, monkeypatch
):
    config = tiny.with_overrides(
        {"data.diffusion_length": [1, 20], "physics.diffusivity": 2, "physics.decay": 1 / 400}
    )
    untrained = Surrogate(build_model(config), config)
    monkeypatch.setattr("diffkeras.surrogates.surrogate.load_surrogate", lambda path: untrained)
    words = ["predict", tmp_path, source_file, "-o", tmp_path / "field.npy"]
    result = diffkeras(*words, "--diffusion-length", 4, "--tolerance", 1e-6)
    assert result.exit_code == 0, result.output
    exact = dk.solve(np.load(source_file), diffusivity=2, decay=2 / 4**2).field
    assert abs(np.load(tmp_path / "field.npy") - exact).max() <= 1e-6
    assert "diffusion lengths of 1 to 20" in refused(*words)
    for length in ("0.5", "21"):
        assert "lies outside" in refused(*words, "--diffusion-length", length)


@pytest.mark.parametrize("kind", ["prediction", "solved field"])
def test_the_field_that_meets_a_tolerance_is_named(
    diffkeras, source_file, tmp_path, tiny, monkeypatch, kind
):
    image, output = np.load(source_file), tmp_path / "field.npz"
    exact = dk.solve(image, decay=tiny.physics.decay).field
    start = exact if kind == "prediction" else 0.9 * exact
    surrogate = Surrogate(build_model(tiny), tiny)
    monkeypatch.setattr(Surrogate, "_fields", lambda *_, **__: start[None])
    monkeypatch.setattr("diffkeras.surrogates.surrogate.load_surrogate", lambda _: surrogate)
    tolerance = "1e-9"
    words = ["predict", tmp_path, source_file, "-o", output, "--tolerance", tolerance]
    result = diffkeras(*words)
    assert result.exit_code == 0, result.output
    proven, written = result.stdout.splitlines()
    assert proven.startswith(f"the {kind} has values up to 1, and a proven error of at most ")
    assert written == f"wrote {output} (the {kind}, 16×16 float64)"
    with np.load(output) as archive:
        error, bound = abs(archive["field"] - exact), archive["bound"]
    assert (error <= bound + 1e-12).all()
    assert bound.max() <= float(tolerance)
    if kind == "solved field":
        assert error.max() < 0.01  # not the network's field
    summary = json.loads(diffkeras(*words, "--json", "--quiet").stdout)
    assert (summary["field"], summary["error_bound"]) == (kind, bound.max())


def test_what_sources_do_is_named(diffkeras, tiny, source_file, tmp_path, monkeypatch):
    config = tiny.with_overrides({"physics.sources": "production"})
    producing = Surrogate(build_model(config), config)
    monkeypatch.setattr("diffkeras.surrogates.surrogate.load_surrogate", lambda path: producing)
    result = diffkeras("predict", tmp_path, source_file, "-o", tmp_path / "field.npy", "--json")
    assert result.exit_code == 0, result.output
    assert "sources produce the decay rate times their value" in result.stderr
    assert json.loads(result.stdout)["error_bound"] is None


def test_what_is_printed_of_a_tiff_includes_its_rounding(
    diffkeras, run_dir, source_file, tmp_path, tiny
):
    files = {name: tmp_path / f"{name}.tif" for name in ("output", "corrected")}
    words = ["predict", run_dir, source_file, "--json", "-o", files["output"]]
    exact = dk.solve(np.load(source_file), decay=tiny.physics.decay).field
    for more, name, key in (
        (("--tolerance", 1e-9), "output", "error_bound"),
        (("--corrected", files["corrected"]), "corrected", "corrected_error_bound"),
    ):
        printed = json.loads(diffkeras(*words, *more).stdout)
        with Image.open(files[name]) as picture:
            error = abs(np.asarray(picture).astype(float) - exact).max()
        assert 1e-9 < error <= printed[key] < 1e-7
