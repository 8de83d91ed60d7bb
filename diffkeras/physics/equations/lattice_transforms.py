"""The transforms along several axes of a lattice: all of them, or all but axis 0."""

from collections.abc import Callable, Iterable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from diffkeras.physics.equations.axis import Axis

VALUES_AT_A_TIME = 1 << 16


class LatticeTransforms:
    """Transforms between values on a lattice and coefficients in the product of the axes' bases.

    The real-to-complex transform of a periodic axis has to see real numbers, so it goes first.
    Other periodic axes see complex numbers and take all modes ("full").
    """

    def __init__(self, axes: tuple[Axis, ...], first: int = 0) -> None:
        """Transforms along the axes from `first`, 0 or 1, on."""
        self._axes = axes
        self._apart = first == 1  # whether the indices of axis 0 are transformed one by one
        positions = list(range(first, len(axes)))[::-1]
        periodic = [p for p in positions if axes[p].boundary == "periodic"]
        begin = periodic[-1] if periodic else positions[0]
        positions.remove(begin)
        self._order = [(begin, False), *((p, p in periodic) for p in positions)]

    def eigenvalues(self, couplings: tuple[float, ...]) -> NDArray[np.float64]:
        """Σ coupling · eigenvalue of −δ² along these axes, at the coefficients' places."""
        order = sorted(self._order)
        along = (self._axes[position].eigenvalues(full) for position, full in order)
        return outer_sum([couplings[position] for position, _ in order], along)

    def forward(self, values: NDArray, threads: int | None = None) -> NDArray:
        """Coefficients of values on the lattice."""
        return self._in_chunks(self._forward, values, threads)

    def backward(self, coefficients: NDArray, threads: int | None = None) -> NDArray:
        """The values of coefficients, which may be destroyed."""
        return self._in_chunks(self._backward, coefficients, threads, overwrite=True)

    def _forward(self, values: NDArray, threads: int | None) -> NDArray:
        coefficients = values
        for position, full in self._order:
            coefficients = self._axes[position].forward(
                coefficients,
                axis=position - len(self._axes),
                full=full,
                threads=threads,
                overwrite=coefficients is not values,
            )
        return coefficients

    def _backward(self, coefficients: NDArray, threads: int | None) -> NDArray:
        for position, full in reversed(self._order):
            coefficients = self._axes[position].inverse(
                coefficients, axis=position - len(self._axes), full=full, threads=threads
            )
        return coefficients

    def _in_chunks(
        self,
        transform: Callable[[NDArray, int | None], NDArray],
        values: NDArray,
        threads: int | None,
        overwrite: bool = False,
    ) -> NDArray:
        """A transform; in three dimensions of a few planes at a time, which stay in the cache."""
        alone = not self._apart or values.ndim == 2 or len(values) == 0
        if alone or (threads or 1) > 1:
            return transform(values, threads)
        few = max(1, VALUES_AT_A_TIME // values[0].size)
        result = values
        for start in range(0, len(values), few):
            planes = values[start : start + few]
            transformed = transform(planes, threads)
            if start == 0:
                alike = (transformed.dtype, transformed.shape) == (planes.dtype, planes.shape)
                if not (overwrite and alike):
                    result = np.empty((len(values), *transformed.shape[1:]), transformed.dtype)
            result[start : start + few] = transformed
        return result


def outer_sum(
    couplings: Iterable[float], along: Iterable[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Σ coupling · values, with an axis for the values of each."""
    return reduce(np.add.outer, map(np.multiply, couplings, along))
