"""Analytic solutions, to measure the solver against.

`disc_in_plane` solves the continuum equation around a disc with a fixed value,
`producing_disc_in_plane` in and around one that produces; `sine_mode` the continuum equation
next to a line, smooth up to the boundary. The modes exist for every boundary: where the sides
reflect or repeat, the sine is a cosine.

How far the lattice is from the continuum (`tests/physics/test_analytic.py`): the modes converge
with second order in the step. A disc's rim is a staircase of nodes, so its field converges with
about first order, unevenly: for R = 1 and l_D = 2 the largest error at 1 < r ≤ 10 is 0.087, 0.057,
0.034, 0.020 with 4, 8, 16, 32 nodes per radius (fitted order 0.70 over twelve sizes), the mean one
0.0054, 0.0031, 0.0016, 0.0008 (0.85). At R = 5 steps and l_D = 20 it is 0.047 at the rim and 0.0013
on average within r < 100.

Production has no jump at the rim. The field of a disc that produces on the nodes within its radius
converges with about order 1.2, unevenly, as the number of these nodes does: for R = l_D = 1 the
largest error is 1.4e-2, 1.1e-2, 3.1e-3, 1.2e-3 of s/γ with 4, 8, 16, 32 nodes per radius.
"""

import math
from collections.abc import Callable

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

from diffkeras.physics.problem.given_sides import BoundaryName
from diffkeras.physics.problem.medium import BoundarySpec, Medium


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


def producing_disc_in_plane(
    distance: ArrayLike, radius: float, diffusion_length: float
) -> NDArray[np.float64]:
    """Field of one disc with the production γ in the unbounded plane, for D = 1 or any other.

        u = 1 − (R/l_D) K₁(R/l_D) I₀(r/l_D) inside,    (R/l_D) I₁(R/l_D) K₀(r/l_D) outside

    Args:
        distance: r from the centre, any shape [length].
        radius: R > 0 [length].
        diffusion_length: l_D [length].

    Source: both parts solve the modified Helmholtz equation, and value and slope agree at r = R by
    the Wronskian I₀K₁ + I₁K₀ = l_D/R (DLMF 10.28.2).
    """
    r, rim = np.asarray(distance, dtype=np.float64) / diffusion_length, radius / diffusion_length
    inside = 1 - rim * scipy.special.k1(rim) * scipy.special.i0(np.minimum(r, rim))
    outside = rim * scipy.special.i1(rim) * scipy.special.k0(np.maximum(r, rim))
    return np.where(r < rim, inside, outside)


def sine_mode(
    x: ArrayLike,
    y: ArrayLike,
    *,
    width: float,
    height: float,
    diffusion_length: float,
    boundary: BoundarySpec = "absorbing",
) -> NDArray[np.float64]:
    """Field next to a line at y = 0 that is fixed at sin(πx/w), between sides at x = 0 and x = w.

        u = sin(πx/w) sinh(k(h − y)) / sinh(kh),    k² = (π/w)² + 1/l_D²

    This is for absorbing sides and an absorbing end at y = h. A reflecting end has cosh in place of
    sinh; an end that repeats the line at y = h has cosh(k(h/2 − y)) / cosh(kh/2). Reflecting sides
    have cos(πx/w) in place of the sine, repeating ones cos(2πx/w), with k to match.

    Args:
        x, y: coordinates that broadcast against each other, 0 ≤ x ≤ w and 0 ≤ y ≤ h [length].
        width, height: w and h [length].
        diffusion_length: l_D [length]; may be infinite.
        boundary: of the end y = h and of the sides, a pair where they differ.

    Source: separation of variables.
    """
    end, sides = Medium(boundary=boundary).side_kinds
    wave_number = {"absorbing": np.pi, "reflecting": np.pi, "periodic": 2 * np.pi}[sides] / width
    k = math.hypot(wave_number, 1 / diffusion_length)
    across = _wave(sides)(wave_number * np.asarray(x, dtype=np.float64))
    middle = height / 2 if end == "periodic" else height
    return across * _profile(end, k * np.asarray(y, dtype=np.float64), k * middle)


def _wave(sides: BoundaryName) -> Callable[[NDArray], NDArray]:
    return np.sin if sides == "absorbing" else np.cos


def _profile(end: BoundaryName, depth: NDArray[np.float64], middle: float) -> NDArray[np.float64]:
    """sinh(m − d)/sinh(m) towards an absorbing end, cosh(m − d)/cosh(m) else, without overflow."""
    if end == "absorbing":
        return np.exp(-depth) * np.expm1(-2 * (middle - depth)) / math.expm1(-2 * middle)
    return (np.exp(-depth) + np.exp(depth - 2 * middle)) / (1 + math.exp(-2 * middle))
