import keras
import numpy as np
import pytest

from diffkeras.nn import convolution
from diffkeras.nn.layers import Conv3x3, NormalizedConv3x3, UpsampledConv3x3
from tests.helpers.rounding import same_to_rounding

tf = pytest.importorskip("tensorflow")


@pytest.fixture(params=["as a convolution", "by a product"])
def formulation(request, monkeypatch):
    limit = 1 if request.param == "by a product" else 2**62
    monkeypatch.setattr(convolution, "LARGE_KERNEL", limit)
    monkeypatch.setattr(convolution, "LARGE_KERNEL_IN_TRAINING", limit)
    return request.param


def pair(kind, filters=3, channels=4, **options):
    """A layer, and the layers of Keras that it replaces, with the same weights."""
    keras.utils.set_random_seed(0)  # in half precision, some weights round more than others
    options = {"bias_initializer": "normal", **options}
    layer = kind(filters, **options)
    plain = keras.layers.Conv2D(filters, 3, padding="same", **options)
    for part in (layer, plain):
        part.build((None, None, None, channels))
    plain.set_weights(layer.get_weights())
    if kind is Conv3x3:
        return layer, plain, plain.weights
    upsampling = keras.layers.UpSampling2D(2, interpolation="nearest", dtype=options.get("dtype"))
    return layer, lambda x: plain(upsampling(x)), plain.weights


def gradients(function, weights, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        loss = tf.reduce_sum(tf.sin(3 * y))
    return [y, *tape.gradient(loss, [x, *weights])]


@pytest.mark.parametrize("kind", [Conv3x3, UpsampledConv3x3])
@pytest.mark.parametrize("lattice", [(1, 1), (5, 3), (4, 8)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-13)])
def test_values_and_gradients_up_to_the_rim(kind, lattice, dtype, tolerance, formulation):
    layer, plain, weights = pair(kind, dtype=dtype)
    x = tf.constant(np.random.default_rng(0).standard_normal((2, *lattice, 4)), dtype)
    result = gradients(layer, layer.weights, x)
    for a, b in zip(result, gradients(plain, weights, x), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * np.abs(b).max())


@pytest.mark.parametrize("kind", [Conv3x3, UpsampledConv3x3])
@pytest.mark.parametrize(("dtype", "rounding"), [("float16", 2**-11), ("bfloat16", 2**-8)])
def test_mixed_precision(kind, dtype, rounding, formulation):
    layer, _, _ = pair(kind, dtype=f"mixed_{dtype}")
    _, plain, weights = pair(kind)
    for one, exact in zip(layer.weights, weights, strict=True):
        assert one.dtype == "float32"
        exact.assign(one)
    x = tf.constant(np.random.default_rng(0).standard_normal((2, 4, 6, 4)), "float32")
    assert layer(x).dtype == layer.compute_dtype == dtype
    result = gradients(lambda x: tf.cast(layer(x), "float32"), layer.weights, x)
    for a, b in zip(result, gradients(plain, weights, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=16 * rounding * np.abs(b).max())


@pytest.mark.parametrize("kind", [Conv3x3, UpsampledConv3x3])
def test_unknown_sides_and_options_of_keras(kind, formulation):
    options = {"use_bias": False, "activation": "relu", "bias_initializer": "zeros"}
    layer, plain, _ = pair(kind, **options)
    model = keras.Sequential([keras.Input((None, None, 4)), layer])
    assert model.output_shape == (None, None, None, 3)
    for lattice in ((4, 6), (2, 2)):
        x = np.random.default_rng(0).standard_normal((2, *lattice, 4)).astype("float32")
        np.testing.assert_allclose(model.predict(x, verbose=0), plain(x), atol=1e-5)
    factor = 1 if kind is Conv3x3 else 2
    assert layer.compute_output_shape((1, 4, None, 4)) == (1, 4 * factor, None, 3)


def normalized_pair(channels=1, **options):
    """The layer, and the two layers that it replaces, with the same random weights."""
    norm_options = {"momentum": 0.8, "epsilon": 1e-4}
    layer = NormalizedConv3x3(6, **norm_options, **options)
    plain = keras.layers.Conv2D(6, 3, padding="same", **options)
    norm = keras.layers.BatchNormalization(**norm_options, dtype=options.get("dtype"))
    layer.build((None, None, None, channels))
    plain.build((None, None, None, channels))
    norm.build((None, None, None, 6))
    rng, number = np.random.default_rng(1), len(plain.weights)
    weights = [rng.random(w.shape) + 0.5 for w in layer.get_weights()]
    for part, own in ((layer, weights), (plain, weights[:number]), (norm, weights[number:])):
        part.set_weights(own)
    return layer, plain, norm


def images(channels=1, dtype="float32"):
    rng = np.random.default_rng(0)
    shape = (3, 8, 12, channels)
    return tf.constant(rng.random(shape) * (rng.random(shape) < 0.3), dtype)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("channels", "use_bias"), [(1, True), (2, False)])
@pytest.mark.parametrize(("dtype", "near"), [("float32", 1e-4), ("float64", 1e-12)])
def test_normalized_values_gradients_and_moving_statistics(
    training, channels, use_bias, dtype, near
):
    layer, plain, norm = normalized_pair(channels, use_bias=use_bias, dtype=dtype)
    x = images(channels, dtype)
    trained = [*plain.trainable_weights, *norm.trainable_weights]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        result = layer(x, training=training)
        expected = norm(plain(x), training=training)
        loss, expected_loss = (tf.reduce_sum(y**3) for y in (result, expected))
    np.testing.assert_allclose(result, expected, rtol=0, atol=near * np.abs(expected).max())
    for a, b in zip(
        tape.gradient(loss, [x, *layer.trainable_weights]),
        tape.gradient(expected_loss, [x, *trained]),
        strict=True,
    ):
        # in training, the gradient of the bias is 0 up to rounding
        scale = max(np.abs(b).max(), float(expected_loss) * 0.1)
        np.testing.assert_allclose(a, b, rtol=0, atol=near * scale)
    for a, b in zip(layer.get_weights(), plain.get_weights() + norm.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=near)


def test_frozen_it_keeps_its_statistics():
    layer, _, _ = normalized_pair()
    layer.trainable, before = False, layer.get_weights()
    assert same_to_rounding(layer(images(), training=True), layer(images(), training=False))
    assert all(map(np.array_equal, layer.get_weights(), before))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_normalized_in_mixed_precision(policy):
    layer, plain, norm = normalized_pair(dtype=policy)
    assert layer.kernel.dtype == layer.norm.moving_variance.dtype == "float32"
    y = layer(images(), training=True)
    assert y.dtype == layer.compute_dtype
    expected = tf.cast(norm(plain(images()), training=True), "float32")
    np.testing.assert_allclose(tf.cast(y, "float32"), expected, atol=0.05 * np.abs(expected).max())
