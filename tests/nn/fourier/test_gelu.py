import keras
import numpy as np

from diffkeras.nn.fourier.gelu import gelu


def test_it_is_close_to_the_exact_gelu():
    x = np.linspace(-4, 4, 33, dtype="float32")
    np.testing.assert_allclose(gelu(x), keras.activations.gelu(x), atol=5e-4)
