"""Surrogates of sources that produce: the size of their fields, their bounds, their SavedModel."""

import numpy as np
import pytest

from tests.helpers.known_networks import produced, surrogate_of
from tests.helpers.plain_equations import matrix_of


@pytest.fixture(scope="module")
def divided(tiny):
    return tiny.with_overrides({"physics.sources": "production", "data.divide_by_maximum": True})


@pytest.fixture(scope="module")
def images():
    stack = np.zeros((3, 16, 16))
    for index, image in enumerate(stack):
        image[0:3, 3 + index : 6 + index] = 1  # next to a side, where most flows out
        image[11, 5 + index] = 0.5
    return stack


def test_each_image_is_balanced_with_its_own_diffusion_length(divided, images):
    """A right shape gets the right size, and as in media of one length it is proven."""
    medium = {"diffusivity": 2, "decay": 1 / 400}
    config = divided.with_overrides({"data.diffusion_length": [1, 20], "physics": medium})
    each = zip(images, (2.0, 5.0, 15.0), strict=True)
    problems = [config.view.problem(image, diffusion_length=length) for image, length in each]
    exact = np.stack([produced(x, one.medium) for x, one in zip(images, problems, strict=True)])
    surrogate = surrogate_of(exact / maxima(exact), config)
    for prediction, field in zip(surrogate.predict_many(problems), exact, strict=True):
        np.testing.assert_allclose(prediction.field, field, rtol=1e-5)
        assert (abs(prediction.field - field) <= prediction.node_bound).all()


def maxima(fields: np.ndarray) -> np.ndarray:
    return fields.max(axis=(1, 2), keepdims=True)


@pytest.mark.parametrize(
    "physics",
    [
        {"boundary": "reflecting"},
        {"boundary": ["absorbing", "periodic"]},
        {"boundary": ["reflecting", "absorbing"], "step": 0.5, "diffusivity": 3.0},
    ],
)
def test_any_shape_gets_the_size_that_is_in_balance(divided, images, physics):
    config = divided.with_overrides({"physics": physics})
    shapes = np.random.default_rng(0).standard_normal(images.shape)
    field = surrogate_of(shapes, config).fields(images).astype(float)
    medium, weights = config.physics.medium, np.maximum(shapes - 0.1, 0).reshape(3, -1)
    lost = (weights * (field.reshape(3, -1) @ matrix_of((16, 16), medium))).sum(axis=1)
    produced = float(medium.decay) * (weights * images.reshape(3, -1)).sum(axis=1)
    np.testing.assert_allclose(lost, produced, rtol=1e-5)
    assert (produced > 0).all()
    np.testing.assert_allclose(field / maxima(field), shapes / maxima(shapes), rtol=1e-5)
    half = surrogate_of(shapes, config).fields(images / 2)
    np.testing.assert_allclose(half, field / 2, rtol=1e-5)


def test_small_errors_far_from_the_sources_hardly_change_the_size(divided):
    config = divided.with_overrides({"physics.lattice": 128, "physics.decay": 1 / 400})
    image = np.zeros((1, 128, 128))
    image[0, 60:69, 60:69] = 1
    exact = produced(image[0], config.physics.medium)[None]
    for error in (-1e-3, 1e-3):
        found = surrogate_of(exact / exact.max() + error, config).fields(image).max()
        assert found == pytest.approx(exact.max(), rel=3e-3)


def test_without_sources_or_a_high_shape_the_field_is_zero(divided, images):
    shapes = np.random.default_rng(0).random(images.shape)
    for low in (-shapes, 0.1 * shapes):
        assert not surrogate_of(low, divided).fields(images).any()
    images = images.copy()
    images[1] = 0
    fields = surrogate_of(shapes, divided).fields(images)
    assert fields.any(axis=(1, 2)).tolist() == [True, False, True]
