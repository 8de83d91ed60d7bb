"""The table of a periodic lattice's Green's function, from which `ring` takes the images of G."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from diffkeras.physics.operators.axis import Axis


def green_table(axes: tuple[Axis, Axis], reciprocals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Green's function at the offsets 0 … period // 2 of each axis.

    It is even in both offsets, so a type-I cosine transform of a quarter of the spectrum gives it.
    An odd period has no such transform and takes a real FFT.
    """
    table = reciprocals
    # The images' signs cancel modes that are constant along an absorbing axis. Left in, they would
    # outweigh all others by far where decay is slow, and their rounding would not cancel.
    if axes[0].boundary == "absorbing":
        table[0] = 0.0
    if axes[1].boundary == "absorbing":
        table[:, 0] = 0.0
    for position, axis in enumerate(axes):
        if axis.period == 1:
            continue
        if axis.period % 2 == 0:
            table = scipy.fft.idct(table, type=1, axis=position)
        else:
            table = scipy.fft.irfft(table, n=axis.period, axis=position)
            table = table.take(np.arange(axis.period // 2 + 1), axis=position)
    return np.ascontiguousarray(table)
