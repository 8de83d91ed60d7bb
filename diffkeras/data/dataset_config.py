"""Which dataset a configuration asks for: one for each source count and physics."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from diffkeras.config import Config, DataConfig, PhysicsConfig, fingerprint
from diffkeras.errors import ConfigurationError
from diffkeras.physics import ExampleRecipe, FamilyRecipe, Placement

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
LONGEST = 300  # characters of a value in a message
# Identities leave out these values, so that a new option renames no dataset.
DEFAULTS = {
    "placement": asdict(PAPER_DATA.placement),
    "values": PAPER_DATA.values,
    "production": False,
    "divide_by_maximum": False,
    "diffusion_length": None,
    "tissue": None,
    "family": None,
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
    def production(self) -> bool:
        """Whether sources produce; otherwise they hold fixed values."""
        return self.physics.sources == "production"

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps that each stored example has, those of its tissue."""
        return () if self.data.tissue is None else self.data.tissue.maps

    @property
    def kind(self) -> str:
        """How the names of all datasets of this source count begin, or of families."""
        return "family" if self.data.family is not None else f"sources_{self.count:02d}"

    @property
    def name(self) -> str:
        """The name of its directory, and of its TFDS configuration."""
        content = {key: value for key, value in self.identity().items() if key != "sources"}
        name = self.kind + ("-production" if self.production else "")
        name += "" if self.data.tissue is None else "-tissue"
        if self.identity() == paper_dataset(self.count, production=self.production).identity():
            return name
        rows, columns = self.physics.lattice
        return f"{name}-{rows}x{columns}-{fingerprint(content)}"

    @property
    def in_words(self) -> str:
        """Its source count, or that it is a family."""
        if self.data.family is not None:
            return "family"
        return "1 source" if self.count == 1 else f"{self.count} sources"

    @property
    def description(self) -> str:
        """One sentence for people."""
        discs = "disc" if self.count == 1 else "discs"
        kind = "production" if self.production else "fixed value"
        rows, columns = self.physics.lattice
        tissue = "" if self.data.tissue is None else " in tissues of cells and regions"
        lattice = f"on a lattice of {rows}×{columns} nodes"
        if self.data.family is not None:
            names = ", ".join(self.data.family.ranges)
            return f"Fields of one geometry with the parameters {names}, {lattice}."
        return f"Fields of {self.count} {discs} of {kind}{tissue} {lattice}."

    def identity(self) -> dict[str, Any]:
        """Everything that an example depends on besides its split and number, as plain data."""
        data = {**self.data.model_dump(mode="json"), "production": self.production}
        identity: dict[str, Any] = {
            "sources": self.count,
            **self.physics.model_dump(mode="json", exclude={"sources"}),
            "radius": data["radius"],
            "seed": data["seed"],
        }
        identity |= {key: data[key] for key, value in DEFAULTS.items() if data[key] != value}
        if self.data.tissue is not None:
            identity["tissue"] = self._tissue(data["tissue"])
        if self.data.diffusion_length is not None:
            del identity["decay"]  # Each example has its own.
        if not self.data.placement.overlap and "placement" in identity:
            del identity["placement"]["overlap"]
        if self.data.family is not None:
            del identity["sources"], identity["radius"]  # the family has the geometry
        return identity

    def _tissue(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a tissue without those of what it doesn't have."""
        absent = [] if values["saturation"] else ["saturation"]
        absent += [] if values["secreting_cells"][1] else ["secreting_cells", "secretion"]
        return {key: value for key, value in values.items() if key not in absent}

    def recipe(self) -> ExampleRecipe | FamilyRecipe:
        """The recipe of its examples."""
        return self.disc_recipe() if self.data.family is None else self.family_recipe()

    def family_recipe(self) -> FamilyRecipe:
        """The recipe of a family's examples."""
        return _family_recipe(self)

    def disc_recipe(self) -> ExampleRecipe:
        """The recipe of examples with sources of their own.

        Raises:
            ConfigurationError: its examples are those of a family.
        """
        if self.data.family is not None:
            raise ConfigurationError(
                "data.family: this needs random sources, and a family has one geometry"
            )
        return ExampleRecipe(
            self.count,
            self.physics.lattice,
            self.physics.medium,
            self.data.radius,
            seed=self.data.seed,
            placement=self.data.placement,
            values=self.data.values,
            diffusion_length=self.data.diffusion_length,
            production=self.production,
            divide_by_maximum=self.data.divide_by_maximum,
            tissue=self.data.tissue,
        )


@lru_cache(8)
def _family_recipe(dataset: DatasetConfig) -> FamilyRecipe:
    """The recipe of a family's examples, which knows its wider ranges only once."""
    data, physics = dataset.data, dataset.physics
    assert data.family is not None
    return FamilyRecipe(data.family, physics.lattice, physics.medium, data.seed)


def paper_dataset(count: int, *, production: bool = False) -> DatasetConfig:
    """The dataset of the paper's text, or the one that its authors' program computes."""
    if production:
        return DatasetConfig(count, PROGRAM_PHYSICS, PROGRAM_DATA)
    return DatasetConfig(count)


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The keys in which two identities differ, with the value found and the one wanted."""
    found, wanted = (_flat({**DEFAULTS, **identity}) for identity in (found, wanted))
    keys = {**wanted, **found}
    pairs = {key: (found.get(key), wanted.get(key)) for key in keys}
    return {key: (there, here) for key, (there, here) in pairs.items() if there != here}


def _flat(identity: Mapping[str, Any]) -> dict[str, Any]:
    """An identity with the keys of a family, such as "family.draws", in place of the family."""
    family = identity.get("family")
    if not isinstance(family, Mapping):
        return dict(identity)
    others = {key: value for key, value in identity.items() if key != "family"}
    return others | {f"family.{key}": value for key, value in family.items()}


def cut(value: Any) -> str:
    """A value of an identity in a message; masks are long."""
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
