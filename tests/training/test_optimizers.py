import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras import train
from diffkeras.config import Config
from diffkeras.nn import ConvolutionalMuon, encoder_decoder, joined_pair
from diffkeras.training.optimizers import (
    MeasuredAdam,
    MeasuredAdamW,
    MeasuredMuon,
    averaged_weights,
    make_optimizer,
    make_schedule,
)
from tests.helpers.tables import read_csv


def rates(config: Config, steps: int) -> list[float]:
    schedule = make_schedule(config, steps)
    if isinstance(schedule, float):
        return [schedule] * steps
    return [float(schedule(step)) for step in range(steps + 1)]


def test_cosine_rises_and_falls(tiny):
    config = tiny.with_overrides(
        {"training.schedule": "cosine", "training.warmup": 0.2, "training.final_factor": 0.1}
    )
    found = rates(config, 50)
    assert found[0] == pytest.approx(0.01 / 11)  # not 0: the first step would do nothing
    assert found[10] == pytest.approx(0.01)
    half = 0.1 + 0.9 * (1 + math.cos(math.pi / 2)) / 2
    assert found[30] == pytest.approx(0.01 * half)
    assert found[50] == pytest.approx(0.001)
    assert max(found) == found[10]


def test_constant_may_rise_first(tiny):
    assert rates(tiny, 10) == [0.01] * 10
    found = rates(tiny.with_overrides({"training.warmup": 0.2}), 10)
    assert found == pytest.approx([0.01 / 3, 0.02 / 3] + [0.01] * 9, rel=1e-6)


@pytest.mark.parametrize(("rule", "factor"), [("none", 1), ("linear", 4), ("sqrt", 2)])
def test_learning_rate_grows_with_the_batch(tiny, rule, factor):
    config = tiny.with_overrides(
        {
            "training.scale_learning_rate": rule,
            "training.batch_size": 128,
            "training.base_batch_size": 32,
        }
    )
    assert make_schedule(config, 10) == pytest.approx(0.01 * factor)


def test_muon_makes_the_step_of_a_kernel_orthogonal():
    rng = np.random.default_rng(0)
    kernel = keras.Variable(np.zeros((3, 3, 4, 6), np.float32), name="kernel")
    bias = keras.Variable(np.zeros(6, np.float32), name="bias")
    optimizer = ConvolutionalMuon(0.01, weight_decay=None, adam_weight_decay=None)
    optimizer.build([kernel, bias])
    gradients = [rng.normal(size=v.shape).astype(np.float32) for v in (kernel, bias)]
    optimizer.apply([tf.constant(g) for g in gradients], [kernel, bias])
    step = keras.ops.convert_to_numpy(kernel).reshape(36, 6) / (0.01 * 0.2 * 6)
    singular = np.linalg.svd(step, compute_uv=False)
    assert (singular > 0.6).all()  # five iterations come that close to 1
    assert (singular < 1.3).all()
    # AdamW's first step is the learning rate, with the gradient's sign
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(bias), -0.01 * np.sign(gradients[1]), rtol=1e-3
    )


@pytest.mark.parametrize("architecture", [encoder_decoder, joined_pair])
def test_muon_leaves_the_ends_of_the_network_to_adamw(tiny, architecture):
    config = tiny.with_overrides({"training.optimizer": "muon"})
    model = architecture(width=2, depth=1)
    optimizer = make_optimizer(config, 10)
    optimizer.build(model.trainable_variables)
    by_muon = {
        variable.path.split("/")[0]
        for variable, velocity in zip(
            model.trainable_variables, optimizer.adam_velocities, strict=True
        )
        if velocity is None
    }
    inner = {"encoder_conv_1", "decoder_conv_0", "decoder_conv_1"}
    if architecture is joined_pair:
        inner |= {f"plain_conv_{k}" for k in range(1, 5)}
    assert by_muon == inner


@pytest.mark.parametrize(
    ("name", "plain", "options"),
    [("adam", keras.optimizers.Adam, {}), ("adamw", keras.optimizers.AdamW, {"weight_decay": 0.5})],
)
def test_adam_takes_the_steps_of_keras(tiny, name, plain, options):
    gradients = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    settings = {"optimizer": name, "learning_rate": 0.02, **options}
    config = tiny.with_overrides({"training": settings})
    results = []
    for optimizer in (make_optimizer(config, 5), plain(0.02, **options)):
        variable = keras.Variable(np.ones((3, 4), np.float32))
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([tf.constant(gradient)], [variable])
        results.append(keras.ops.convert_to_numpy(variable))
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_the_average_is_exchanged_and_put_back_exactly(tiny):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    config = tiny.with_overrides({"training.ema": 0.5})
    model.compile(make_optimizer(config, 10), "mse")
    x, y = np.random.default_rng(0).random((2, 4, 2)).astype(np.float32)
    model.optimizer.build(model.trainable_variables)
    expected: list[np.ndarray] = []
    for _ in range(3):
        model.train_on_batch(x, y)
        now = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
        expected = [(e + n) / 2 for e, n in zip(expected or now, now, strict=True)]
    before = model.get_weights()
    with averaged_weights(model):
        for found, value in zip(model.trainable_variables, expected, strict=True):
            np.testing.assert_allclose(
                keras.ops.convert_to_numpy(found), value, rtol=1e-6, atol=1e-8
            )
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("optimizer", ["adamw", pytest.param("muon", marks=pytest.mark.slow)])
def test_each_optimizer_trains_and_its_averaged_model_is_kept(
    tiny, data_dir, tmp_path, optimizer, validation_errors
):
    config = tiny.with_overrides(
        {
            "training.optimizer": optimizer,
            "training.weight_decay": 1e-3,
            "training.schedule": "cosine",
            "training.warmup": 0.1,
            "training.clip_norm": 1.0,
            "training.ema": 0.9,
            "training.learning_rate": 0.1,
            "training.epochs": 3,
        }
    )
    run = train(config, data_dir, tmp_path / "run")
    rows = read_csv(run.path / "history.csv")
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert float(rows[-1]["learning_rate"]) == pytest.approx(0, abs=1e-9)
    kept = float(np.mean(validation_errors(run.path, config, data_dir)))
    assert kept == pytest.approx(run.state()["validation"]["mae"], rel=1e-5)


@pytest.mark.parametrize("kind", [MeasuredAdam, MeasuredAdamW, MeasuredMuon])
def test_each_optimizer_measures_and_clips_the_gradient(kind, monkeypatch):
    applied: list[np.ndarray] = []

    def note(self: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
        applied.append(np.array(gradient))

    monkeypatch.setattr(kind, "update_step", note)
    variables = [keras.Variable(np.ones(shape, np.float32)) for shape in ((1,), (1, 2))]
    gradients = [tf.constant([3.0]), tf.constant([[0.0, 4.0]])]
    for limit, scale in ((None, 1.0), (10.0, 1.0), (0.5, 0.1)):
        applied.clear()
        optimizer = kind(learning_rate=0.1, clip_norm=limit)
        optimizer.build(variables)
        optimizer.apply(gradients, variables)
        assert float(optimizer.gradient_norm) == pytest.approx(5.0)
        for found, gradient in zip(applied, gradients, strict=True):
            np.testing.assert_allclose(found, scale * gradient.numpy(), rtol=1e-6)
