"""Arguments: checks of them, the limits of what solvers take, and what value objects share.

Each check returns what was meant, or raises a PhysicsError for anything else.
"""

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError

# No tissue comes close to these limits, in units that are not absurd, and within them no number of
# the solvers over- or underflows.
SMALLEST, LARGEST = 1e-30, 1e30  # limits of D, h and source values
SLOWEST, FASTEST = 1e-20, 1e10  # limits of γh²/D


MOST_PARALLEL = 4096
SMALLEST_TOLERANCE = 1e-13  # rounding allows no less


def check_number(name: str, value: Any) -> float:
    """A real number of any type, as a float."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        shown = f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
        raise PhysicsError(f"must be a number, not {shown:.60}", name)
    try:
        return float(value)
    except OverflowError:
        raise PhysicsError("must be a number that floats hold, below 1e308", name) from None


def check_whole(name: str, value: Any, least: int, most: int = 2**31 - 1) -> int:
    """A whole number of any type, as an int."""
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not (whole and least <= value <= most):
        raise PhysicsError(
            f"must be a whole number from {least} to {most}, not {value!r:.60}", name
        )
    return int(value)


def check_positive(name: str, value: Any) -> float:
    """A finite number above 0, as a float."""
    number = check_number(name, value)
    if not 0 < number < math.inf:
        raise PhysicsError(f"must be positive and finite, not {number}", name)
    return number


def check_within(name: str, value: Any, least: float, most: float) -> float:
    """A number between two others, as a float."""
    number = check_number(name, value)
    if not least <= number <= most:
        raise PhysicsError(f"must be {least:g} to {most:g}, not {number:g}", name)
    return number


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """One of some names."""
    names = tuple(allowed)
    if not isinstance(value, str) or value not in names:
        raise PhysicsError(f"{value!r:.60} is unknown; choose one of {', '.join(names)}", name)
    return value


def check_truth(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise PhysicsError(f"must be True or False, not {value!r:.60}", name)
    return value


def check_count(name: str, number: Any) -> int:
    """A number of processes or threads; 1 for None."""
    return 1 if number is None else check_whole(name, number, 1, MOST_PARALLEL)


def check_rng(rng: Any) -> np.random.Generator:
    """A generator, or the one that a seed gives."""
    try:
        if rng is None:
            raise TypeError
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise PhysicsError(
            f"rng must be a numpy.random.Generator or a seed ≥ 0, not {rng!r:.60}"
        ) from None


def check_relative_tolerance(value: Any, name: str = "tolerance") -> float:
    """A tolerance, relative to the largest |value|, that rounding allows and 0 doesn't meet."""
    tolerance = check_number(name, value)
    if not SMALLEST_TOLERANCE <= tolerance < 1:
        raise PhysicsError(
            f"must lie between {SMALLEST_TOLERANCE:.0e}, which rounding allows, and 1 (relative to "
            f"the largest |value|), not {tolerance}",
            name,
        )
    return tolerance


PLANE, SPACE = 2, 3  # dimensions
# axes of arrays on the lattice, in words
SHAPES = {PLANE: "(rows, columns)", SPACE: "(planes, rows, columns)"}


def check_lattice(lattice: Any) -> tuple[int, int]:
    """(rows, columns) of a pair, or of one number for both."""
    rows, columns = check_sides(lattice, 2)
    return rows, columns


def check_sides(lattice: Any, dimensions: int | None = None) -> tuple[int, ...]:
    """The sides of a lattice of two or three dimensions; one number stands for each of them."""
    sides = lattice.tolist() if isinstance(lattice, np.ndarray) else lattice
    if not isinstance(sides, tuple | list):
        sides = (sides,) * (dimensions or PLANE)
    wanted = (dimensions,) if dimensions else (PLANE, SPACE)
    if len(sides) not in wanted:
        raise PhysicsError(
            f"the lattice must have {' or '.join(map(str, wanted))} sides, not {lattice!r:.60}"
        )
    return tuple(check_whole("a side of the lattice", side, 1) for side in sides)


