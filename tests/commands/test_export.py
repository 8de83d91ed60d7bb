"""`diffkeras export`: files that programs without diffkeras run, each by its own runtime."""

import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras import export
from diffkeras.errors import ExportError, OutputError
from diffkeras.graph import TensorSolver
from diffkeras.physics import Medium
from diffkeras.surrogates.export import FORMATS, TOLERANCE, Trial, export_surrogate
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system import packages
from tests.helpers.drawn_problems import exact_fields, problems_of
from tests.helpers.export_tools import FILES, INSTALLED, needs_extra
from tests.helpers.surrogate_kinds import untrained

# of programs without diffkeras; it compares with fields that were written here
CHECK = """
import numpy as np

def check(found, name):
    expected = np.load(name + "_fields.npy")
    assert found.shape == expected.shape and found.dtype == np.float32, (found.shape, found.dtype)
    largest = np.load(name + "_largest.npy")[:, None, None, None]
    assert (np.abs(found - expected) <= 1e-5 * largest).all(), name
"""
ONNX_RUNTIME = """
import sys
for name in ("diffkeras", "tfds_builders", "tensorflow", "keras"):
    sys.modules[name] = None  # importing it raises an error
import onnxruntime

for name in {names}:
    inputs = dict(np.load(name + "_inputs.npz"))
    first = {{key: value[:1] for key, value in inputs.items()}}
    session = onnxruntime.InferenceSession(name + ".onnx")
    assert [each.name for each in session.get_inputs()] == [*inputs]
    assert session.get_inputs()[0].shape == ["batch", "rows", "columns", 1]
    check(session.run(["field"], inputs)[0], name)
    assert session.run(["field"], first)[0].shape[0] == 1
"""
TENSORFLOW = """
import tensorflow as tf

images = np.load("trained_inputs.npz")["source_images"]
surrogate = tf.saved_model.load("trained")

# a tf.data pipeline
dataset = tf.data.Dataset.from_tensor_slices(images).batch(3).map(surrogate.serve)
check(np.concatenate([*dataset.as_numpy_iterator()]), "trained")

# a function that XLA compiles
compiled = tf.function(surrogate.serve, jit_compile=True)
check(compiled(images).numpy(), "trained")

# what TensorFlow Serving calls, https://www.tensorflow.org/tfx/serving/api_rest
signature = surrogate.signatures["serving_default"]
specs = signature.structured_input_signature[1]
assert {*specs} == {"source_images"} and {*signature.structured_outputs} == {"field"}

# tensors of its gRPC interface are protocol buffers
sent = tf.make_tensor_proto(images).SerializeToString()
received = tf.io.parse_tensor(sent, tf.float32)
(fields,) = signature(source_images=received).values()
check(fields.numpy(), "trained")

# proofs
proof = surrogate.certified(images)
check(proof["field"].numpy(), "trained")
errors = abs(proof["field"].numpy() - np.load("trained_exact.npy"))
assert (errors <= proof["node_bound"].numpy()).all()
bounds = surrogate.refined(images, 1e-5)["error_bound"].numpy()
assert (bounds <= 1e-5 * np.load("trained_largest.npy")).all()
"""


# surrogates that between them, and with the trained one, need every operation
UNTRAINED: dict[str, dict[str, Any]] = {
    "padded": {
        "physics.lattice": [18, 13],
        "model.depth": 2,
        "model.pad": True,
        "model.transform": "linear",
        "model.architecture": "u_net",
        "model.corrections": 1,
    },
    "varying": {
        "physics.sources": "production",
        "data.divide_by_maximum": True,
        "data.diffusion_length": [1, 20],
        "physics.decay": 1 / 400,
        "model.transform": "log",
        "model.architecture": "joined_pair",
    },
    "solved": {
        "physics.boundary": ["reflecting", "periodic"],
        "model.transform": "linear",
        "model.architecture": "fourier_neural_operator",
        "model.modes": 5,
        "model.corrections": 1,
    },
}


OTHERS = (("padded", (7, 30)), ("varying", (16, 16)))


