"""Which dataset a configuration asks for: one for each source count and physics."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from diffkeras.config import Config
from diffkeras.data.section import DataConfig, PhysicsConfig
from diffkeras.physics import ExampleRecipe, Placement, Sources
from diffkeras.system.plain_data import differences, fingerprint

NAME = "diffusion_fields"
VERSION = "3.0.0"
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
# Identities leave out these values, so that a new option renames no dataset.
DEFAULTS = {
    "placement": asdict(PAPER_DATA.placement),
    "values": PAPER_DATA.values,
    "production": False,
    "divide_by_maximum": False,
    "diffusion_length": None,
    "tissue": None,
}


@dataclass(frozen=True)
class DatasetConfig:
    """One source count in one physics.

    The data of the paper's text have the names `sources_01` … `sources_20`, and those of its
    authors' program `sources_01-production` and so on. Other names add the lattice and a
    fingerprint of everything that an example depends on, so that different data never share a
    directory.

    Attributes:
        count: number n of discs per example.
        physics: lattice, medium and boundary.
        data: seed, and the distributions of discs and media. The numbers of examples are not part
            of a dataset's identity.
    """

    count: int
    physics: PhysicsConfig = PAPER_PHYSICS
    data: DataConfig = PAPER_DATA

    @classmethod
    def of(cls, count: int, config: Config) -> "DatasetConfig":
        """The dataset of `count` sources that a configuration asks for."""
        return cls(count, config.physics, config.data)

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
    def name(self) -> str:
        """The name of its directory, and of its TFDS configuration."""
        kind = "-tissue" if self.data.maps else "-production" if self.physics.produces else ""
        name, identity = f"sources_{self.count:02d}{kind}", self.identity()
        if identity == paper_dataset(self.count, production=self.physics.produces).identity():
            return name
        rows, columns = self.physics.lattice
        content = {key: value for key, value in identity.items() if key != "sources"}
        return f"{name}-{rows}x{columns}-{fingerprint(content)}"

    @property
    def in_words(self) -> str:
        """Its source count."""
        return f"{self.count} source{'' if self.count == 1 else 's'}"

    @property
    def description(self) -> str:
        """One sentence for people."""
        rows, columns = self.physics.lattice
        discs = f"{self.count} disc{'' if self.count == 1 else 's'}"
        sources = "production" if self.physics.produces else "fixed value"
        tissues = " in tissues of cells and regions" if self.data.maps else ""
        return f"Fields of {discs} of {sources}{tissues} on a lattice of {rows}×{columns} nodes."

    def identity(self) -> dict[str, Any]:
        """Everything that an example depends on besides its split and number, as plain data."""
        data = {**self.data.to_dict(), "production": self.physics.produces}
        identity: dict[str, Any] = {
            "sources": self.count,
            **{k: v for k, v in self.physics.to_dict().items() if k != "sources"},
            "radius": data["radius"],
            "seed": data["seed"],
        }
        identity |= {key: data[key] for key, value in DEFAULTS.items() if data[key] != value}
        unused = [] if self.data.diffusion_length is None else ["decay"]
        if (tissue := self.data.tissue) is not None:
            unused += [] if tissue.saturation else ["tissue.saturation"]
            if not tissue.secretes:
                unused += ["tissue.secreting_cells", "tissue.secretion"]
        if not self.data.placement.overlap and "placement" in identity:
            unused += ["placement.overlap"]
        for key in unused:
            section, _, name = key.rpartition(".")
            del (identity[section] if section else identity)[name]
        return identity

    def recipe(self) -> ExampleRecipe:
        """The recipe of its examples."""
        return self.data.recipe(self.count, self.physics)


def by_feature(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of an example by feature: images with a channel, and discs as arrays."""
    return {
        name: value.arrays() if isinstance(value, Sources) else _with_channel(value)
        for name, value in values.items()
    }


def _with_channel(value: Any) -> Any:
    array = np.asarray(value, np.float32)
    return array[..., None] if array.ndim == 2 else array[()]


def paper_dataset(count: int, *, production: bool = False) -> DatasetConfig:
    """The dataset of the paper's text, or the one that its authors' program computes."""
    if production:
        return DatasetConfig(count, PROGRAM_PHYSICS, PROGRAM_DATA)
    return DatasetConfig(count)


def differing_identities(
    found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """The keys in which two identities differ, with the value found and the one wanted."""
    return differences(*({**DEFAULTS, **identity} for identity in (found, wanted)))
