"""Precision, XLA and several steps at once: the same training, faster where the device allows."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras import train
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.training.compiled_model import ReplicatedModel
from tests.helpers.tables import read_csv


def losses(run: Path) -> list[float]:
    return [float(row["loss"]) for row in read_csv(run / "history.csv")]


def test_training_in_half_precision_keeps_a_model_in_single(tiny, data_dir, run_dir, tmp_path):
    half = {"training.precision": "mixed_bfloat16", "training.clip_norm": 10.0}
    config = tiny.with_overrides(half)
    run = train(config, data_dir, tmp_path / "run")
    np.testing.assert_allclose(losses(run.path), losses(run_dir), rtol=0.05)
    model = load_surrogate(run.path).model
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    x = np.random.default_rng(0).random((1, 16, 16, 1), np.float32)
    fields = model(x).numpy()
    assert not np.array_equal(fields, fields.astype(np.float16))


def test_several_steps_at_once_are_the_same_steps(tiny, data_dir, run_dir, tmp_path):
    from tensorflow.python.framework.config import is_op_determinism_enabled

    config = tiny.with_overrides(
        {"training.steps_per_execution": 3, "training.deterministic": True}
    )
    run = train(config, data_dir, tmp_path / "run")
    assert not is_op_determinism_enabled()  # any more
    np.testing.assert_allclose(losses(run.path), losses(run_dir), rtol=1e-5)
    assert json.loads((run.path / "run.json").read_text())["epochs"] == 2


@pytest.mark.slow
def test_xla_computes_the_same(tiny, data_dir, run_dir, tmp_path):
    run = train(tiny.with_overrides({"training.jit": True}), data_dir, tmp_path / "run")
    np.testing.assert_allclose(losses(run.path), losses(run_dir), rtol=1e-4)


def test_keras_builds_the_metrics_of_several_replicas_by_our_method(monkeypatch):
    called = []
    original = ReplicatedModel._maybe_symbolic_build

    def noted(self: Any, *args: Any, **options: Any) -> None:
        called.append(True)
        original(self, *args, **options)

    monkeypatch.setattr(ReplicatedModel, "_maybe_symbolic_build", noted)
    x = np.ones((2, 4), np.float32)
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        single = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
        model = ReplicatedModel(single.inputs, single.outputs)
        model.compile("sgd", "mse")
    model.fit(tf.data.Dataset.from_tensors((x, x)), shuffle=False, verbose=0)
    assert called
