"""A stand-in for the few methods of CompuCell3D's steppables that a page of the documentation uses.

Their names and meaning are those of `SteppableBasePy` in CompuCell3D's cc3d/core/PySteppables.py:
`dim`, `field`, `cell_list_by_type`, `get_cell_pixel_list`, and the ids of cell types as attributes.
A field takes and gives one number at [x, y, z], as CompuCell3D's fields do.
"""

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray


class Field:
    """A concentration field."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.values = np.full((*shape, 1), np.nan)

    def __getitem__(self, index: tuple[int, int, int]) -> float:
        return float(self.values[index])

    def __setitem__(self, index: tuple[int, int, int], value: float) -> None:
        x, y, z = index
        assert type(value) is float
        self.values[x, y, z] = value


class SteppableBasePy:
    """A lattice of cells, each a type and a mask of pixels, [x, y]."""

    VESSEL, TUMOUR = 1, 2

    def __init__(self, frequency: int = 1) -> None:
        self.frequency = frequency

    def put(self, cells: list[tuple[int, NDArray[np.bool_]]]) -> None:
        """Fill the lattice."""
        shape = cells[0][1].shape
        self.dim = SimpleNamespace(x=shape[0], y=shape[1], z=1)
        self.field = SimpleNamespace(Oxygen=Field(shape))
        self.cells = [SimpleNamespace(type=kind, mask=mask) for kind, mask in cells]

    def cell_list_by_type(self, *kinds: int) -> Iterator[SimpleNamespace]:
        """The cells of some types."""
        return (cell for cell in self.cells if cell.type in kinds)

    def get_cell_pixel_list(self, cell: SimpleNamespace) -> Iterator[SimpleNamespace]:
        """What the plugin PixelTracker knows."""
        for x, y in np.argwhere(cell.mask).tolist():
            yield SimpleNamespace(pixel=SimpleNamespace(x=x, y=y, z=0))


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `from cc3d.core.PySteppables import SteppableBasePy` find the stand-in."""
    for name in ("cc3d", "cc3d.core", "cc3d.core.PySteppables"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["cc3d.core.PySteppables"].SteppableBasePy = SteppableBasePy  # type: ignore[attr-defined]
