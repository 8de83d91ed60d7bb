import keras
import numpy as np
import pytest

from diffkeras.nn import CrossReplicaBatchNormalization, NormalizedConv3x3

tf = pytest.importorskip("tensorflow")


def pair(channels=1, **options):
    """The layer, and the two layers that it replaces, with the same random weights."""
    norm_options = {"momentum": 0.8, "epsilon": 1e-4}
    layer = NormalizedConv3x3(6, **norm_options, **options)
    plain = keras.layers.Conv2D(6, 3, padding="same", **options)
    norm = CrossReplicaBatchNormalization(**norm_options, dtype=options.get("dtype"))
    layer.build((None, None, None, channels))
    plain.build((None, None, None, channels))
    norm.build((None, None, None, 6))
    rng = np.random.default_rng(1)
    weights = [rng.random(w.shape) + 0.5 for w in layer.get_weights()]
    layer.set_weights(weights)
    number = len(plain.weights)
    plain.set_weights(weights[:number])
    norm.set_weights(weights[number:])
    return layer, plain, norm


def images(channels=1, dtype="float32"):
    rng = np.random.default_rng(0)
    shape = (3, 8, 12, channels)
    return tf.constant(rng.random(shape) * (rng.random(shape) < 0.3), dtype)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-12)])
def test_values_gradients_and_moving_statistics(training, channels, use_bias, dtype, tolerance):
    layer, plain, norm = pair(channels, use_bias=use_bias, dtype=dtype)
    x = images(channels, dtype)
    trained = [*plain.trainable_weights, *norm.trainable_weights]
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        found = layer(x, training=training)
        expected = norm(plain(x), training=training)
        loss, expected_loss = (tf.reduce_sum(y**3) for y in (found, expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())
    for a, b in zip(
        tape.gradient(loss, [x, *layer.trainable_weights]),
        tape.gradient(expected_loss, [x, *trained]),
        strict=True,
    ):
        # in training, the gradient of the bias is 0 up to rounding
        scale = max(np.abs(b).max(), float(expected_loss) * 0.1)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * scale)
    for a, b in zip(layer.get_weights(), plain.get_weights() + norm.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance)


def test_frozen_it_keeps_its_statistics():
    layer, _, _ = pair()
    layer.trainable = False
    before = layer.get_weights()
    np.testing.assert_array_equal(layer(images(), training=True), layer(images(), training=False))
    for a, b in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(policy):
    layer, plain, norm = pair(dtype=policy)
    assert layer.kernel.dtype == layer.norm.moving_variance.dtype == "float32"
    y = layer(images(), training=True)
    assert y.dtype == layer.compute_dtype
    expected = tf.cast(norm(plain(images()), training=True), "float32")
    np.testing.assert_allclose(tf.cast(y, "float32"), expected, atol=0.05 * np.abs(expected).max())


def test_saved_and_loaded(tmp_path):
    layer, _, _ = pair()
    model = keras.Sequential([keras.Input((None, None, 1)), layer])
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images()), model(images()))
