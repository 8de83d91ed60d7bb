import zlib

import numpy as np
import pytest

from diffkeras.data.records import compress_rows


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 7, 1), (500, 700, 1)])
@pytest.mark.parametrize("filled", [0.0, 0.01, 1.0])
def test_any_zlib_reads_compressed_images(shape, filled):
    rng = np.random.default_rng(0)
    image = rng.random(shape, np.float32) * (rng.random((shape[0], 1, 1)) < filled)
    image = image.astype(np.float32)
    assert zlib.decompress(compress_rows(image)) == image.tobytes()
