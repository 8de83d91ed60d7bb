"""Numbers that know how far rounding may have moved them, for the package's own code.

Each operation rounds by a factor 1 + δ with |δ| ≤ η. To first order, a result is off by Σ |g| η at
most, over the derivatives g by every δ (Higham 2002, §3.1), and the rounding that is worst makes
it so. Products with powers of 2 and sums with 0 are exact.
"""

import math
from itertools import count
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import ArrayLike, NDArray

NUMBERS = count()  # of the roundings


class Traced:
    """A number, and its derivatives by the roundings before it."""

    ndim = 0

    def __init__(self, value: float, slopes: dict[int, float] | None = None) -> None:
        self.value, self.slopes = float(value), slopes or {}

    @property
    def worst(self) -> float:
        """Its largest error, in unit roundoffs."""
        return math.fsum(map(abs, self.slopes.values()))

    def _linear(self, value: float, own: float, other: Any = None, share: float = 0.0) -> "Traced":
        """A result with these derivatives by this number and another one, not yet rounded."""
        slopes = {number: own * slope for number, slope in self.slopes.items()}
        for number, slope in other.slopes.items() if isinstance(other, Traced) else ():
            slopes[number] = slopes.get(number, 0.0) + share * slope
        return Traced(value, slopes)

    def _rounded(self) -> "Traced":
        return Traced(self.value, {**self.slopes, next(NUMBERS): self.value})

    def __add__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        added = float(other)
        result = self._linear(self.value + added, 1.0, other, 1.0)
        return result._rounded() if self.value and added else result

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        factor = float(other)
        result = self._linear(self.value * factor, factor, other, self.value)
        return result if is_exact(other) or is_exact(self) else result._rounded()

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented
        divisor = float(other)
        value = self.value / divisor
        result = self._linear(value, 1 / divisor, other, -value / divisor)
        return result if is_exact(other) else result._rounded()

    def __float__(self) -> float:
        return self.value

    def __neg__(self) -> "Traced":
        return self._linear(-self.value, -1.0)

    def __sub__(self, other: Any) -> Any:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Any:
        return (-self).__add__(other)

    def __rtruediv__(self, other: Any) -> "Traced":
        return Traced(other) / self

    def __pow__(self, exponent: int) -> "Traced":
        return self if exponent == 1 else self * self ** (exponent - 1)

    __radd__, __rmul__ = __add__, __mul__

    def __abs__(self) -> "Traced":
        return -self if self.value < 0 else self

    def __bool__(self) -> bool:
        return bool(self.value)

    def __eq__(self, other: object) -> bool:
        return self.value == float(other)  # type: ignore[arg-type]

    def __lt__(self, other: Any) -> bool:
        return self.value < float(other)

    def __le__(self, other: Any) -> bool:
        return self.value <= float(other)

    def __gt__(self, other: Any) -> bool:
        return self.value > float(other)

    def __ge__(self, other: Any) -> bool:
        return self.value >= float(other)

    __hash__ = object.__hash__


def is_exact(factor: Any) -> bool:
    """Whether products with it aren't rounded: 0, or a power of 2 that was never rounded."""
    return not (isinstance(factor, Traced) and factor.slopes) and (
        float(factor) == 0 or abs(math.frexp(float(factor))[0]) == 0.5
    )


def traced(values: ArrayLike) -> Any:
    """Numbers that are exact so far, as an array of objects; one number alone for one number."""
    return np.frompyfunc(Traced, 1, 1)(np.asarray(values, np.float64))


def worst(results: NDArray) -> NDArray[np.float64]:
    """The largest errors of an array's numbers, in unit roundoffs."""
    return np.vectorize(lambda each: Traced.worst.fget(each + Traced(0.0)), otypes=[float])(results)


class _Objects:
    """NumPy whose new arrays hold objects."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def empty(self, shape: Any, dtype: Any = None) -> NDArray:
        return np.empty(shape, object)

    def zeros(self, shape: Any, dtype: Any = None) -> NDArray:
        return np.full(shape, 0.0, object)


def tracing(module: ModuleType) -> Any:
    """A context in which the new arrays of a module can hold traced numbers."""
    return mock.patch.object(module, "np", _Objects())
