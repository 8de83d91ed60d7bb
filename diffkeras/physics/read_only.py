"""Arrays that can't be changed, as what is proven or checked is about their values."""

from typing import Any

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
