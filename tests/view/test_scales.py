import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras.physics.problem.maps import MAPS
from diffkeras.view.scales import (
    TRANSFORMS,
    channel_of_length,
    channel_of_map,
    decay_of_channel,
    get_transform,
    maps_of_channels,
)

NAMESPACES = {"numpy": np, "keras.ops": keras.ops, "tf.experimental.numpy": tf.experimental.numpy}
VALUES = np.concatenate([[0.0], np.logspace(-6, 0, 50)]).astype(np.float32)

every_transform = pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
every_namespace = pytest.mark.parametrize("xp", NAMESPACES.values(), ids=NAMESPACES.keys())


@every_transform
@every_namespace
def test_inverse_undoes_forward(transform, xp):
    there = transform.forward(xp.array(VALUES), xp)
    exact = transform.forward(VALUES.astype(np.float64))
    np.testing.assert_allclose(np.asarray(there), exact, rtol=1e-6, atol=1e-7)
    back = np.asarray(transform.inverse(there, xp))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, VALUES, rtol=2e-6, atol=2e-7)


@every_transform
def test_transforms_keep_zero_order_and_sign_also_in_other_processes(transform):
    forward = transform.forward(VALUES)
    assert forward[0] == 0
    assert transform.inverse(np.float32(0)) == 0
    assert (np.diff(forward) > 0).all()
    assert (np.diff(transform.inverse(np.linspace(-0.5, 1.2, 40))) > 0).all()
    back = transform.inverse(np.array([-0.1, -0.5]))
    assert (back < 0).all()
    np.testing.assert_allclose(transform.forward(back), [-0.1, -0.5], rtol=1e-12)
    assert pickle.loads(pickle.dumps(transform)) == transform


def test_hand_computed_values():
    values = {"linear": 0.25, "sqrt": 0.5, "log": np.log10(1.25), "power": 2**-0.5}
    for name, value in values.items():
        assert get_transform(name).forward(0.25) == pytest.approx(value, rel=1e-14)
    with pytest.raises(ValueError, match="'cube'; choose one of linear, sqrt, log, power"):
        get_transform("cube")


@every_namespace
def test_channels_are_turned_back(xp):
    lengths, unit = np.float32([2, 5, 20]), 0.5 / 0.1**2
    channel = channel_of_length(xp.array(lengths), 2, 20, xp)
    np.testing.assert_allclose(np.asarray(channel)[[0, 2]], [-1, 1], rtol=1e-6)
    decays = np.asarray(decay_of_channel(channel, 2, 20, xp))
    np.testing.assert_allclose(decays, 1 / lengths**2, rtol=1e-5)
    maps = {name: xp.array(lengths + k) for k, name in enumerate(MAPS)}
    channels = [channel_of_map(name, values, 0.5, 0.1, xp) for name, values in maps.items()]
    back = maps_of_channels(xp.stack([channels[0], *channels], axis=-1), [*MAPS], xp)
    scales = {"diffusivity": 0.5, "saturation": 1.0}
    for name, values in maps.items():
        expected = np.asarray(values) / scales.get(name, unit)
        np.testing.assert_allclose(np.asarray(back[name]), expected, rtol=1e-5)
