import numpy as np
import pytest

from diffkeras.nn.losses import AlternatingWeight, StepWeight, TanhWeight, UniformWeight

FIELD = np.array([[[1.0, 0.5, 0.0]]], "float32")
SOURCE_IMAGE = np.array([[[1.0, 0.0, 0.0]]], "float32")


def test_alternating_selects():
    weight = AlternatingWeight(UniformWeight(), StepWeight(100.0))
    assert weight.needs_source_image
    weight.select(1)
    np.testing.assert_array_equal(weight(FIELD, SOURCE_IMAGE), [[[100.0, 1.0, 1.0]]])
    weight.select(0)
    np.testing.assert_array_equal(weight(FIELD, SOURCE_IMAGE), [[[1.0, 1.0, 1.0]]])


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
