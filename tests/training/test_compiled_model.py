"""Precision, XLA and several steps at once: the same training, faster where the device allows."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from diffkeras.config import Config
from diffkeras.distributed.process_group import join_process_group
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.system.atomic_files import read_csv
from diffkeras.training.compiled_model import compile_model
from diffkeras.training.optimizers import innermost
from diffkeras.workflows import train

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
    compiled = compile_model(config, join_process_group({}, timeout=1), 10)
    layers = {layer.name: layer for layer in compiled.model._flatten_layers()}
    convolutions = [layer for name, layer in layers.items() if "conv" in name]
    assert convolutions
    assert {layer.compute_dtype for layer in convolutions} == {dtype}
    assert {weight.dtype for weight in compiled.model.weights} == {"float32"}
    assert compiled.model.output.dtype == "float32"
    assert compiled.loss.dtype == "float32"
    assert {metric.dtype for metric in compiled.metrics.values()} == {"float32"}
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
    group = join_process_group({}, timeout=1)
    single = compile_model(tiny, group, 10).model.optimizer
    assert innermost(single) is single
    half = tiny.with_overrides({"training.precision": "mixed_float16"})
    assert hasattr(innermost(compile_model(half, group, 10).model.optimizer), "gradient_norm")


def test_several_steps_at_once_are_the_same_steps(
    tiny: Config, data_dir: Path, plain: Path, tmp_path: Path
) -> None:
    config = tiny.with_overrides({**LONGER, "training.steps_per_execution": 3})
    run = train(config, data_dir, tmp_path / "run")
    np.testing.assert_allclose(losses(run.path), losses(plain), rtol=1e-5)
    assert json.loads((run.path / "run.json").read_text())["epochs"] == 6


def test_xla_computes_the_same(tiny: Config, data_dir: Path, tmp_path: Path) -> None:
    changes = {"training.epochs": 1, "training.jit": True}
    runs = [
        train(tiny.with_overrides(change), data_dir, tmp_path / name).path
        for name, change in (("plain", {"training.epochs": 1}), ("jit", changes))
    ]
    np.testing.assert_allclose(losses(runs[1]), losses(runs[0]), rtol=1e-4)


TWO_REPLICAS = """
import keras, numpy as np, tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_visible_devices([], "GPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from diffkeras.config import load_config
from diffkeras.distributed.process_group import join_process_group
group = join_process_group({{}}, timeout=1)
config = load_config({config!r}, {overrides!r})
"""

OVERFLOW = """
from diffkeras.training.compiled_model import compile_model
from diffkeras.distributed.multiworker_model import distribute
from diffkeras.nn import pack_target
rng = np.random.default_rng(0)
for huge in ([], [0], [1], [0, 1]):
    model = compile_model(config, group, 10).model
    def batches(replica):
        x, y = rng.random((2, 2, 16, 16, 1), np.float32)
        factor = 1e4 if replica in huge else 1.0  # its gradients are infinite in float16
        batch = factor * x, pack_target(factor * y, x, 1)
        return tf.data.Dataset.from_tensors(batch).repeat()
    before = model.get_weights()
    model.fit(distribute(group.strategy, batches), steps_per_epoch=1, verbose=0)
    optimizer = model.optimizer
    assert float(keras.ops.convert_to_numpy(optimizer.dynamic_scale)) == 2**15 / (2 if huge else 1)
    assert int(optimizer.iterations.numpy()) == (0 if huge else 1), huge
    for variable in model.trainable_variables:
        assert all(np.isfinite(copy.numpy()).all() for copy in variable.value.values), huge
"""


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_an_overflow_on_one_replica_makes_all_of_them_skip_the_step(
    python: Callable[..., Any], tiny_file: Path, optimizer: str
) -> None:
    overrides = {"training.precision": "mixed_float16", "training.optimizer": optimizer}
    python(TWO_REPLICAS.format(config=str(tiny_file), overrides=overrides) + OVERFLOW)


def test_deterministic_operations_end_with_the_run(
    tiny: Config, data_dir: Path, tmp_path: Path
) -> None:
    from tensorflow.python.framework.config import is_op_determinism_enabled

    train(tiny.with_overrides({"training.deterministic": True}), data_dir, tmp_path / "run")
    assert not is_op_determinism_enabled()
