"""A stand-in for the few methods of CompuCell3D's steppables that a page of the documentation uses.

Their names and meaning are as in CompuCell3D 4.7 and later (commit 808676d): `field` and
`copy_cell_attribute_field_values_to` of `SteppableBasePy` in cc3d/core/PySteppables.py, the ids of
cell types as attributes, and the fields of core/pyinterface/FieldExtender/FieldExtender.i. There, a
field of a solver gives one number at [x, y, z], takes one number at a place or for a slice, and
`as_numpy` gives a copy. A field of FieldManager is an array that Python and C++ share.
"""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray


class Field:
    """A concentration field of a solver, in single precision."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.values = np.zeros((*shape, 1), np.float32)

    def __getitem__(self, index: tuple[int, int, int]) -> float:
        return float(self.values[index])

    def __setitem__(
        self, index: tuple[int | slice, int | slice, int | slice], value: float
    ) -> None:
        assert len(index) == 3
        assert type(value) is float  # SWIG converts nothing else, so no number or array of NumPy
        self.values[index] = value

    def as_numpy(self, copy: bool = True) -> NDArray[np.float32]:
        """(x, y, z), a copy."""
        assert copy, "views are not supported"
        return self.values.copy()


class SteppableBasePy:
    """A lattice of cells, each a type and a mask of pixels, [x, y]."""

    VESSEL, TUMOUR = 1, 2

    def __init__(self, frequency: int = 1) -> None:
        self.frequency = frequency

    def put(self, cells: list[tuple[int, NDArray[np.bool_]]]) -> None:
        """Fill the lattice, whose fields are `Oxygen` of a solver and `types` of FieldManager."""
        shape = cells[0][1].shape
        self.dim = SimpleNamespace(x=shape[0], y=shape[1], z=1)
        types = np.zeros((*shape, 1), np.uint8)
        self.field = SimpleNamespace(Oxygen=Field(shape), types=types)
        self.cells = [SimpleNamespace(type=kind, mask=mask) for kind, mask in cells]

    def copy_cell_attribute_field_values_to(
        self, field_name: str, cell_attribute_name: str
    ) -> None:
        """Fill an array of FieldManager with an attribute of the cells, and 0 where none is."""
        if cell_attribute_name not in ("id", "type", "volume"):
            raise ValueError(
                f"cell_attribute_name={cell_attribute_name} not in available_attributes"
            )
        field = getattr(self.field, field_name)
        field[...] = 0
        for cell in self.cells:
            field[cell.mask, 0] = getattr(cell, cell_attribute_name)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `from cc3d.core.PySteppables import SteppableBasePy` find the stand-in."""
    for name in ("cc3d", "cc3d.core", "cc3d.core.PySteppables"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["cc3d.core.PySteppables"].SteppableBasePy = SteppableBasePy  # type: ignore[attr-defined]
