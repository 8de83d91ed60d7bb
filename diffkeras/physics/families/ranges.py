"""The ranges of a family's parameters, and the check of points by them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.real_arrays import real_array

ROUNDING = 1e-12  # of an end of a range, relative to it


class Ranges(NamedTuple):
    """The ranges of p parameters, in their order.

    Attributes:
        names: of the parameters, (p).
        low, high: ends of the ranges, (p,).
    """

    names: tuple[str, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def points(
        self, parameters: Mapping[str, ArrayLike] | ArrayLike, extrapolate: bool
    ) -> NDArray[np.float64]:
        """See `Family.points`."""
        values = real_array("parameters", self._in_order(parameters))
        if values.ndim not in (1, 2) or values.shape[-1] != len(self.names) or not values.size:
            raise PhysicsError(
                f"parameters have shape ({len(self.names)},) or (n, {len(self.names)}), in the "
                f"order of {', '.join(self.names)}, not {values.shape}"
            )
        if not np.isfinite(values).all():
            row, number = np.argwhere(~np.isfinite(np.atleast_2d(values)))[0]
            raise PhysicsError(
                f"{self.names[number]} must be finite, not {np.atleast_2d(values)[row, number]}"
            )
        inside = self.contain(values)
        if not (inside.all() or extrapolate):
            row, number = np.argwhere(~np.atleast_2d(inside))[0]
            raise PhysicsError(
                f"{self.names[number]} is {np.atleast_2d(values)[row, number]}, out of its range "
                f"{self.low[number]:g} to {self.high[number]:g}; extrapolate=True computes it all "
                "the same, with its bound"
            )
        return np.where(inside, np.clip(values, self.low, self.high), values)

    def _in_order(self, parameters: Mapping[str, ArrayLike] | ArrayLike) -> ArrayLike:
        """Numbers by name as an array in the order of the names."""
        if not isinstance(parameters, Mapping):
            return parameters
        if set(parameters) != set(self.names):
            wrong = [name for name in parameters if name not in self.names]
            lacking = [name for name in self.names if name not in parameters]
            what = f"has no parameter {wrong[0]!r:.60}" if wrong else f"needs {lacking[0]!r}"
            raise PhysicsError(f"this family {what}; its parameters are {', '.join(self.names)}")
        columns = [real_array(name, parameters[name]) for name in self.names]
        if len({column.shape for column in columns}) > 1:
            shapes = ", ".join(str(column.shape) for column in columns)
            raise PhysicsError(f"give one number or one array (n,) of each, not {shapes}")
        return np.stack(columns, axis=-1)

    def contain(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each number of points (…, p) is in its range, (…, p).

        A rounding beyond an end, such as of a logarithm's exponential, is.
        """
        low = self.low - ROUNDING * np.abs(self.low)
        return (values >= low) & (values <= self.high + ROUNDING * np.abs(self.high))
