"""Short representations of objects that hold arrays."""

from dataclasses import fields
from typing import Any

import numpy as np

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
