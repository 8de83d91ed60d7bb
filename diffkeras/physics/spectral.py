"""The lattice operator A = −D∇²_h + γ, its inverse by transforms, and its Green's function.

On the full rectangular lattice A is diagonal in the product of the two axes' eigenbases (sines,
cosines or Fourier modes; `boundaries`), so A⁻¹ is a forward transform, a division and an inverse
transform. This is the classical fast solver of Hockney (1965) and of Buzbee, Golub & Nielson (1970).

Where no axis absorbs and the decay is 0, constants are in A's null space. `inverse` then gives the
constant mode the smallest other eigenvalue, which keeps G symmetric positive definite; whoever uses
it must make the densities sum to 0 and find the constant separately (`ring`).
"""

from functools import cached_property, lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from diffkeras.physics.boundaries import Axis
from diffkeras.physics.medium import Medium


class SpectralOperator:
    """A on a lattice of `lattice` = (rows, columns) nodes in a uniform medium.

    Attributes:
        lattice: (rows, columns).
        medium: the uniform medium.
        axes: the two axes with their boundaries.
        singular: whether constants are in A's null space.
    """

    def __init__(self, lattice: tuple[int, int], medium: Medium) -> None:
        self.lattice = lattice
        self.medium = medium
        self.axes = (
            Axis(lattice[0], medium.boundaries[0]),
            Axis(lattice[1], medium.boundaries[1]),
        )
        self.singular = medium.decay == 0 and all(axis.singular for axis in self.axes)
        self._reciprocals: dict[np.dtype, NDArray] = {}

    @property
    def couplings(self) -> tuple[float, float]:
        """D/h² along axis 0 and along axis 1 [1/time]: A's negated off-diagonal entries."""
        step = self.medium.step
        return (self.medium.diffusivities[0] / step**2, self.medium.diffusivities[1] / step**2)

    def apply(self, field: NDArray) -> NDArray:
        """A u by the five-point stencil, of fields (…, rows, columns)."""
        result = self.medium.decay * field
        for axis, coupling, position in zip(self.axes, self.couplings, (-2, -1), strict=True):
            values = np.moveaxis(field, position, -1)
            ghosts = {
                "absorbing": (np.zeros_like(values[..., :1]),) * 2,
                "reflecting": (values[..., :1], values[..., -1:]),
                "periodic": (values[..., -1:], values[..., :1]),
            }[axis.boundary]
            padded = np.concatenate((ghosts[0], values, ghosts[1]), axis=-1)
            curvature = 2 * values - padded[..., :-2] - padded[..., 2:]
            result = result + coupling * np.moveaxis(curvature, -1, position)
        return result

    def inverse(self, density: NDArray, *, workers: int | None = None) -> NDArray:
        """A⁻¹q, of densities (…, rows, columns), in q's own precision: one transform pair."""
        coefficients = density
        for position, full in self._order:
            coefficients = self.axes[position].forward(
                coefficients, axis=position - 2, full=full, workers=workers
            )
        coefficients *= self._reciprocal(density.dtype)
        for position, full in reversed(self._order):
            coefficients = self.axes[position].inverse(
                coefficients, axis=position - 2, full=full, workers=workers
            )
        return coefficients

    @cached_property
    def green_table(self) -> NDArray[np.float64]:
        """The periodic Green's function at the offsets 0 … period // 2 of each axis.

        It is even in both offsets, so a type-I cosine transform of a quarter of the spectrum makes
        it; an odd period has no such transform and takes a real FFT.
        """
        table = self._invert(
            self.axes[0].periodic_eigenvalues(), self.axes[1].periodic_eigenvalues()
        )
        for position, axis in enumerate(self.axes):
            if axis.period == 1:
                continue
            if axis.period % 2 == 0:
                table = scipy.fft.idct(table, type=1, axis=position)
            else:
                table = scipy.fft.irfft(table, n=axis.period, axis=position)
                table = table.take(np.arange(axis.period // 2 + 1), axis=position)
        return np.ascontiguousarray(table)

    @property
    def _order(self) -> tuple[tuple[int, bool], tuple[int, bool]]:
        """The array axes in the order to transform them, each with whether it sees all modes.

        The real-to-complex transform of a periodic axis has to see real numbers, so it goes first;
        if both are periodic, the second one sees complex numbers and takes all modes.
        """
        periodic = [axis.boundary == "periodic" for axis in self.axes]
        if periodic[0]:
            return ((0, False), (1, periodic[1]))
        return ((1, False), (0, False))

    def _reciprocal(self, dtype: np.dtype) -> NDArray:
        if dtype not in self._reciprocals:
            full = dict(self._order)
            eigenvalues = [axis.eigenvalues(full[i]) for i, axis in enumerate(self.axes)]
            self._reciprocals[dtype] = self._invert(*eigenvalues).astype(dtype)
        return self._reciprocals[dtype]

    def _invert(self, rows: NDArray, columns: NDArray) -> NDArray[np.float64]:
        eigenvalues = (
            self.couplings[0] * rows[:, None] + self.couplings[1] * columns + self.medium.decay
        )
        if eigenvalues[0, 0] == 0:
            others = eigenvalues.ravel()[1:]
            eigenvalues[0, 0] = others.min() if others.size else 1.0
        return 1.0 / eigenvalues


@lru_cache(maxsize=8)
def spectral_operator(lattice: tuple[int, int], medium: Medium) -> SpectralOperator:
    """The operator of that lattice and medium; the last few are kept with their tables."""
    return SpectralOperator(lattice, medium)
