"""What value objects have in common: fixed arrays, a short `repr`, answers to wrong keywords."""

from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


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


# without hyphens and underscores → ours
OTHER_NAMES = {
    **dict.fromkeys(
        ("d", "coeff", "diffusion", "diffusioncoefficient", "diffusionconstant", "diffusionrate"),
        "diffusivity",
    ),
    "kappa": "diffusivity, or decay = κ²D where κ is one over the diffusion length",
    **dict.fromkeys(("gamma", "decayconstant", "decayrate", "degradation"), "decay"),
    "k": "uptake=k for a rate k·u, or uptake=dk.MichaelisMenten(maximum, K)",
    **dict.fromkeys(
        ("lambda", "length", "diffusionlength"), "decay, which is D/λ² of a diffusion length λ"
    ),
    **dict.fromkeys(("s", "secretion", "source", "sources", "rhs"), "production"),
    **dict.fromkeys(
        ("vmax", "vm", "km", "maximum", "constant", "saturation", "consumption"),
        "uptake=dk.MichaelisMenten(maximum, constant)",
    ),
    **dict.fromkeys(("dx", "h", "spacing", "nodelength", "resolution"), "step"),
    **dict.fromkeys(("noflux", "zeroflux", "neumann"), "boundary='reflecting'"),
    **dict.fromkeys(("bc", "bcs", "boundaries", "boundaryconditions", "walls"), "boundary"),
    "dirichlet": "boundary='absorbing', or FixedValue for another value than 0",
    **dict.fromkeys(("mask", "dirichletnodes"), "fixed"),
    "processes": "diffkeras.solve_many(problems, processes=…)",
    **dict.fromkeys(("tol", "rtol", "eps"), "tolerance"),
    **dict.fromkeys(("x0", "guess", "initialguess"), "initial"),
}


def unknown_keyword(name: str, own: Sequence[str] = ()) -> TypeError:
    """The error of an unexpected keyword argument, with what it may mean.

    By its name in other programs, or its spelling.

    Args:
        name: of the argument.
        own: the expected keywords; by default a problem's.
    """
    plain = name.lower().replace("_", "")
    if plain in ("dimensions", "dim", "dims", "ndim"):
        return TypeError(f"leave out {name}: an array of three axes is a volume")
    ours = [meant for meant in OTHER_NAMES.values() if meant.isidentifier()]
    alike = get_close_matches(name.lower(), own or [*ours, "uptake", "boundary", "medium"], n=1)
    meant = OTHER_NAMES.get(plain) or next(iter(alike), "")
    hint = f"; do you mean {meant}?" if meant else ""
    if own and not meant.startswith(tuple(own)):
        hint = f"; it takes {', '.join(own)}"
    return TypeError(f"unexpected keyword argument {name!r:.60}{hint}")


class ExplainedKeywords:
    """A dataclass that answers unexpected keyword arguments by `unknown_keyword`."""

    def __new__(cls, *_: Any, **keywords: Any) -> Self:
        """Check the names of arguments that `__init__` then gets."""
        expected = cls.__dataclass_fields__  # type: ignore[attr-defined]  # mixed into dataclasses
        for name in keywords:
            if name not in expected:
                raise unknown_keyword(name, [own for own, each in expected.items() if each.init])
        return super().__new__(cls)
