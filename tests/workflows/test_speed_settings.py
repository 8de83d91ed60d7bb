"""Precision, XLA and several steps at once: the same training, faster where the device allows."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError
from diffkeras.workflows.compiling import compile_model
from diffkeras.workflows.files import read_csv
from diffkeras.workflows.optimizers import innermost
from diffkeras.workflows.surrogate import load_surrogate
from diffkeras.workflows.train import train
from diffkeras.workflows.workers import gather_workers

LONGER = {"training.epochs": 6, "training.deterministic": True}


@pytest.fixture(scope="module")
def plain(tiny: Config, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny.with_overrides(LONGER)
    return train(config, data_dir, tmp_path_factory.mktemp("runs") / "plain").path


def losses(run: Path) -> list[float]:
    return [float(row["loss"]) for row in read_csv(run / "history.csv")]


@pytest.mark.parametrize(
    ("precision", "dtype"), [("mixed_bfloat16", "bfloat16"), ("mixed_float16", "float16")]
)
@pytest.mark.parametrize("pad", [False, True])
def test_layers_compute_in_half_precision_but_for_the_field(
    precision: str, dtype: str, pad: bool, tiny: Config
) -> None:
    config = tiny.with_overrides({"training.precision": precision, "model.pad": pad})
    compiled = compile_model(config, gather_workers({}, timeout=1), 10)
    layers = {layer.name: layer for layer in compiled.model._flatten_layers()}
    convolutions = [layer for name, layer in layers.items() if "conv" in name]
    assert convolutions
    assert {layer.compute_dtype for layer in convolutions} == {dtype}
    assert {weight.dtype for weight in compiled.model.weights} == {"float32"}
    assert compiled.model.output.dtype == "float32"
    assert compiled.loss.dtype == "float32"
    assert {metric.dtype for metric in compiled.accumulators.values()} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_training_in_half_precision_keeps_a_model_in_single(
    precision: str, tiny: Config, data_dir: Path, plain: Path, tmp_path: Path
) -> None:
    config = tiny.with_overrides(
        {**LONGER, "training.precision": precision, "training.clip_norm": 10.0}
    )
    run = train(config, data_dir, tmp_path / "run")
    np.testing.assert_allclose(losses(run.path), losses(plain), rtol=0.05)
    model = load_surrogate(run.path).model
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    x = np.random.default_rng(0).random((1, 16, 16, 1), np.float32)
    fields = model(x).numpy()
    assert not np.array_equal(fields, fields.astype(np.float16))
    events = EventAccumulator(str(run.logs / "train"))
    events.Reload()
    written = events.Tensors("optimizer/gradient norm")
    norms = [float(tf.make_ndarray(event.tensor_proto)) for event in written]
    assert min(norms) > 0
    scaled = "optimizer/loss scale" in events.Tags()["tensors"]
    assert scaled == (precision == "mixed_float16")


def test_the_optimizer_itself_is_found(tiny: Config) -> None:
    workers = gather_workers({}, timeout=1)
    single = compile_model(tiny, workers, 10).model.optimizer
    assert innermost(single) is single
    half = tiny.with_overrides({"training.precision": "mixed_float16"})
    assert hasattr(innermost(compile_model(half, workers, 10).model.optimizer), "gradient_norm")


def test_several_steps_at_once_are_the_same_steps(
    tiny: Config, data_dir: Path, plain: Path, tmp_path: Path
) -> None:
    config = tiny.with_overrides({**LONGER, "training.steps_per_execution": 3})
    run = train(config, data_dir, tmp_path / "run")
    np.testing.assert_allclose(losses(run.path), losses(plain), rtol=1e-5)
    assert json.loads((run.path / "run.json").read_text())["epochs"] == 6


def test_several_steps_must_divide_an_epoch(tiny: Config, data_dir: Path, tmp_path: Path) -> None:
    config = tiny.with_overrides({"training.steps_per_execution": 4})
    with pytest.raises(ConfigurationError, match="steps_per_execution: 4 doesn't divide the 6 st"):
        train(config, data_dir, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_xla_computes_the_same(tiny: Config, data_dir: Path, tmp_path: Path) -> None:
    changes = {"training.epochs": 1, "training.jit": True}
    runs = [
        train(tiny.with_overrides(change), data_dir, tmp_path / name).path
        for name, change in (("plain", {"training.epochs": 1}), ("jit", changes))
    ]
    np.testing.assert_allclose(losses(runs[1]), losses(runs[0]), rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"data.shares": 3}, "batch_size: 4 examples can't be shared evenly by 3 shares"),
        ({"data.shares": 4, "data.train_examples": 3}, "train_examples: 3 .* fewer than the 4"),
    ],
)
def test_shares_that_do_not_fit_are_refused(
    change: dict[str, int], part: str, tiny: Config, data_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=part):
        train(tiny.with_overrides(change), data_dir, tmp_path / "run")
