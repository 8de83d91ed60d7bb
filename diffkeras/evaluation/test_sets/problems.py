"""The problems of the public test sets and of the scoreboard: a configuration for each lattice."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError

SEED = 20_261_126  # of the test images; no shipped configuration trains with it
IMAGES = 500  # of all source counts
AREA, MOST_DISCS = 64 * 64, 5  # nodes, and the largest number of discs on them


@dataclass(frozen=True)
class TestProblem:
    """What is diffused, and how sources are drawn.

    Attributes:
        name: of the problem.
        description: in words.
        settings: values of the configuration by dotted key, where they are not the defaults.
        per_area: ranges of numbers on 64×64 nodes by dotted key, in proportion to the area.
    """

    name: str
    description: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    per_area: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def config(self, side: int, images: int = IMAGES) -> Config:
        """The configuration of its test images.

        There are 1 to 5 discs on 64×64 nodes, and as many on as large a part of other lattices.

        Args:
            side: rows and columns of the lattice.
            images: about the number of all source counts together.

        Raises:
            ConfigurationError: a lattice that is out of range.
        """
        most = max(MOST_DISCS * side * side // AREA, 1)
        values: dict[str, Any] = {
            "name": f"{self.name}_{side}",
            "physics.lattice": side,
            "data.sources": f"1-{most}",
            "data.seed": SEED,
            "data.train_examples": 1,  # a dataset has all three splits
            "data.validation_examples": 1,
            "data.test_examples": max(images // most, 1),
            "model.depth": 1,  # no network is built; the default depth would limit the lattices
            "model.pad": True,
            **self.settings,
            **{
                key: [max(number * side * side // AREA, 1) for number in numbers]
                for key, numbers in self.per_area.items()
            },
        }
        return Config().with_overrides(values)


TISSUE = {
    "physics.decay": 1e-3,
    "physics.boundary": "reflecting",
    "data.radius": 3,
    "data.tissue.cell_radius": [1.5, 3],
    "data.tissue.regions": [1, 5],
    "data.tissue.diffusivity": [0.1, 1],
}
CELLS = {"data.tissue.cells": (50, 200)}
PROBLEMS = {
    problem.name: problem
    for problem in (
        TestProblem(
            "fixed_values",
            "Discs of radius 5 hold their values in a uniform medium.",
        ),
        TestProblem(
            "production",
            "Discs of radius 5, which may overlap, produce in a uniform medium; each field is "
            "divided by its maximum.",
            {
                "physics.sources": "production",
                "data.placement.overlap": True,
                "data.values": ["scaled_uniform", 0.01],
                "data.divide_by_maximum": True,
            },
        ),
        TestProblem(
            "tissue",
            "Discs of radius 3, such as vessels, hold their values in tissue of cells that take up "
            "and regions that differ in diffusivity.",
            {**TISSUE, "data.tissue.uptake": [0.001, 0.1]},
            CELLS,
        ),
        TestProblem(
            "saturating_tissue",
            "Discs of radius 3, such as vessels, hold their values in tissue whose cells take up "
            "by Michaelis–Menten kinetics or secrete, and whose regions differ in diffusivity.",
            {
                **TISSUE,
                "data.tissue.uptake": [0.02, 0.5],
                "data.tissue.saturation": [0.05, 0.5],
                "data.tissue.secretion": [0.002, 0.02],
            },
            {**CELLS, "data.tissue.secreting_cells": (3, 12)},
        ),
    )
}


def get_problem(name: str) -> TestProblem:
    """A problem by its name.

    Raises:
        ConfigurationError: there is none of this name.
    """
    if name not in PROBLEMS:
        raise ConfigurationError(
            f"there is no problem {name!r:.60}; choose among {', '.join(PROBLEMS)}"
        )
    return PROBLEMS[name]
