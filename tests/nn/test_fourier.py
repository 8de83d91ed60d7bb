"""Layers of Fourier neural operators."""

import numpy as np
import pytest

from diffkeras.nn.layers import AppendCoordinates, SpectralConvolution


def maps(rows: int, columns: int, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(rows)
    return rng.standard_normal((2, rows, columns, channels)).astype("float32")


@pytest.mark.parametrize(("modes", "sides"), [(4, (20, 16)), (1, (3, 5)), (3, (5, 6))])
def test_it_is_a_product_in_fourier_space_of_the_padded_lattice(modes, sides):
    layer = SpectralConvolution(3, modes)
    x = maps(*sides)
    result = layer(x)
    kernel = np.asarray(layer.kernel)
    matrices = (kernel[..., :3] + 1j * kernel[..., 3:]).reshape(2 * modes - 1, modes, 2, 3)
    larger = [side + side // 4 for side in sides]
    missing = [(0, a - b) for a, b in zip(larger, sides, strict=True)]
    coefficients = np.fft.rfft2(np.pad(x, [(0, 0), *missing, (0, 0)]), axes=(1, 2))
    products = np.zeros((*coefficients.shape[:3], 3), complex)
    for i, k in enumerate([*range(modes), *range(-1, -modes, -1)]):
        products[:, k, :modes] = np.einsum("blc,lcf->blf", coefficients[:, k, :modes], matrices[i])
    expected = np.fft.irfft2(products, s=larger, axes=(1, 2))[:, : sides[0], : sides[1]]
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_half_precision_does_not_overflow_on_large_lattices():
    layer = SpectralConvolution(2, 4, dtype="mixed_float16")
    assert np.isfinite(layer(np.ones((1, 1024, 512, 1), np.float16))).all()


def test_the_coordinates_follow_the_channels():
    maps = np.full((2, 4, 5, 3), 7.0, "float32")
    result = np.asarray(AppendCoordinates()(maps))
    np.testing.assert_array_equal(result[..., :3], maps)
    np.testing.assert_allclose(result[1, :, 2, 3], [0, 0.25, 0.5, 0.75])
    np.testing.assert_allclose(result[1, 3, :, 4], [0, 0.2, 0.4, 0.6, 0.8])