@pytest.fixture(scope="module")
def surrogates(tiny, run_dir):
    made = {name: untrained(tiny.with_overrides(changes)) for name, changes in UNTRAINED.items()}
    return {"trained": load_surrogate(run_dir), **made}


@pytest.fixture(scope="module")
def exports(surrogates, tmp_path_factory):
    """`exports(name)`: a folder with the surrogate's files, inputs and right fields."""
    place = tmp_path_factory.mktemp("exports")

    @functools.cache
    def export_by_name(name: str) -> Path:
        surrogate = surrogates[name]
        trial = Trial.of(surrogate, surrogate.lattice)
        np.savez(place / f"{name}_inputs.npz", **trial.inputs)
        np.save(place / f"{name}_fields.npy", trial.fields)
        np.save(place / f"{name}_largest.npy", trial.largest)
        if "onnx" in INSTALLED:
            export_surrogate(surrogate, "onnx", place / f"{name}.onnx")
        return place

    return export_by_name


@pytest.fixture(scope="module")
def exported(exports, run_dir, surrogates):
    """The exports of one surrogate in both formats, and its exact fields."""
    place, medium = exports("trained"), surrogates["trained"].medium
    shutil.copytree(run_dir / "saved_model", place / "trained")  # which training exported
    with np.load(place / "trained_inputs.npz") as inputs:
        images = inputs["source_images"][..., 0]
    exact = exact_fields(problems_of(source_image=images, medium=medium))
    np.save(place / "trained_exact.npy", exact[..., None])
    return place


@needs_extra
@pytest.mark.parametrize(
    "names",
    [["trained"], pytest.param(["padded", "varying", "solved"], marks=pytest.mark.slow)],
    ids=", ".join,
)
def test_onnx_needs_neither_diffkeras_nor_tensorflow(exports, names, python):
    [place] = {exports(name) for name in names}
    python(CHECK + ONNX_RUNTIME.format(names=names), "-I", cwd=place)


def test_tensorflow_pipelines_xla_and_serving_run_the_saved_model(exported, without_diffkeras):
    without_diffkeras('sys.modules["keras"] = None\n' + CHECK + TENSORFLOW, exported)


def test_the_command_says_what_it_wrote(diffkeras, own_run, format):
    shutil.rmtree(own_run / "saved_model")
    result = diffkeras("export", own_run, "--format", format, "--lattice", "8x12")
    assert result.exit_code == 0, result.output
    wrote, checked = result.stdout.splitlines()
    path = own_run / FILES[format]
    assert wrote.startswith(f"wrote {path} (")
    size = sum(file.stat().st_size for file in (path, *path.rglob("*")) if file.is_file())
    assert float(wrote.split()[-2]) == pytest.approx(size / 1e6, rel=1e-2)
    assert "4 test images of 8×12 nodes" in checked
    assert 0 <= float(checked.partition("within ")[2].split()[0]) <= 1e-5
    assert not [*own_run.glob(".partial*"), *path.glob(".partial*")]
    if format == "saved_model":
        certified = tf.saved_model.load(str(path)).signatures["certified"]
        proven = certified(source_images=tf.one_hot([[[3] * 8]], 12)[0, ..., None])
        assert proven["field"].shape == (1, 8, 12, 1)
        description = json.loads((path / "diffkeras.json").read_text())
        assert description["proof_lattice"] == [8, 12]


@needs_extra
@pytest.mark.parametrize(
    ("name", "lattice"),
    [("trained", (8, 30)), *(pytest.param(*row, marks=pytest.mark.slow) for row in OTHERS)],
)
def test_onnx_files_say_what_they_compute_on_lattices_of_any_size(
    exports, surrogates, name, lattice
):
    import onnx

    file = exports(name) / f"{name}.onnx"
    model = onnx.load(file)
    texts = [entry.value for entry in model.metadata_props if entry.key == "diffkeras"]
    [first] = map(json.loads, texts)
    assert first["physics"]["sources"] == surrogates[name].config.physics.sources
    assert (model.producer_name, model.model_version) == ("diffkeras", first["format"])
    trial = Trial.of(surrogates[name], lattice)
    assert trial.difference(FORMATS["onnx"].load(file)) <= TOLERANCE


