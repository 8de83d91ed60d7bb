import keras
import numpy as np
import pytest

from diffkeras.nn import AlternateLosses, pack_target
from diffkeras.nn.losses import AbsoluteError, AlternatingLoss, SquaredError

SEED = 3  # draws different losses for periods 0 and 1
VALUES = 0.1, 0.01


class LossLog(keras.callbacks.Callback):
    """Records the loss of each epoch and of each batch; Keras logs the running mean of these."""

    def on_train_begin(self, logs=None):
        self.losses, self.means = [], []

    def on_epoch_end(self, epoch, logs=None):
        self.means.append(logs["loss"])

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(
            logs["loss"] * (batch + 1) - sum(self.losses[len(self.losses) - batch :])
        )


def alternating(**options):
    return AlternatingLoss(AbsoluteError(), SquaredError(), **options)


def log_of_fit(loss, initial_epoch=0, epochs=2, updates=0, compiled=None, **options):
    """Losses of a constant model with errors of 0.1, in epochs of 3 batches."""
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 1)])
    model.compile(keras.optimizers.SGD(0.0), loss, **(compiled or {}))
    model.layers[-1].set_weights([np.zeros((1, 1, 1, 1)), np.full(1, 0.1)])
    model.optimizer.iterations.assign(updates)
    image = np.ones((3, 2, 2, 1), "float32")
    target = pack_target(0.0 * image, image)
    log = LossLog()
    model.fit(
        image,
        target,
        batch_size=1,
        initial_epoch=initial_epoch,
        epochs=epochs,
        verbose=0,
        callbacks=[AlternateLosses(**options), log],
    )
    return log


def losses_of_fit(loss, **options):
    return log_of_fit(loss, **options).losses


@pytest.mark.parametrize("compiled", [{}, {"jit_compile": True}, {"steps_per_execution": 3}])
@pytest.mark.parametrize("schedule", ["toggle", "random"])
def test_the_callback_selects_the_loss_of_an_epoch(schedule, compiled):
    loss = alternating(schedule=schedule, every=2, seed=SEED)
    expected = [VALUES[loss.choice(epoch)] for epoch in range(5)]
    assert len(set(expected)) == 2
    found = log_of_fit(loss, epochs=5, compiled=compiled).means
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("schedule", ["toggle", "random"])
def test_the_callback_selects_the_loss_of_a_batch(schedule):
    loss = alternating(schedule=schedule, every="batch", seed=SEED)
    expected = [VALUES[loss.choice(step)] for step in range(6)]
    assert len(set(expected)) == 2
    np.testing.assert_allclose(losses_of_fit(loss), expected, rtol=1e-4)


@pytest.mark.parametrize("every", ["batch", 2])
def test_a_resumed_run_makes_the_same_choices(every):
    def loss():
        return alternating(schedule="random", every=every, seed=SEED)

    whole = losses_of_fit(loss(), epochs=4)
    assert len(set(np.round(whole, 3))) == 2
    for updates in (3, 1):  # float16 training skips some
        resumed = losses_of_fit(loss(), initial_epoch=1, epochs=4, updates=updates)
        np.testing.assert_allclose(resumed, whole[3:], rtol=1e-4)


def test_a_run_resumed_within_an_epoch_makes_the_same_choices():
    whole = losses_of_fit(alternating(schedule="random", every="batch", seed=SEED))
    other = alternating(schedule="random", every="batch", seed=SEED)
    elsewhere = losses_of_fit(other, epochs=1, first_step=lambda: 2)
    np.testing.assert_allclose(elsewhere, whole[2:5], rtol=1e-4)


def test_callback_without_an_alternating_loss_is_explained():
    with pytest.raises(ValueError, match="is not an AlternatingLoss"):
        losses_of_fit(AbsoluteError())
