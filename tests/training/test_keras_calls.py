"""Keras really calls the undocumented methods that diffkeras overrides."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras.nn import ConvolutionalMuon
from diffkeras.training.compiled_model import ReplicatedModel
from diffkeras.training.optimizers import MeasuredAdam, MeasuredAdamW, MeasuredMuon

X = np.random.default_rng(0).random((2, 4, 4, 1)).astype(np.float32)


def network() -> keras.Model:
    layers = [keras.layers.Conv2D(width, 3, padding="same") for width in (2, 2, 1)]
    return keras.Sequential([keras.Input((4, 4, 1)), *layers])


def fitted(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """A small convolutional network after one step of `fit`."""
    model = network()
    model.compile(optimizer, "mse", run_eagerly=True)  # quicker than a graph
    model.fit(X, X, verbose=0)
    return model


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


def test_keras_asks_muon_about_each_weight_and_for_its_step(monkeypatch):
    names = ("_should_use_adamw", "zeropower_via_newtonschulz5", "lr_adjust")
    called: set[str] = set()
    for name in names:
        original = getattr(ConvolutionalMuon, name)

        def noted(self: Any, *args: Any, n: str = name, f: Any = original) -> Any:
            called.add(n)
            return f(self, *args)

        monkeypatch.setattr(ConvolutionalMuon, name, noted)
    fitted(ConvolutionalMuon(0.01))
    assert called == set(names)


def test_keras_builds_the_metrics_of_several_replicas_by_our_method(monkeypatch):
    called = []
    original = ReplicatedModel._maybe_symbolic_build

    def noted(self: Any, *args: Any, **options: Any) -> None:
        called.append(True)
        original(self, *args, **options)

    monkeypatch.setattr(ReplicatedModel, "_maybe_symbolic_build", noted)
    with tf.distribute.OneDeviceStrategy("CPU:0").scope():
        single = network()
        model = ReplicatedModel(single.inputs, single.outputs)
        model.compile("sgd", "mse")
    model.fit(tf.data.Dataset.from_tensors((X, X)), shuffle=False, verbose=0)
    assert called