def test_wrong_fields_are_found(surrogates):
    trial = Trial.of(surrogates["trained"], (16, 16))
    images, largest = trial.inputs["source_images"], trial.largest[:, None, None, None]
    np.testing.assert_array_equal(trial.largest, images.max(axis=(1, 2, 3)))
    assert largest[-1] > 10 * largest[0]  # a difference relative to the last one would be smaller
    numbers = {image.tobytes(): k for k, image in enumerate(images)}

    def difference(error: Callable[[int], float]) -> float:
        """Of a runner with an error for a number of images, relative to the largest values."""

        def run(inputs: Any) -> np.ndarray:
            given = [numbers[image.tobytes()] for image in inputs["source_images"]]
            return trial.fields[given] + error(len(given)) * largest[given]

        return trial.difference(run)

    assert difference(lambda images: 0.0) == 0
    assert difference(lambda images: -9e-6) == pytest.approx(9e-6, rel=0.01)
    # the last two are right in a batch or alone
    for error in (
        lambda n: 1.1e-5,
        lambda n: np.nan,
        lambda n: 2e-5 * (n == 1),
        lambda n: 2e-5 * (n > 1),
    ):
        with pytest.raises(ExportError, match="of the largest value, more than 1e-05"):
            difference(error)
    with pytest.raises(ExportError, match="shape"):
        trial.difference(lambda inputs: trial.fields[: len(inputs["source_images"]), ::2])


def test_a_file_with_wrong_fields_is_not_put_in_place(run_dir, tmp_path, format, monkeypatch):
    path = tmp_path / FILES[format]
    original = Trial.of

    def other(surrogate: Surrogate, lattice: tuple[int, int]) -> Trial:
        # on a GPU, rounded products would differ by more than is allowed
        assert not tf.config.experimental.tensor_float_32_execution_enabled()
        trial = original(surrogate, lattice)
        return replace(trial, fields=trial.fields * np.float32(1.01))

    monkeypatch.setattr(Trial, "of", other)
    with pytest.raises(ExportError, match="nothing was written"):
        export(run_dir, format, path)
    assert not path.exists()
    assert tf.config.experimental.tensor_float_32_execution_enabled()


def test_only_exports_are_replaced(run_dir, tmp_path, format):
    path = notes = tmp_path / FILES[format]
    if format == "saved_model":
        path.mkdir()
        notes = path / "notes.txt"
    for content in (b"", b"mine", np.random.default_rng(0).bytes(5000)):
        notes.write_bytes(content)
        with pytest.raises(OutputError, match=r"no (file of an )?earlier"):
            export(run_dir, format, path)
        assert [file for file in tmp_path.rglob("*") if file.is_file()] == [notes]
        assert notes.read_bytes() == content


def test_foreign_files_are_named_before_tensorflow_is_loaded(
    refused, tmp_path, format, monkeypatch
):
    started = []
    monkeypatch.setattr("diffkeras.commands.export.start_tensorflow", lambda: started.append(1))
    path = tmp_path / FILES[format]
    if format == "saved_model":
        path.mkdir()
        (path / "notes.txt").write_text("mine")
        solver = "--solver", "--lattice", 16, "-o", path
        assert "notes.txt is no file of an earlier result" in refused("export", *solver)
    else:
        path.write_text("mine")
    assert "earlier" in refused("export", "default", "--format", format, "-o", path)
    assert not started


def test_it_is_said_which_export_is_replaced(diffkeras, run_dir, tmp_path, format):
    words = "export", run_dir, "--format", format, "-o", tmp_path / FILES[format]
    first, second = (diffkeras(*words, "--lattice", lattice) for lattice in (16, "24x32"))
    third = diffkeras(*words)
    assert "replacing" not in first.stderr
    for result, nodes in ((second, "16×16"), (third, "24×32")):
        assert result.exit_code == 0, result.output
        proofs = f", with proofs for {nodes} nodes" if format == "saved_model" else ""
        assert f"replacing the earlier export in {words[-1]}{proofs}\n" in result.stderr