MOST_WHOLE = 2**53  # float64 rounds larger whole numbers


def real_array(what: str, values: Any) -> NDArray[np.float64]:
    """Values as an array of float64 in C order, in which nodes are numbered."""
    return real_values(what, values).astype(np.float64, order="C", copy=False)


def real_values(what: str, values: Any) -> NDArray:
    """Values as an array of their own real type."""
    if np.ma.isMaskedArray(values):
        raise PhysicsError(f"{what} is a masked array, which has no meaning here; fill it")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise PhysicsError(f"{what} is no array: {error}") from None
    if array.dtype.kind not in "biuf":
        kind = type(values).__name__
        if hasattr(values, "field"):  # of `solve` or `predict`
            raise PhysicsError(f"{what} is a {kind}, not an array; give its .field")
        if array.ndim == 0:  # such as the name of a file, or a Problem
            raise PhysicsError(f"{what} is a {kind}, not an array of numbers")
        if hasattr(array.flat[0] if array.size else None, "medium"):
            raise PhysicsError(
                f"{what} is a {kind} of Problems; of several use solve_many, certify_many or "
                "predict_many"
            )
        raise PhysicsError(
            f"{what} holds {array.dtype} values, not real numbers; convert it to numbers, "
            "such as by astype(float)"
        )
    if array.dtype in (np.int64, np.uint64):
        rounded = (array > MOST_WHOLE) | (array < -MOST_WHOLE)
        if rounded.any():
            raise PhysicsError(
                f"{what} holds {array[rounded].flat[0]}; whole numbers must be at most 2^53 in "
                "size, as float64 rounds larger ones"
            )
    return array


def largest(values: NDArray[np.floating]) -> float:
    """The largest |value|, 0 of none, NaN if one is NaN: two passes and no copy."""
    return max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))


# one number for all nodes, or an array with one for each, on the lattice or along a side
NodeValues = float | NDArray[np.float64]
T = TypeVar("T")


def one_or_each(name: str, value: Any, check: Callable[[str, Any], T]) -> T | tuple[T, ...]:
    """One checked value, or a tuple of them for the axes."""
    if not isinstance(value, tuple | list):
        return check(name, value)
    if len(value) not in SHAPES:
        shown = f"{len(value)} values" if len(value) > SPACE else value
        raise PhysicsError(
            f"must be one value or one for each of 2 or 3 axes, not {shown!s:.60}", name
        )
    return tuple(check(name, each) for each in value)


def check_positive_values(name: str, value: Any) -> NodeValues:
    """Positive values within the limits of D and h."""
    wanted = f"positive, between {SMALLEST:g} and {LARGEST:g}"
    return check_node_values(name, value, SMALLEST, LARGEST, wanted)


def check_node_values(
    name: str,
    value: Any,
    least: float,
    most: float,
    wanted: str,
    axes: Mapping[int, str] = SHAPES,
) -> NodeValues:
    """A number in [least, most], or an array of them of so many axes that can't be changed."""
    if not isinstance(value, tuple | list) and np.ndim(value) == 0:
        number = check_number(name, value)
        if not least <= number <= most:
            raise PhysicsError(f"must be {wanted}, not {number}", name)
        return number
    values = np.array(real_array(name, value))
    values.setflags(write=False)
    if values.ndim not in axes or values.size == 0:
        raise PhysicsError(
            f"must be a number or an array {' or '.join(axes.values())}, not one of shape "
            f"{values.shape}",
            name,
        )
    bad = ~((values >= least) & (values <= most))  # NaN is bad, too
    if bad.any():
        node = tuple(map(int, np.argwhere(bad)[0]))
        raise PhysicsError(f"must be {wanted}, not {float(values[node])} at node {node}", name)
    return values


def read_only_copy(values: NDArray) -> NDArray:
    """The same values, in C order and in memory that nobody can change."""
    copy = np.array(values, order="C")
    copy.setflags(write=False)
    return copy


