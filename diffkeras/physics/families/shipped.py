"""Families that come with diffkeras, each with a trained basis, found by name."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from diffkeras.errors import DataError
from diffkeras.physics.families.family import Family
from diffkeras.physics.families.reduced_basis import ReducedBasis
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.uptake import MichaelisMenten

FOLDER = Path(__file__).parent / "shipped_bases"


def load_family(name: str) -> ReducedBasis:
    """The trained basis of a shipped family; its `family` says which problems it is for.

    Args:
        name: "tumour", oxygen around vessels in 64×64 nodes of tumour, immune cells and stroma,
            with six parameters (see its card in the documentation).

    Raises:
        DataError: there is no such family.

    Example:
        >>> import diffkeras as dk
        >>> basis = dk.load_family("tumour")
        >>> solution = basis.predict(basis.family.draw(1, seed=0)[0], tolerance=1e-3)
        >>> bool(solution.error_bound <= 1e-3 * solution.field.max())
        True
    """
    if not isinstance(name, str) or name not in FAMILIES:
        raise DataError(
            f"there is no shipped family {name!r:.60}, but {', '.join(FAMILIES)}; for a basis of "
            "your own take `ReducedBasis.load`"
        )
    return ReducedBasis.load(file_of(name), FAMILIES[name]())


def file_of(name: str) -> Path:
    """The file of a shipped basis."""
    return FOLDER / f"{name}.npz"


def tumour() -> Family:
    """Oxygen [mmHg] in 0.64 × 0.64 mm² of tissue, on nodes 10 µm apart, with D = 2,000 µm²/s."""
    vessels = _near([(9, 12), (20, 50), (33, 28), (48, 8), (55, 44)], 2.5)
    immune = _near([(14, 30), (27, 10), (30, 44), (44, 24), (40, 56), (58, 22), (6, 58)], 3.5)
    tumour = _near([(30, 34)], 20) & ~vessels & ~immune
    immune &= ~vessels
    stroma = ~(vessels | immune | tumour)
    rates = {"tumour": 8.0, "immune": 4.0, "stroma": 1.5}  # [mmHg/s]
    regions = {"tumour": tumour, "immune": immune, "stroma": stroma}
    maximum = sum((rates[name] * mask for name, mask in regions.items()), np.zeros(vessels.shape))
    problem = Problem(
        40.0 * vessels,
        uptake=MichaelisMenten(maximum, 2.5),
        diffusivity=2000.0,
        decay=0.01,
        step=10.0,
        boundary="reflecting",
    )
    ranges = {
        "uptake.maximum[tumour]": (2.0, 20.0),
        "uptake.maximum[immune]": (1.0, 10.0),
        "uptake.maximum[stroma]": (0.3, 3.0),
        "uptake.constant": (1.0, 10.0),
        "decay": (0.003, 0.03),
        "values[vessels]": (25.0, 50.0),
    }
    return Family(problem, ranges, regions=regions | {"vessels": vessels})


def _near(centres: list[tuple[int, int]], radius: float) -> np.ndarray:
    """The nodes of the lattice of 64×64 within a distance of some centres."""
    nodes = np.indices((64, 64))[:, None]
    offsets = nodes - np.reshape(np.transpose(centres), (2, -1, 1, 1))
    return np.asarray(np.hypot(*offsets).min(axis=0) <= radius)


FAMILIES: dict[str, Callable[[], Family]] = {"tumour": tumour}
