"""The table of problems that every property of the solver is tested over: geometry × medium."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from numpy.typing import NDArray

from diffkeras.physics import Medium, Solution, Sources, solve
from tests.helpers.plain_equations import solve_reference

LATTICE = (31, 38)

MEDIA = {
    "absorbing": Medium(),
    "reflecting": Medium(boundary="reflecting"),
    "periodic": Medium(boundary="periodic"),
    "absorbing-reflecting": Medium(boundary=("absorbing", "reflecting")),
    "periodic-absorbing": Medium(boundary=("periodic", "absorbing")),
    "reflecting-periodic": Medium(boundary=("reflecting", "periodic")),
    "no decay": Medium(decay=0.0),
    "no decay, reflecting": Medium(decay=0.0, boundary="reflecting"),
    "no decay, periodic": Medium(decay=0.0, boundary="periodic"),
    "no decay, periodic-reflecting": Medium(decay=0.0, boundary=("periodic", "reflecting")),
    "no decay, reflecting-absorbing": Medium(decay=0.0, boundary=("reflecting", "absorbing")),
    "mixed": Medium(boundary=(("absorbing", "reflecting"), ("reflecting", "absorbing"))),
    "no decay, mixed-periodic": Medium(
        decay=0.0, boundary=(("reflecting", "absorbing"), "periodic")
    ),
    "anisotropic": Medium(diffusivity=(0.3, 2.0)),
    "anisotropic, periodic-reflecting": Medium((4.0, 0.5), 0.02, 0.7, ("periodic", "reflecting")),
    "strong decay, fine step": Medium(diffusivity=0.5, decay=3.0, step=0.25),
}

SPACE_MEDIA = {
    "3-D, absorbing": Medium(dimensions=3),
    "3-D, no decay, reflecting": Medium(decay=0.0, boundary="reflecting", dimensions=3),
    "3-D, anisotropic, periodic-absorbing-periodic": Medium(
        (0.3, 1.0, 2.0), 0.02, 0.7, ("periodic", "absorbing", "periodic")
    ),
    "3-D, reflecting-periodic-absorbing": Medium(boundary=("reflecting", "periodic", "absorbing")),
    "3-D, absorbing-periodic-periodic": Medium(boundary=("absorbing", "periodic", "periodic")),
    "3-D, slow decay, periodic": Medium(decay=1e-9, boundary="periodic", dimensions=3),
}


@dataclass(frozen=True)
class Case:
    """A source image with its fixed mask and its medium."""

    image: NDArray[np.float64]
    fixed: NDArray[np.bool_]
    medium: Medium

    @cached_property
    def solution(self) -> Solution:
        return solve(self.image, medium=self.medium, fixed=self.fixed)

    @cached_property
    def reference(self) -> NDArray[np.float64]:
        return solve_reference(self.image, medium=self.medium, fixed=self.fixed)


def _discs(*discs: tuple[int, int, float, float]) -> NDArray[np.float64]:
    return Sources.from_lists(*zip(*discs, strict=True)).image(LATTICE, np.float64)


def _geometries() -> dict[str, tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    rows, columns = np.indices(LATTICE)
    images = {
        "discs": _discs((9, 9, 5, 1.0), (22, 25, 5, 0.35)),
        "discs of different radii": _discs((8, 8, 5, 1.0), (20, 12, 2.5, 0.2), (15, 28, 7.3, 0.6)),
        "single nodes": _discs((4, 7, 0, 1.0), (4, 8, 0, 0.5), (25, 30, 0, 0.1)),
        "at the edge": _discs((0, 0, 4, 1.0), (30, 20, 3, 0.5), (12, 37, 5, 0.7), (28, 2, 2, 0.3)),
        "covering everything": np.full(LATTICE, 0.8),
        "thick walls": np.where((rows < 4) | (abs(rows - 20) < 4) | (columns < 2), 0.9, 0.0),
        "enclosed regions": np.where(abs(np.hypot(rows - 15, columns - 18) - 9) < 1.5, 0.7, 0.0)
        + _discs((15, 18, 2, 1.0)),
        "values differing in a shape": np.where(
            np.hypot(rows - 14, columns - 17) < 8, 0.2 + rows / 40 - columns / 90, 0.0
        ),
        "vessels": np.where(
            (abs(np.sin(columns / 4) * 6 - (rows - 13)) < 1.2)
            | ((abs(columns - rows - 3) < 1.1) & (rows > 12)),
            1 - columns / 60,
            0.0,
        ),
    }
    geometries = {name: (image, image != 0) for name, image in images.items()}
    source = _discs((10, 10, 4, 1.0))
    geometries["source and sink"] = (source, (source != 0) | (_discs((19, 22, 5, 1.0)) != 0))
    geometries["negative value"] = (
        source - _discs((19, 22, 5, 0.4)),
        geometries["source and sink"][1],
    )
    return geometries


PROBLEMS = {
    f"{geometry} | {name}": Case(image, fixed, medium)
    for geometry, (image, fixed) in _geometries().items()
    for name, medium in MEDIA.items()
}


@pytest.fixture(params=PROBLEMS.values(), ids=PROBLEMS.keys(), scope="session")
def problem(request):
    """Each problem of the table in turn, solved once."""
    return request.param


@pytest.fixture(params=(*MEDIA.values(), *SPACE_MEDIA.values()), ids=[*MEDIA, *SPACE_MEDIA])
def medium(request):
    """Each medium of the table in turn."""
    return request.param