@needs_extra
def test_networks_that_onnx_cant_hold_are_refused(tiny, tmp_path):
    x = keras.Input((None, None, 1))
    y = keras.layers.Lambda(lambda v: tf.math.bessel_i0(v))(x)
    half = untrained(tiny.with_overrides({"training.precision": "mixed_bfloat16"}))
    for surrogate, message in (
        (half, r"training\.precision: float32"),
        (Surrogate(keras.Model(x, y), tiny), r"can't express this network: .*BesselI0"),
    ):
        with pytest.raises(ExportError, match=message):
            export_surrogate(surrogate, "onnx", tmp_path / FILES["onnx"])
    assert not [*tmp_path.iterdir()]


def test_a_missing_package_is_named_before_any_work(refused, run_dir, monkeypatch):
    monkeypatch.setattr("diffkeras.commands.export.start_tensorflow", lambda: pytest.fail("works"))
    for package in ("tf2onnx", "onnxruntime"):
        monkeypatch.setattr(
            packages,
            "find_spec",
            lambda name, package=package: None if name == package else name,
        )
        line = refused("export", run_dir, "--format", "onnx")
        assert f"the format onnx needs {package}, which" in line
        assert "pip install '.[export]'" in line
    assert not (run_dir / "model.onnx").exists()
    assert "'litert' is not one of" in refused("export", run_dir, "--format", "litert")


def test_what_cant_be_exported_is_refused(refused, run_dir, tmp_path, own_run):
    assert "there is no run directory" in refused("export", tmp_path / "none")
    for words in (("export", run_dir, "-o"), ("train", "--config", "quickstart", "--run-dir")):
        assert "choose another name" in refused(*words, tmp_path / "y[1]")
    assert "not a multiple of 2" in refused("export", run_dir, "--lattice", "16x17")
    small = ("export", run_dir, "--lattice", "2", "-o", tmp_path / "small")
    assert "don't fit on 2×2 nodes" in refused(*small)
    assert not (tmp_path / "small").exists()
    state = json.loads((own_run / "run.json").read_text())
    (own_run / "run.json").write_text(json.dumps({**state, "state": "interrupted"}))
    assert "is not finished" in refused("export", own_run)
    with pytest.raises(ExportError, match="no format 'torch'"):
        export(run_dir, "torch")


def test_the_exported_solver_has_the_medium_of_the_options(diffkeras, tmp_path, monkeypatch):
    written: list = []
    monkeypatch.setattr(TensorSolver, "export", lambda *given, **more: written.append(given))
    given = ("--diffusivity", 2, "--decay", 0.1, "--step", 0.5, "--boundary", "periodic,absorbing")
    words = ("export", "--solver", "--lattice", "8x12", *given, "-o", tmp_path / "solver")
    result = diffkeras(*words)
    assert result.exit_code == 0, result.output
    assert "8×12" in result.output
    [(solver, place)] = written
    assert (solver.lattice, place) == ((8, 12), tmp_path / "solver")
    assert solver.medium == Medium(2.0, 0.1, 0.5, ("periodic", "absorbing"))


SOLVER = ("--solver", "--lattice", "8", "-o", "out")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "RUN"),
        (("run", *SOLVER), "--solver excludes RUN"),
        (("run", "--decay", "0.1"), "--decay needs --solver"),
        (("run", "-o", "model.onnx"), "give --format onnx"),
        (("--solver", "-o", "out"), "--solver needs --lattice"),
        ((*SOLVER[:-2],), "--solver needs --output"),
        ((*SOLVER, "--format", "onnx"), "--solver excludes --format"),
        ((*SOLVER, "--decay", "-1"), "decay"),
        (("--solver", "--lattice", "20000x8", "-o", "out"), "16384"),
        ((*SOLVER, "--sources", "production", "--decay", "0"), "decay of 0"),
    ],
)
def test_what_fits_no_solver_is_refused(refused, words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert message in refused("export", *words)
    assert not [*tmp_path.iterdir()]
