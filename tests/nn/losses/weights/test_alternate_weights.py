import keras
import numpy as np
import pytest

from diffkeras.nn import AlternateWeights, pack_target
from diffkeras.nn.losses import AbsoluteError, AlternatingWeight, StepWeight, UniformWeight

SEED = 3  # draws different maps for steps 0 and 1


class LossLog(keras.callbacks.Callback):
    """Records the loss of each batch; Keras logs the running mean of them."""

    def on_train_begin(self, logs=None):
        self.losses = []

    def on_train_batch_end(self, batch, logs=None):
        self.losses.append(
            logs["loss"] * (batch + 1) - sum(self.losses[len(self.losses) - batch :])
        )


def losses_of_fit(weight, initial_epoch=0, epochs=2, updates=0, **options):
    """Loss of each batch, 3 an epoch, of a constant model with errors of 0.1 on sources."""
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Conv2D(1, 1)])
    model.compile(keras.optimizers.SGD(0.0), AbsoluteError(weight=weight))
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
        callbacks=[AlternateWeights(**options), log],
    )
    return log.losses


@pytest.mark.parametrize("schedule", ["toggle", "random"])
@pytest.mark.parametrize("every", ["batch", "epoch"])
def test_the_callback_selects_the_map(schedule, every):
    weight = AlternatingWeight(UniformWeight(), StepWeight(10.0), schedule, every, seed=SEED)
    steps = range(6) if every == "batch" else [0, 0, 0, 1, 1, 1]
    expected = [(0.1, 1.0)[weight.choice(step)] for step in steps]
    assert len(set(expected)) == 2
    np.testing.assert_allclose(losses_of_fit(weight), expected, rtol=1e-4)


def test_a_resumed_run_makes_the_same_choices():
    def weight():
        return AlternatingWeight(UniformWeight(), StepWeight(10.0), seed=SEED)

    whole = losses_of_fit(weight())
    for updates in (3, 1):  # float16 training skips some
        resumed = losses_of_fit(weight(), initial_epoch=1, updates=updates)
        np.testing.assert_allclose(resumed, whole[3:], rtol=1e-4)
    elsewhere = losses_of_fit(weight(), epochs=1, first_step=lambda: 2)
    np.testing.assert_allclose(elsewhere, whole[2:5], rtol=1e-4)


def test_callback_without_alternating_weight_is_explained():
    with pytest.raises(ValueError, match="has no AlternatingWeight"):
        losses_of_fit(UniformWeight())
