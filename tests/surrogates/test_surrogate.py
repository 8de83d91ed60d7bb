from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.errors import PhysicsError, RunError
from diffkeras.physics import Problem, solve
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate

# what a machine looks like on which TensorFlow is installed and diffkeras is not
WITHOUT_DIFFKERAS = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("diffkeras", "tfds_builders"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
for name in ("diffkeras", "tfds_builders"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise AssertionError(name)

import numpy as np
import tensorflow as tf

for path in {paths!r}:
    inputs = {{"source_images": np.load(path + "/images.npy")}}
    if path.endswith("varying"):
        inputs["diffusion_length"] = np.float32([1, 5, 20])
    images = inputs["source_images"]
    loaded = tf.saved_model.load(path + "/saved_model")
    fields = loaded.serve(*inputs.values())
    assert fields.shape == images.shape and fields.dtype == tf.float32
    np.testing.assert_allclose(fields, np.load(path + "/fields.npy"), rtol=0, atol=1e-5)
    tensors = {{name: tf.constant(value) for name, value in inputs.items()}}
    (served,) = loaded.signatures["serving_default"](**tensors).values()
    np.testing.assert_array_equal(served, fields)
    exact = np.load(path + "/exact.npy")
    proof = loaded.certified(*inputs.values())
    np.testing.assert_allclose(proof["field"], fields, rtol=1e-5, atol=1e-6)
    refined = loaded.refined(*inputs.values(), 1e-5)
    for proven in (proof, refined):
        errors = abs(proven["field"].numpy() - exact)
        assert (errors <= proven["node_bound"].numpy()).all(), path
        assert (errors.max((1, 2, 3)) <= proven["error_bound"].numpy()).all(), path
    error = abs(proof["corrected"].numpy() - exact).max((1, 2, 3))
    assert (error <= proof["corrected_error_bound"].numpy()).all(), path
    assert (refined["error_bound"].numpy() <= 1e-5).all()
if len({paths!r}) > 1:  # the slow variant
    compiled = tf.function(loaded.certified, jit_compile=True)(tf.constant(images))
    np.testing.assert_allclose(compiled["error_bound"], proof["error_bound"], rtol=1e-3)
    (mapped,) = tf.data.Dataset.from_tensors(images).map(lambda x: loaded.refined(x, 1e-5))
    np.testing.assert_allclose(mapped["field"], refined["field"], rtol=0, atol=2e-5)
assert not [name for name in sys.modules if name.startswith(("diffkeras", "tfds_builders"))]
"""


def images(shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.random(shape) * (rng.random(shape) < 0.1)).astype(np.float32)


def untrained(config: Config) -> Surrogate:
    model = build_model(config)
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(variable + 0.1 * rng.standard_normal(variable.shape))
    return Surrogate(model, config)


LENGTHS = {"data.diffusion_length": [1, 20], "physics.decay": 1 / 400}
PRODUCED = {"physics.sources": "production", "data.divide_by_maximum": True}
CHANGES = {
    "linear": {"model.transform": "linear"},
    "log": {"model.transform": "log"},
    # a side that 2² doesn't divide
    "padded": {"physics.lattice": [18, 13], "model.depth": 2, "model.pad": True},
    "varying": LENGTHS,
    "divided": PRODUCED,
    "divided_varying": {**PRODUCED, **LENGTHS},
}


@pytest.mark.parametrize(
    "names",
    [
        ["trained"],
        pytest.param(
            ["varying", "log", "padded", "divided", "divided_varying", "linear"],
            marks=pytest.mark.slow,
        ),
    ],
    ids=", ".join,
)
def test_saved_models_load_without_diffkeras(
    names: list[str], tiny: Config, run_dir: Path, tmp_path: Path, python: Callable[..., Any]
) -> None:
    surrogates = {
        name: load_surrogate(run_dir)
        if name == "trained"
        else untrained(tiny.with_overrides(CHANGES[name]))
        for name in names
    }
    paths = []
    for name, surrogate in surrogates.items():
        path = tmp_path / name
        path.mkdir()
        x = images((3, *surrogate.lattice))
        if name == "trained":
            (path / "saved_model").symlink_to(run_dir / "saved_model")
        else:
            export_saved_model(surrogate, path / "saved_model")
        lengths = [1, 5, 20] if name.endswith("varying") else [None] * 3
        problem = Problem.batch(
            [
                surrogate.problem(image, diffusion_length=length)
                for image, length in zip(x, lengths, strict=True)
            ]
        )
        np.save(path / "images.npy", x[..., None])
        np.save(path / "exact.npy", solve(problem).field[..., None])
        np.save(path / "fields.npy", surrogate.predict(problem).field[..., None])
        paths.append(str(path))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    python(WITHOUT_DIFFKERAS.format(paths=paths), "-I", cwd=elsewhere)


def test_predictions_are_on_the_linear_scale(tiny: Config) -> None:
    surrogate = untrained(tiny)  # transform sqrt
    x = images((2, 16, 16))
    x /= x.max((1, 2), keepdims=True)  # others are scaled
    raw = surrogate.model.predict_on_batch(np.sqrt(x)[..., None])[..., 0]
    np.testing.assert_allclose(surrogate.predict(x).field, raw * np.abs(raw), rtol=1e-5, atol=1e-7)


def test_shapes_and_batches_dont_matter(tiny: Config) -> None:
    surrogate = untrained(tiny)
    x = images((5, 16, 16))
    together = surrogate.predict(x).field
    assert together.shape == (5, 16, 16)
    assert together.dtype == np.float32
    np.testing.assert_allclose(surrogate.predict(x, batch_size=2).field, together, atol=1e-6)
    np.testing.assert_allclose(surrogate.predict(x[3]).field, together[3], atol=1e-6)
    np.testing.assert_allclose(surrogate.predict(x.tolist()).field, together, atol=1e-6)


@pytest.mark.parametrize("shape", [(16,), (1, 1, 16, 16), (16, 17), (0,)])
def test_other_shapes_are_refused(tiny: Config, shape: tuple[int, ...]) -> None:
    with pytest.raises(PhysicsError):
        untrained(tiny).predict(np.zeros(shape))


def test_a_padded_model_takes_any_side(tiny: Config) -> None:
    surrogate = untrained(tiny.with_overrides({"model.pad": True, "model.depth": 3}))
    for shape in ((16, 16), (13, 18), (1, 1)):
        assert surrogate.predict(images(shape)).field.shape == shape


def test_foreign_directories_are_no_runs(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="there is no run directory"):
        load_surrogate(tmp_path / "none")
    with pytest.raises(RunError, match="holds no diffkeras run"):
        load_surrogate(tmp_path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(RunError, match="holds no diffkeras run"):
        load_surrogate(tmp_path)
    with pytest.raises(RunError, match="there is no run directory"):
        load_surrogate(tmp_path / "a.txt")
