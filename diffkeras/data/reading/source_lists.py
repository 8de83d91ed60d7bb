"""Lists of sources as arrays of one length, for the graphs of tf.data pipelines."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import Sources

TYPES = {"rows": tf.int32, "columns": tf.int32, "radii": tf.float32, "values": tf.float32}


def source_lists(drawn: Sequence[Sources], longest: int) -> list[NDArray]:
    """Rows, columns, radii and values, (examples, longest) each, padded with radii of −1."""
    shape = (len(drawn), longest)
    arrays: list[NDArray] = [np.zeros(shape, np.int32), np.zeros(shape, np.int32)]
    arrays += [np.full(shape, -1, np.float32), np.zeros(shape, np.float32)]
    for index, sources in enumerate(drawn):
        for name, array in zip(TYPES, arrays, strict=True):
            array[index, : sources.count] = getattr(sources, name)
    return arrays
