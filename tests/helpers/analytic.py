"""Analytic solutions of the continuum equation, to measure the solver against.

A disc's rim is a staircase of nodes, so its field converges with about first order, unevenly. The
modes, smooth up to the boundary, converge with second order in the step.
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

    Source: Carslaw & Jaeger (1959), §7.6; K₀ is the modified Bessel function of the second kind
    (DLMF 10.25). Exponentially scaled functions don't underflow for R ≫ l_D.
    """
    r = np.maximum(np.asarray(distance, dtype=np.float64), radius) / diffusion_length
    rim = radius / diffusion_length
    return value * scipy.special.k0e(r) / scipy.special.k0e(rim) * np.exp(rim - r)


def producing_disc_in_plane(
    distance: ArrayLike, radius: float, diffusion_length: float
) -> NDArray[np.float64]:
    """Field of one disc with the production γ in the unbounded plane, for D = 1 or any other.

        u = 1 − (R/l_D) K₁(R/l_D) I₀(r/l_D) inside,    (R/l_D) I₁(R/l_D) K₀(r/l_D) outside

    Value and slope agree at r = R by the Wronskian I₀K₁ + I₁K₀ = l_D/R (DLMF 10.28.2).
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
    have cos(πx/w) in place of the sine, repeating ones cos(2πx/w), with k to match. `boundary` is
    of the end y = h and of the sides, a pair where they differ.
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
