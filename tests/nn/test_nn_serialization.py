"""Every custom object survives get_config → from_config and a saved model."""

import inspect

import keras
import pytest

from diffkeras import nn
from diffkeras.nn import layers, losses, metrics

MIXED = [["absorbing", {"flux": 0.5}], "periodic"]
ABSTRACT = {
    nn.LatticeOperator,  # an argument of layers
    losses.NodeLoss,
    losses.WeightedError,
    losses.WeightMap,
    metrics.LinearScaleMetric,
    metrics.LinearScaleMean,
}
WEIGHTS = [losses.ExponentialWeight(0.4), losses.TanhWeight(30.0, 2.0), losses.StepWeight(7.0)]
LOSSES = [
    losses.AlternatingLoss(
        losses.AbsoluteError(),
        losses.HuberError(0.1, weight=losses.StepWeight(7.0)),
        schedule="random",
        every=3,
        seed=4,
        probability=0.2,
        name="in_turn",
        dtype="float64",
    ),
    losses.SquaredError(weight="tanh", weight_from="prediction", reduction="sum", name="mine"),
    losses.PowerError(1.5, normalize_weight=True, weight=losses.StepWeight(7.0)),
    losses.HuberError(0.1, weight="tanh", weight_from="prediction", weight_gradient=True),
    losses.InverseHuberError(0.1, weight="tanh"),
    losses.RelativeError(0.01),
    losses.AbsoluteError(),
]
METRICS = [
    metrics.RegionMeanAbsoluteError("r2", "sqrt", name="rim"),
    metrics.RelativeL2Error("log"),
    metrics.MaximumError("power", dtype="float64"),
    metrics.SourceCountError([1, 5], "sqrt"),
    metrics.UnweightedError(losses.SquaredError(weight="tanh"), dtype="float64"),
]
LAYERS = [
    layers.RingCorrections(nn.LatticeOperator(0.1, ("reflecting", "periodic"), (1.0, 9.0)), 3),
    layers.MultigridCorrections(nn.LatticeOperator(boundaries=MIXED, maps=["decay"]), 2),
    layers.FixedValues(),
    layers.LatticeCheck(3),
    layers.PadToMultiple(8),
    layers.CropTo(),
    layers.AppendCoordinates(name="coordinates"),
    layers.SpectralConvolution(4, 3),
    layers.Conv3x3(4, kernel_initializer="zeros"),
    layers.NormalizedConv3x3(4, momentum=0.7, epsilon=1e-4),
    layers.UpsampledConv3x3(4, activation="relu", use_bias=False),
]
OPTIMIZERS = [nn.ConvolutionalMuon(0.01, exclude_layers=["field_conv"])]
OBJECTS = [*WEIGHTS, *LOSSES, *METRICS, *LAYERS, *OPTIMIZERS]


@pytest.mark.parametrize("instance", OBJECTS, ids=lambda o: type(o).__name__)
def test_round_trip(instance):
    config = instance.get_config()
    again = type(instance).from_config(config)
    assert again.get_config() == config
    assert getattr(again, "dtype", None) == getattr(instance, "dtype", None)
    serialized = keras.saving.serialize_keras_object(instance)
    through_keras = keras.saving.deserialize_keras_object(serialized)
    assert type(through_keras) is type(instance)
    assert through_keras.get_config() == config


def test_every_public_class_is_covered():
    public = {
        member
        for module in (nn, layers, losses, metrics)
        for name in getattr(module, "__all__", dir(module))
        if inspect.isclass(member := getattr(module, name))
        and member.__module__.startswith("diffkeras.nn")
        and not issubclass(member, keras.callbacks.Callback)
    }
    assert public - ABSTRACT == {type(instance) for instance in OBJECTS}
