"""Each architecture: built by a configuration, trained, loaded, proven and exported."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diffkeras import train
from diffkeras.errors import ConfigurationError
from diffkeras.physics.linear.spectral import SpectralOperator
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.saved_model import export_saved_model
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from tests.helpers.lean_runs import lean_training
from tests.helpers.surrogate_kinds import KINDS

LINEAR = {"model.transform": "linear"}
TRAINED: dict[str, dict[str, Any]] = {
    "joined_pair": {"model.architecture": "joined_pair", "model.fixed_values": True},
    "u_net": {"model.architecture": "u_net", "model.fixed_values": True},
    "fourier_neural_operator": {
        "model.architecture": "fourier_neural_operator",
        "model.modes": 4,
        "model.fixed_values": True,
    },
    "corrections": {**LINEAR, "model.corrections": 1, "training.symmetries": True},
}


@pytest.fixture(
    scope="module",
    params=[
        "u_net",
        pytest.param("corrections", marks=pytest.mark.slow),
        pytest.param("fourier_neural_operator", marks=pytest.mark.slow),
        pytest.param("joined_pair", marks=pytest.mark.slow),
    ],
)
def trained(request, tiny, data_dir, tmp_path_factory):
    config = tiny.with_overrides({**TRAINED[request.param], "training.epochs": 1})
    with lean_training():
        return train(config, data_dir, tmp_path_factory.mktemp("runs") / request.param).path


def test_a_trained_architecture_predicts_proves_and_exports(trained, tmp_path):
    surrogate = load_surrogate(trained)
    images = np.zeros((2, 20, 16))  # another lattice than in the training
    images[:, 4:7, 5:9] = 1.0
    images[1, 12:15, 3:6] = 0.25
    fields = surrogate.fields(images)
    np.testing.assert_array_equal(fields[images > 0], images[images > 0].astype("f"))
    exact = surrogate.predict(images[1], tolerance=1e-6).field
    bound = surrogate.predict(images[1]).error_bound
    assert bound >= np.abs(fields[1] - exact).max() - 1e-6
    export_saved_model(surrogate, tmp_path / "saved_model")
    loaded = tf.saved_model.load(tmp_path / "saved_model")
    served = loaded.serve(tf.constant(images[..., None], tf.float32))
    np.testing.assert_allclose(served[..., 0], fields, rtol=1e-4, atol=1e-6)


def test_the_equation_is_that_of_each_diffusion_length(tiny):
    physics = {"decay": 1 / 400, "step": 2.0, "diffusivity": 3.0, "boundary": "reflecting"}
    network = {"architecture": "u_net", "corrections": 2, "transform": "linear"}
    changes = {"physics": physics, "data.diffusion_length": [4, 10], "model": network}
    config = tiny.with_overrides(changes)
    surrogate = Surrogate(build_model(config), config)
    image = np.zeros((16, 16))
    image[5:9, 6:10] = 1.0
    far = np.ones(image.shape, bool)  # the equation of nodes next to the source has its values
    far[4:10, 5:11] = False
    for length in (4.0, 10.0):
        prediction = surrogate.predict(image, diffusion_length=length)
        field, medium = prediction.field.astype(np.float64), prediction.problem.medium
        balance = SpectralOperator((16, 16), medium).volumes.apply(field)[far]
        assert np.abs(balance).max() < 1e-3 * float(medium.decay) * np.abs(field[far]).max()


@pytest.mark.parametrize(
    "architecture", ["encoder_decoder", "joined_pair", "u_net", "fourier_neural_operator"]
)
def test_fixed_values_are_an_option_of_each(architecture, tiny):
    network = {"architecture": architecture, "fixed_values": True, "modes": 5}
    for pad in (False, True):
        model = build_model(tiny.with_overrides({"model": {**network, "pad": pad}}))
        image = np.zeros((1, 16, 15 if pad else 16, 1), np.float32)
        image[0, 3:6, 4:8] = 0.7
        field = np.asarray(model(image))
        assert np.all(field[image > 0] == np.float32(0.7))
        assert np.any(field[image == 0] != 0)


def test_without_a_network_no_side_has_to_be_divided(tiny):
    unrolled = {"architecture": "unrolled_cg", "corrections": 1, "transform": "linear"}
    config = tiny.with_overrides({"model": unrolled, "physics.lattice": [15, 17]})
    surrogate = Surrogate(build_model(config), config)
    image = np.zeros((13, 19))
    image[5:9, 6:10] = 1.0
    assert surrogate.predict(image).field.shape == (13, 19)
    assert sum(np.prod(v.shape) for v in surrogate.model.trainable_variables) == 28


PRODUCTION = {"physics.sources": "production"}
LENGTHS = {"physics.decay": 1 / 400, "data.diffusion_length": [1, 9]}
CORRECTED = {**LINEAR, "model.corrections": 1}
CLOSED = {"physics.decay": 0, "physics.boundary": "periodic"}
NEARLY = {**LENGTHS, "physics.boundary": "reflecting", "data.diffusion_length": [2, 9000]}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({**PRODUCTION, "model.fixed_values": True}, r"model\.fixed_values: .* none is known"),
        ({**PRODUCTION, **CORRECTED}, r"model\.corrections: .* one correction gives the exact"),
        ({**LINEAR, "model.architecture": "unrolled_cg"}, r"0 would leave nothing; choose at lea"),
        ({"model.architecture": "fourier_neural_operator"}, r"16 rows, .* at least 23; .* fewer"),
        ({"model.corrections": 1}, r"corrections: 1 need.* choose model\.transform: linear, not s"),
        ({**CORRECTED, **CLOSED}, r"model\.corrections: .* decay is as small as 0; choose"),
        ({**CORRECTED, **NEARLY}, r"model\.corrections: .* decay is as small as 1\.2.*e-08"),
        ({**LENGTHS, "data.diffusion_length": [0, 5]}, r"data\.diffusion_length"),
        ({**LENGTHS, "data.diffusion_length": [1, 2e4]}, "from 0.05 to 10000 lattice steps"),
        ({**LENGTHS, "physics.decay": 0.1}, r"diffusion_length: .* 0\.1 would have no effect"),
    ],
)
def test_what_a_network_cannot_be_combined_with(overrides, message, tiny):
    with pytest.raises(ConfigurationError, match=message):
        tiny.with_overrides(overrides)


@pytest.mark.parametrize(("initial_weights", "biased"), [("keras", False), ("pytorch", True)])
def test_initial_weights(tiny, initial_weights, biased):
    model = build_model(tiny.with_overrides({"model.initial_weights": initial_weights}))
    biases = [w.numpy() for w in model.trainable_weights if w.path.endswith("conv_1/bias")]
    assert biases
    assert np.any(biases[0] != 0) == biased


@pytest.mark.parametrize(
    ("kind", "change", "channels"),
    [
        ("lengths", {"model.architecture": "joined_pair", "model.pad": True}, 2),
        ("tissue", {"data.tissue.cells": [0, 0]}, 2),
        ("tissue", {"data.tissue.diffusivity": [1, 1]}, 2),
        ("tissue", {"model.architecture": "unrolled_cg"}, 3),
        ("tissue", {"model.architecture": "joined_pair", "model.corrections": 0}, 3),
    ],
)
def test_what_varies_is_a_channel(tiny, kind, change, channels):
    model = build_model(tiny.with_overrides(KINDS[kind]).with_overrides(change))
    assert model.input_shape == (None, None, None, channels)
