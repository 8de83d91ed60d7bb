"""Analytic solutions, to measure the solver against.

`disc_in_plane` solves the continuum equation around a disc; `sine_mode` the continuum equation
beside a line, smooth up to the boundary; `lattice_sine_mode` the same on the lattice, exactly.
"""

import math

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray


def disc_in_plane(
    distance: ArrayLike, radius: float, diffusion_length: float, value: float = 1.0
) -> NDArray[np.float64]:
    """Field around one disc in the unbounded plane: c K₀(r/l_D) / K₀(R/l_D), and c inside.

    Args:
        distance: r from the centre, any shape [length].
        radius: R > 0 [length].
        diffusion_length: l_D [length].
        value: c inside and on the rim [concentration].

    Source: the radial solution of the modified Helmholtz equation, e.g. Carslaw & Jaeger (1959),
    §7.6; K₀ is the modified Bessel function of the second kind (DLMF 10.25). The ratio is formed
    with exponentially scaled functions, so it doesn't underflow for R ≫ l_D.
    """
    r = np.maximum(np.asarray(distance, dtype=np.float64), radius) / diffusion_length
    rim = radius / diffusion_length
    return value * scipy.special.k0e(r) / scipy.special.k0e(rim) * np.exp(rim - r)


def sine_mode(
    x: ArrayLike, y: ArrayLike, *, width: float, height: float, diffusion_length: float
) -> NDArray[np.float64]:
    """Field between a line at y = 0 held at sin(πx/w) and absorbing sides x = 0, x = w, y = h.

        u = sin(πx/w) sinh(k(h − y)) / sinh(kh),    k² = (π/w)² + 1/l_D²

    Args:
        x, y: coordinates that broadcast against each other, 0 ≤ x ≤ w and 0 ≤ y ≤ h [length].
        width, height: w and h [length].
        diffusion_length: l_D [length]; may be infinite.

    Source: separation of variables.
    """
    k = math.hypot(math.pi / width, 1 / diffusion_length)
    return _mode(np.asarray(x) / width, k * np.asarray(y, dtype=np.float64), k * height)


def lattice_sine_mode(
    i: ArrayLike,
    j: ArrayLike,
    *,
    rows: int,
    columns: int,
    step: float,
    diffusion_length: float,
) -> NDArray[np.float64]:
    """`sine_mode` of the five-point lattice: rows i = 0 … `rows` (absorbing ghost), x = (j + 1)h.

    Exact on the lattice with cosh k_h = 2 − cos(π/(columns + 1)) + h²/(2 l_D²) in place of k.

    Args:
        i: number of rows below the line.
        j: column, 0 … columns − 1.
        rows: rows from the line to the absorbing ghost row.
        columns: nodes a row; the ghost columns −1 and `columns` absorb.
        step: h [length].
        diffusion_length: l_D [length]; may be infinite.
    """
    theta = math.pi / (columns + 1)
    k = math.acosh(2 - math.cos(theta) + (step / diffusion_length) ** 2 / 2)
    fraction = (np.asarray(j) + 1) / (columns + 1)
    return _mode(fraction, k * np.asarray(i, dtype=np.float64), k * rows)


def _mode(
    fraction: NDArray[np.float64], depth: NDArray[np.float64], bottom: float
) -> NDArray[np.float64]:
    # sinh(b − d)/sinh(b) without overflow at large b
    decay = np.exp(-depth) * np.expm1(-2 * (bottom - depth)) / math.expm1(-2 * bottom)
    return np.sin(np.pi * fraction) * decay
