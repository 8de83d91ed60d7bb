"""A loss that alternates, and the callback that selects."""

import keras
import numpy as np
import pytest

from diffkeras.nn import AlternateLosses, get_loss, pack_target
from diffkeras.nn.losses import AbsoluteError, AlternatingLoss, SquaredError

IMAGE = np.array([[[[1.0], [0.0]]]], "float32")
TARGET = pack_target(IMAGE, IMAGE)


@pytest.mark.parametrize("jit", [False, True])
def test_an_overflow_of_the_other_loss_has_no_effect(jit):
    import tensorflow as tf

    second = {"error": "absolute", "weight": {"name": "step", "amplitude": 1}}
    parts = {"first": {"error": "power", "alpha": 200}, "second": second}
    loss = get_loss({"error": "alternating", **parts})
    prediction = tf.Variable(IMAGE + 5)

    @tf.function(jit_compile=jit)
    def gradient():
        with tf.GradientTape() as tape:
            value = loss(TARGET, prediction)
        return value, tape.gradient(value, prediction)

    assert np.isinf(gradient()[0])
    loss.select(1)  # the compiled function reads the selection
    value, slope = gradient()
    assert float(value) == pytest.approx(5)
    np.testing.assert_allclose(slope, np.full(IMAGE.shape, 0.5))


def alternating(**options):
    return AlternatingLoss(AbsoluteError(), SquaredError(), **options)


@pytest.mark.parametrize("every", [1, 3, "batch"])
def test_toggle_alternates(every):
    period = 3 if every == 3 else 1
    choices = [alternating(every=every).choice(position) for position in range(12)]
    assert choices == [position // period % 2 for position in range(12)]


def test_random_choice_is_a_function_of_seed_and_period():
    def draws(**options):
        loss = alternating(schedule="random", **options)
        return [loss.choice(position) for position in range(400)]

    assert draws(seed=3) == draws(seed=3) != draws(seed=4)
    assert draws(seed=3) == draws(seed=3, every="batch")
    assert np.mean(draws(seed=3)) == pytest.approx(0.5, abs=0.1)
    assert np.mean(draws(seed=3, probability=0.9)) == pytest.approx(0.1, abs=0.05)
    assert set(draws(probability=1.0)) == {0}
    assert set(draws(probability=0.0)) == {1}
    assert draws(seed=3, every=4) == np.repeat(draws(seed=3)[:100], 4).tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "weekly"}, "schedule 'weekly' is unknown; choose one of toggle, random"),
        ({"every": "year"}, "every must be a number of epochs or 'batch', got 'year'"),
        ({"probability": 1.5}, "probability must be 0 to 1, not 1.5"),
        ({"second": "mae"}, "second must be an error with or without a weight, got 'mae'"),
        (
            {"first": AlternatingLoss(AbsoluteError(), SquaredError())},
            "first must be an error with or without a weight, got AlternatingLoss",
        ),
        ({"first": AbsoluteError(reduction="sum")}, "first must have no reduction 'sum' of its"),
    ],
)
def test_bad_arguments(options, message):
    arguments = {"first": AbsoluteError(), "second": SquaredError(), **options}
    with pytest.raises(ValueError, match=message):
        AlternatingLoss(**arguments)


SEED = 3  # draws different losses for periods 0 and 1
VALUES = 0.1, 0.01


class LossLog(keras.callbacks.Callback):
    """Records the loss of each epoch and of each batch; Keras logs the running mean of these."""

    def on_train_begin(self, logs=None):
        self.losses, self.means = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.means.append(logs["loss"])

    def on_train_batch_end(self, batch, logs=None):
        before = sum(self.losses[len(self.losses) - batch :])
        self.losses.append(logs["loss"] * (batch + 1) - before)


def log_of_fit(loss, initial_epoch=0, epochs=2, updates=0, compiled=None, **options):
    """Losses of a constant model with errors of 0.1, in epochs of 3 batches."""
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 1)])
    model.compile(keras.optimizers.SGD(0.0), loss, **(compiled or {}))
    model.layers[-1].set_weights([np.zeros((1, 1, 1, 1)), np.full(1, 0.1)])
    model.optimizer.iterations.assign(updates)
    image = np.ones((3, 2, 2, 1), "float32")
    target = pack_target(0.0 * image, image)
    log = LossLog()
    callbacks = [AlternateLosses(**options), log]
    epochs = {"initial_epoch": initial_epoch, "epochs": epochs}
    model.fit(image, target, batch_size=1, **epochs, verbose=0, callbacks=callbacks)
    return log


@pytest.mark.parametrize(
    ("schedule", "compiled"),
    [("random", {"jit_compile": True}), ("toggle", {"steps_per_execution": 3})],
)
def test_the_callback_selects_the_loss_of_an_epoch(schedule, compiled):
    loss = alternating(schedule=schedule, every=2, seed=SEED)
    expected = [VALUES[loss.choice(epoch)] for epoch in range(5)]
    assert len(set(expected)) == 2
    result = log_of_fit(loss, epochs=5, compiled=compiled).means
    np.testing.assert_allclose(result, expected, rtol=1e-4)


EAGER = {"run_eagerly": True}  # quicker than a graph


@pytest.mark.parametrize("every", ["batch", 2])
def test_a_resumed_run_makes_the_same_choices(every):
    def losses(**options):
        loss = alternating(schedule="random", every=every, seed=SEED)
        return log_of_fit(loss, compiled=EAGER, **options).losses

    whole = losses(epochs=4)
    assert len(set(np.round(whole, 3))) == 2
    for updates in (3, 1):  # float16 training skips some
        resumed = losses(initial_epoch=1, epochs=4, updates=updates)
        np.testing.assert_allclose(resumed, whole[3:], rtol=1e-4)
    if every == "batch":  # also within an epoch
        choice = alternating(schedule="random", every=every, seed=SEED).choice
        np.testing.assert_allclose(whole, [VALUES[choice(k)] for k in range(12)], rtol=1e-4)
        elsewhere = losses(epochs=1, first_step=lambda: 2)
        np.testing.assert_allclose(elsewhere, whole[2:5], rtol=1e-4)


def test_callback_without_an_alternating_loss_is_explained():
    with pytest.raises(ValueError, match="is not an AlternatingLoss"):
        log_of_fit(AbsoluteError())
