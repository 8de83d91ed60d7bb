from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.workflows import train


@pytest.mark.parametrize(("initial_weights", "biased"), [("keras", False), ("pytorch", True)])
def test_initial_weights(tiny: Config, initial_weights: str, biased: bool) -> None:
    model = build_model(tiny.with_overrides({"model.initial_weights": initial_weights}))
    biases = [w.numpy() for w in model.trainable_weights if w.path.endswith("conv_1/bias")]
    assert biases
    assert np.any(biases[0] != 0) == biased


@pytest.mark.parametrize("pad", [False, True])
def test_the_joined_pair_of_a_configuration(tiny: Config, pad: bool) -> None:
    overrides = {
        "model.architecture": "joined_pair",
        "model.pad": pad,
        "data.diffusion_length": [1, 9],
    }
    config = tiny.with_overrides({**overrides, "physics.decay": 1 / 400})
    model = build_model(config)
    assert model.name == ("joined_pair_padded" if pad else "joined_pair")
    side = 15 if pad else 16
    assert tuple(model(np.ones((1, side, side, 2), np.float32)).shape) == (1, side, side, 1)


@pytest.mark.slow
def test_a_joined_pair_is_trained_and_exported(
    tiny: Config, data_dir: Path, tmp_path: Path
) -> None:
    config = tiny.with_overrides({"model.architecture": "joined_pair", "training.epochs": 1})
    run = train(config, data_dir, tmp_path / "run")
    surrogate = load_surrogate(run.path)
    assert surrogate.model.get_layer("plain_network")
    images = np.zeros((2, 16, 16), np.float32)
    images[:, 4:7, 5:9] = 1.0
    served = tf.saved_model.load(run.path / "saved_model")
    field = served.serve(tf.constant(images[..., None]))[..., 0]
    np.testing.assert_allclose(field, surrogate.predict(images).field, rtol=1e-4, atol=1e-6)
