"""The problems of the benchmark and of the scoreboard: a configuration for each lattice and split.

The splits `train`, `validation` and `test` have the same distribution. Each shifted split differs
from them in one respect, and is for tests only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError

SEED = 20_261_126  # no shipped configuration trains with it
IMAGES = 500  # of a test or validation split, all source counts together
SHIFTED_IMAGES = 200
TRAINING_IMAGES = {64: 5000, 128: 2000, 256: 1000}  # of a side; fewer where nodes are many
AREA, MOST_DISCS = 64 * 64, 5  # nodes, and the largest number of discs on them

SPLITS = ("train", "validation", "test")
SHIFTS = {  # by name: what differs from the test split
    "more_sources": "twice the largest number of discs",
    "larger_radius": "discs of radius 8 in place of 5, and 5 in place of 3",
    "clusters": "discs in a cluster on each 64×64 nodes, normally distributed by 8 lattice steps",
    "edges": "discs within 10 lattice steps of the edge",
    "shorter_length": "four times the decay, that is half of the diffusion length",
    "larger_lattice": "twice the rows and columns, with as many discs on each part",
}


@dataclass(frozen=True)
class BenchmarkProblem:
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

    def config(self, side: int, images: int = IMAGES, training_images: int = 1) -> Config:
        """The configuration of 1 to 5 discs per 64×64 nodes, of so many images in all.

        With more than one training image, there are as many validation images as test images.
        """
        most = most_discs(side)
        each, of_training = max(images // most, 1), max(training_images // most, 1)
        values: dict[str, Any] = {
            "name": f"{self.name}_{side}",
            "physics.lattice": side,
            "data.sources": f"1-{most}",
            "data.seed": SEED,
            "data.train_examples": of_training,
            "data.validation_examples": each if training_images > 1 else 1,
            "data.test_examples": each,
            "model.depth": 1,  # no network is built; the default depth would limit the lattices
            "model.pad": True,
            **self.settings,
            **{
                key: [max(number * side * side // AREA, 1) for number in numbers]
                for key, numbers in self.per_area.items()
            },
        }
        return Config().with_overrides(values)

    def shifted(self, side: int, shift: str) -> Config:
        """The configuration of the images of a shifted split, a name of `SHIFTS`."""
        if shift == "larger_lattice":
            return self.config(2 * side, SHIFTED_IMAGES)
        config, most = self.config(side, SHIFTED_IMAGES), most_discs(side)
        radius = {5.0: 8.0, 3.0: 5.0}[float(config.data.radius)]  # type: ignore[arg-type]
        changes: dict[str, dict[str, Any]] = {
            "more_sources": {"data.sources": f"{most + 1}-{2 * most}"},
            "larger_radius": {"data.radius": radius},
            "clusters": {
                "data.placement.kind": "clustered",
                "data.placement.clusters": max(side * side // AREA, 1),
                "data.placement.spread": 8.0,
            },
            "edges": {"data.placement.kind": "edge", "data.placement.margin": 10.0},
            "shorter_length": {"physics.decay": 4 * config.physics.decay},
        }
        return config.with_overrides(changes[shift])


def most_discs(side: int) -> int:
    """The largest number of discs on a lattice of so many rows and columns."""
    return max(MOST_DISCS * side * side // AREA, 1)


TISSUE = {
    "physics.decay": 1e-3,
    "physics.boundary": "reflecting",
    "data.radius": 3,
    "data.tissue.cell_radius": [1.5, 3],
    "data.tissue.regions": [1, 5],
    "data.tissue.diffusivity": [0.1, 1],
}
WALLS = {"top": {"value": 0.8}, "bottom": {"flux": 0.01}, "left": "reflecting"}
CELLS = {"data.tissue.cells": (50, 200)}
PROBLEMS = {
    problem.name: problem
    for problem in (
        BenchmarkProblem(
            "fixed_values",
            "Discs of radius 5 hold their values in a uniform medium.",
        ),
        BenchmarkProblem(
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
        BenchmarkProblem(
            "tissue",
            "Discs of radius 3, such as vessels, hold their values in tissue of cells that take up "
            "and regions that differ in diffusivity.",
            {**TISSUE, "data.tissue.uptake": [0.001, 0.1]},
            CELLS,
        ),
        BenchmarkProblem(
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
        BenchmarkProblem(
            "mixed_walls",
            "Discs of radius 5 hold their values between a wall that holds 0.8, one with an "
            "influx, one that lets nothing through, and one that absorbs.",
            {"physics.boundary": WALLS},
        ),
    )
}


def get_problem(name: str) -> BenchmarkProblem:
    """A problem by its name; a ConfigurationError if there is none."""
    if name not in PROBLEMS:
        raise ConfigurationError(
            f"there is no problem {name!r:.60}; choose among {', '.join(PROBLEMS)}"
        )
    return PROBLEMS[name]
