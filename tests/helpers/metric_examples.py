"""Three examples on a 2×2 lattice, chosen so that each region has some of their nodes."""

import numpy as np

from diffkeras.nn import pack_target

FIELD = np.array(
    [[1.0, 0.5, 0.15, 0.07], [0.8, 0.2, 0.1, 0.05], [0.4, 0.6, 0.12, 0.01]], "float32"
).reshape(3, 2, 2, 1)
SOURCE_IMAGE = np.array([[1.0, 0, 0, 0], [0.8, 0, 0, 0], [0.4, 0.6, 0, 0]], "float32").reshape(
    3, 2, 2, 1
)
ERRORS = np.array(
    [[0.1, 0.2, -0.3, 0.4], [-0.5, 0.6, 0.7, 0.8], [0.9, -1.0, 1.1, 1.2]], "float32"
).reshape(3, 2, 2, 1)
TARGET = pack_target(FIELD, SOURCE_IMAGE)
PREDICTION = FIELD + ERRORS