class ReadOnlyArrays:
    """An object whose arrays can't be changed, also after it was pickled, which forgets that."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        for value in state.values():
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, np.ndarray):
                    part.setflags(write=False)
        self.__dict__.update(state)


LONGEST_TUPLE_IN_FULL = 4


class ShortRepr:
    """A dataclass whose `repr` shows shapes and ranges of arrays in place of their values."""

    def __repr__(self) -> str:
        # it is a mix-in of dataclasses
        parts = (f"{f.name}={_shown(getattr(self, f.name))}" for f in fields(self) if f.repr)  # type: ignore[arg-type]
        return f"{type(self).__name__}({', '.join(parts)})"


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.ndim:
        shape = "×".join(map(str, value.shape))
        values = f", {value.min():.3g} to {value.max():.3g}" if value.size else ""
        return f"<{shape} {value.dtype}{values}>"
    if isinstance(value, tuple) and len(value) > LONGEST_TUPLE_IN_FULL:
        return f"<{len(value)} × {type(value[0]).__name__}>"
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))})"
    return repr(value)


# in other programs, without hyphens and underscores → ours
OTHER_NAMES = {
    name: meant
    for names, meant in (
        ("d coeff diffusion diffusioncoefficient diffusionconstant diffusionrate", "diffusivity"),
        ("kappa", "diffusivity, or decay = κ²D where κ is one over the diffusion length"),
        ("gamma decayconstant decayrate degradation", "decay"),
        ("k", "uptake=k for a rate k·u, or uptake=dk.MichaelisMenten(maximum, K)"),
        ("lambda length diffusionlength", "decay, which is D/λ² of a diffusion length λ"),
        ("s secretion source sources rhs", "production"),
        (
            "vmax vm km maximum constant saturation consumption",
            "uptake=dk.MichaelisMenten(maximum, constant)",
        ),
        ("dx h spacing nodelength resolution", "step"),
        ("noflux zeroflux neumann", "boundary='reflecting'"),
        ("bc bcs boundaries boundaryconditions walls", "boundary"),
        ("dirichlet", "boundary='absorbing', or FixedValue for another value than 0"),
        ("mask dirichletnodes", "fixed"),
        ("processes", "diffkeras.solve_many(problems, processes=…)"),
        ("tol rtol eps", "tolerance"),
        ("x0 guess initialguess", "initial"),
    )
    for name in names.split()
}


TIMES = ["dt", "t", "time", "tend", "tmax", "tspan", "duration", "timestep", "timesteps", "nsteps"]


def unknown_keyword(name: str, own: Sequence[str] = ()) -> TypeError:
    """The error of a keyword argument that is none of a function's own, by default a problem's."""
    plain = name.lower().replace("_", "")
    if plain in ("dimensions", "dim", "dims", "ndim"):
        return TypeError(f"leave out {name}: an array of three axes is a volume")
    if plain in TIMES:
        return TypeError(f"leave out {name}: fields are steady states, which have no time")
    ours = [meant for meant in OTHER_NAMES.values() if meant.isidentifier()]
    alike = get_close_matches(name.lower(), own or [*ours, "uptake", "boundary", "medium"], n=1)
    meant = OTHER_NAMES.get(plain) or next(iter(alike), "")
    hint = f"; do you mean {meant}?" if meant else ""
    if own and not meant.startswith(tuple(own)):
        hint = f"; it takes {', '.join(own)}"
    return TypeError(f"unexpected keyword argument {name!r:.60}{hint}")


class ExplainedKeywords:
    """A dataclass that answers unexpected keyword arguments by `unknown_keyword`."""

    def __new__(cls, *values: Any, **keywords: Any) -> Self:
        """Check the number and the names of arguments that `__init__` then gets."""
        expected = cls.__dataclass_fields__  # type: ignore[attr-defined]  # mixed into dataclasses
        taken = [own for own, each in expected.items() if each.init]
        if len(values) > len(taken):
            raise TypeError(
                f"{cls.__name__} takes {' and '.join(taken)} alone; leave out the value "
                f"{values[len(taken)]!r:.60}"
            )
        for name in keywords:
            if name not in expected:
                raise unknown_keyword(name, taken)
        return super().__new__(cls)
