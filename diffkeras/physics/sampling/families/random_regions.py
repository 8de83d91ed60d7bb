"""Random regions: the vessels and the cells of a tissue, as masks."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics.arguments import check_whole, check_within
from diffkeras.physics.lattice import check_lattice
from diffkeras.physics.problem.sources import Sources
from diffkeras.physics.sampling.discs import sample_sources
from diffkeras.physics.sampling.tissue_sampler import MOST_CELLS

MOST_KINDS = 100


@dataclass(frozen=True)
class RandomRegions:
    """Discs at random places: vessels that don't overlap, and cells of some kinds around them.

    The regions are "vessels"; "cells_1", "cells_2" and so on, one for each kind; and "stroma", all
    other nodes. Where cells overlap, the later one wins; vessels win over cells.

    Attributes:
        vessels: their number.
        vessel_radius: of each [lattice steps].
        cells: their number, of all kinds together.
        cell_radius: of each [lattice steps].
        kinds: the number of kinds, into which cells are divided evenly.
        seed: the same seed gives the same regions.

    Raises:
        PhysicsError: a number out of its range; `argument` is its name.

    Example:
        >>> regions = RandomRegions(vessels=3, cells=20).masks(64)
        >>> sorted(regions), regions["vessels"].shape
        (['cells_1', 'stroma', 'vessels'], (64, 64))
    """

    vessels: int = 4
    vessel_radius: float = 3.0
    cells: int = 50
    cell_radius: float = 2.0
    kinds: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {"vessels": (1, MOST_CELLS), "cells": (0, MOST_CELLS), "kinds": (1, MOST_KINDS)}
        for name, (least, most) in {**limits, "seed": (0, 2**32 - 1)}.items():
            object.__setattr__(self, name, check_whole(name, getattr(self, name), least, most))
        for name in ("vessel_radius", "cell_radius"):
            object.__setattr__(self, name, check_within(name, getattr(self, name), 0, 1e6))
        if self.cells < self.kinds and self.cells:
            raise PhysicsError(
                f"must be at most {self.cells}, the number of cells, not {self.kinds}", "kinds"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the regions."""
        kinds = range(1, self.kinds + 1) if self.cells else ()
        return ("vessels", *(f"cells_{kind}" for kind in kinds), "stroma")

    def masks(self, lattice: Any) -> dict[str, NDArray[np.bool_]]:
        """The regions' masks on a lattice (rows, columns), by name.

        Raises:
            PackingError: so many vessels don't fit.
            PhysicsError: a kind has no node, as its cells are all covered.
        """
        rows, columns = check_lattice(lattice)
        rng = np.random.default_rng(self.seed)
        discs = sample_sources(
            self.vessels, (rows, columns), radius=self.vessel_radius, values="constant", rng=rng
        )
        vessels = discs.image((rows, columns)) != 0
        places = rng.integers(0, (rows, columns), (self.cells, 2))
        marks = 1 + np.arange(self.cells) % self.kinds
        radii = np.full(self.cells, self.cell_radius)
        cells = Sources.from_lists(places[:, 0], places[:, 1], radii, marks.astype(float))
        kind = np.where(vessels, 0, cells.image((rows, columns)))
        masks = {"vessels": vessels}
        masks |= {name: kind == n for n, name in enumerate(self.names[1:-1], 1)}
        masks["stroma"] = (kind == 0) & ~vessels
        for name, mask in masks.items():
            if not mask.any():
                raise PhysicsError(
                    f"the region {name} has no node on {rows}×{columns} with "
                    + ", ".join(f"{f.name} {getattr(self, f.name):g}" for f in fields(self))
                    + "; choose other numbers"
                )
        return masks
