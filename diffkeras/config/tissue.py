"""The section `data.tissue`: how cells and regions of the examples are distributed."""

from typing import Any

from pydantic import ValidationInfo, field_validator

from diffkeras.config.types import Section
from diffkeras.physics import TissueSampler
from diffkeras.physics.sources.tissue_sampler import check_range

Range = tuple[float, float]


class TissueConfig(Section):
    """The tissue of an example: cells that take up or secrete, and regions of other diffusivity.

    Each value is a number, or a range [smallest, largest] from which each example draws.
    """

    cells: tuple[int, int] = (50, 400)
    """Number of cells, discs that are placed independently of each other and of the sources."""
    cell_radius: Range = (2.0, 5.0)
    """Radius of each cell [lattice steps]."""
    uptake: Range = (0.01, 0.5)
    """Uptake rate of each cell, log-uniform [1/time]. It adds to physics.decay on the cell's nodes;
    where cells overlap, the largest counts. With saturation, the maximum of its uptake
    [concentration/time]."""
    regions: tuple[int, int] = (1, 5)
    """Number of regions: each node belongs to the nearest of as many random nodes."""
    diffusivity: Range = (0.1, 1.0)
    """Diffusivity of each region, log-uniform, as a multiple of physics.diffusivity."""
    saturation: Range | None = None
    """K of Michaelis-Menten uptake v u/(K + u), one for all cells of an example, log-uniform
    [concentration]; v is that of uptake. In Python it is the constant of dk.MichaelisMenten. null:
    cells take up in proportion to u."""
    secreting_cells: tuple[int, int] = (0, 0)
    """Number of further cells, of the same radii, which secrete and don't take up."""
    secretion: Range = (0.001, 0.01)
    """What each of these releases, log-uniform [concentration/time]; where they overlap, the
    largest counts."""

    @field_validator("*", mode="before")
    @classmethod
    def _the_sampler_takes_it(cls, value: Any, info: ValidationInfo) -> Any:
        return check_range(info.field_name or "", value)

    @property
    def sampler(self) -> TissueSampler:
        """The sampler of tissues."""
        return TissueSampler(**self.model_dump())

    def content(self) -> dict[str, Any]:
        """What examples depend on, as plain data, without keys of what a tissue doesn't have."""
        absent = set() if self.saturation else {"saturation"}
        absent |= set() if self.secreting_cells[1] else {"secreting_cells", "secretion"}
        return self.model_dump(mode="json", exclude=absent)
