import keras
import numpy as np
import pytest

from diffkeras.nn import pytorch_uniform


# what the documentation of torch.nn.Conv2d and ConvTranspose2d says: ±√k with
# k = 1/(inputs · window) for the first, k = 1/(outputs · window) for the second
@pytest.mark.parametrize(
    ("kind", "fan_in"),
    [(keras.layers.Conv2D, 5 * 5 * 8), (keras.layers.Conv2DTranspose, 5 * 5 * 32)],
)
def test_bounds_and_variance_of_a_layer(kind, fan_in):
    initializer = pytorch_uniform(fan_in, seed=1)
    layer = kind(32, 5, kernel_initializer=initializer, bias_initializer=initializer)
    layer.build((None, 16, 16, 8))
    kernel, bias = layer.get_weights()
    bound = fan_in**-0.5
    assert kernel.size == 5 * 5 * 8 * 32
    assert 0.99 * bound < np.abs(kernel).max() <= bound
    assert kernel.var() == pytest.approx(bound**2 / 3, rel=0.05)
    assert kernel.mean() == pytest.approx(0, abs=0.05 * bound)
    assert 0.8 * bound < np.abs(bias).max() <= bound


@pytest.mark.parametrize("fan_in", [0, -1, 2.0, True, None])
def test_fan_in_is_checked(fan_in):
    with pytest.raises(ValueError, match="fan_in must be an integer of at least 1"):
        pytorch_uniform(fan_in)
