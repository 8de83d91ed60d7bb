"""Which dataset a configuration asks for: one for each source count and physics."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.config import Config
from diffkeras.data.section import DataConfig, PhysicsConfig
from diffkeras.identity import VERSION, dataset_identity, fingerprint
from diffkeras.physics import ExampleRecipe, Placement

NAME = "diffusion_fields"
RELEASE_NOTES = {
    VERSION: "First release. In datasets of lower versions, images of the test split or mirror "
    "images of them may occur in training."
}
# The two readings of the paper: its text, and the program that its authors published.
PAPER_PHYSICS = PhysicsConfig()
PAPER_DATA = DataConfig()
PROGRAM_PHYSICS = PhysicsConfig(sources="production")
PROGRAM_DATA = DataConfig(
    placement=Placement(overlap=True),
    values=("scaled_uniform", 0.01),
    divide_by_maximum=True,
)


@dataclass(frozen=True)
class DatasetConfig:
    """One source count in one physics.

    The data of the paper's text have the names `sources_01` … `sources_20`, and the data of its
    authors' program `sources_01-production` and so on. Other names add the lattice and a
    fingerprint of everything that an example depends on, so that different data never share a
    directory. The numbers of examples are not part of a dataset's identity.
    """

    count: int  # number n of discs per example
    physics: PhysicsConfig = PAPER_PHYSICS
    data: DataConfig = PAPER_DATA

    @classmethod
    def of(cls, count: int, config: Config) -> "DatasetConfig":
        """The dataset of `count` sources that a configuration asks for."""
        return _dataset(count, config.physics, config.data)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that an example depends on besides its split and number, as plain data."""
        return dataset_identity(self.count, self.physics, self.data)

    @cached_property
    def name(self) -> str:
        """The name of its directory, and of its TFDS configuration."""
        production = self.physics.produces
        kind = "-tissue" if self.data.maps else "-production" if production else ""
        name = f"sources_{self.count:02d}{kind}"
        if self.identity == paper_dataset(self.count, production=production).identity:
            return name
        rows, columns = self.physics.lattice
        content = {key: value for key, value in self.identity.items() if key != "sources"}
        return f"{name}-{rows}x{columns}-{fingerprint(content)}"

    def path(self, data_dir: str | Path) -> Path:
        """Its directory, whether or not it exists."""
        return Path(data_dir) / NAME / self.name / VERSION

    @property
    def given(self) -> tuple[str, ...]:
        """The features of a supervised pair, besides the field."""
        return ("source_image", *self.data.maps)

    @property
    def record(self) -> tuple[str, ...]:
        """The features of a stored example."""
        length = () if self.data.diffusion_length is None else ("diffusion_length",)
        maximum = ("maximum",) if self.data.divide_by_maximum else ()
        return ("sources", *self.given, *length, "field", *maximum)

    @property
    def description(self) -> str:
        """One sentence for people."""
        rows, columns = self.physics.lattice
        discs = f"{self.count} disc{'' if self.count == 1 else 's'}"
        sources = "production" if self.physics.produces else "fixed value"
        tissues = " in tissues of cells and regions" if self.data.maps else ""
        return f"Fields of {discs} of {sources}{tissues} on a lattice of {rows}×{columns} nodes."

    @cached_property
    def recipe(self) -> ExampleRecipe:
        """The recipe of its examples."""
        return self.data.recipe(self.count, self.physics)

    def example(self, split: str, k: int) -> dict[str, Any]:
        """Example k of a split, solved: its values by feature, images with a channel."""
        example = self.recipe.example(split, k)
        values: Mapping[str, Any] = {**vars(example), **example.maps}
        found: dict[str, Any] = {"sources": example.sources.arrays()}
        for name in self.record[1:]:
            array = np.asarray(values[name], np.float32)
            found[name] = array[..., None] if array.ndim == 2 else array[()]
        return found


_dataset = lru_cache(DatasetConfig)  # its name and its recipe are made once


@cache
def paper_dataset(count: int, *, production: bool = False) -> DatasetConfig:
    """The dataset of the paper's text, or the one that its authors' program computes."""
    if production:
        return DatasetConfig(count, PROGRAM_PHYSICS, PROGRAM_DATA)
    return DatasetConfig(count)
