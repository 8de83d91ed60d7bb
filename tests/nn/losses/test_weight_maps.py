import keras
import numpy as np
import pytest

from diffkeras.nn import AlternateWeights, pack_target
from diffkeras.nn.losses import (
    AbsoluteError,
    AlternatingWeight,
    ExponentialWeight,
    StepWeight,
    TanhWeight,
    UniformWeight,
)

FIELD = np.array([[[1.0, 0.5, 0.0]]], "float32")
SOURCE_IMAGE = np.array([[[1.0, 0.0, 0.0]]], "float32")
SEED = 3  # draws different maps for steps 0 and 1


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (UniformWeight(), [1.0, 1.0, 1.0]),
        (ExponentialWeight(0.5), [1.0, 0.36787944, 0.13533528]),
        (TanhWeight(), [1524.1884, 925.23432, 1.0]),
        (TanhWeight(3.0, 2.0), [3.8920827, 3.2847825, 1.0]),
        (StepWeight(100.0), [100.0, 1.0, 1.0]),
        (AlternatingWeight(StepWeight(100.0), UniformWeight()), [100.0, 1.0, 1.0]),
    ],
)
def test_hand_computed_weights(weight, expected):
    result = keras.ops.convert_to_numpy(weight(FIELD, SOURCE_IMAGE))
    np.testing.assert_allclose(result, [[expected]], rtol=1e-6)


def test_alternating_selects():
    weight = AlternatingWeight(UniformWeight(), StepWeight(100.0))
    assert weight.needs_source_image
    weight.select(1)
    np.testing.assert_array_equal(weight(FIELD, SOURCE_IMAGE), [[[100.0, 1.0, 1.0]]])
    weight.select(0)
    np.testing.assert_array_equal(weight(FIELD, SOURCE_IMAGE), [[[1.0, 1.0, 1.0]]])
    with pytest.raises(ValueError, match="got 2"):
        weight.select(2)


def test_toggle_alternates():
    weight = AlternatingWeight(UniformWeight(), TanhWeight(), schedule="toggle")
    assert [weight.choice(step) for step in range(4)] == [0, 1, 0, 1]


def test_random_choice_is_a_function_of_seed_and_step():
    def draws(**options):
        weight = AlternatingWeight(UniformWeight(), TanhWeight(), **options)
        return [weight.choice(step) for step in range(400)]

    assert draws(seed=3) == draws(seed=3) != draws(seed=4)
    assert np.mean(draws(seed=3)) == pytest.approx(0.5, abs=0.1)
    assert np.mean(draws(seed=3, probability=0.9)) == pytest.approx(0.1, abs=0.05)
    assert set(draws(probability=1.0)) == {0}
    assert set(draws(probability=0.0)) == {1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": "weekly"}, "schedule must be one of random, toggle, got 'weekly'"),
        ({"every": "year"}, "every must be one of batch, epoch, got 'year'"),
        ({"seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"probability": 1.5}, r"probability must be in \[0, 1\], got 1.5"),
        ({"second": "tanh"}, "second must be a weight map, got 'tanh'"),
    ],
)
def test_alternating_raises_for_bad_arguments(options, message):
    arguments = {"first": UniformWeight(), "second": TanhWeight(), **options}
    with pytest.raises(ValueError, match=message):
        AlternatingWeight(**arguments)


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
