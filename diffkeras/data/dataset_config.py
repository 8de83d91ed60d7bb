"""Which dataset a configuration asks for: one for each source count and physics."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import Config, DataConfig, PhysicsConfig, PlacementConfig, fingerprint
from diffkeras.errors import DataError
from diffkeras.physics import ExampleRecipe

NAME = "diffusion_fields"
RELEASE_NOTES = {
    "1.0.0": "Initial release.",
    "2.0.0": "No image of the validation or test split occurs in training. It is the "
    "version of configurations with few different images, for example those of one source.",
    "3.0.0": "No mirror image of the validation or test split occurs in training either, in any of "
    "the symmetries of the lattice. It replaces version 2.0.0.",
}
MANY_IMAGES_VERSION, FEW_IMAGES_VERSION = "1.0.0", "3.0.0"
# The two readings of the paper: its text, and the program that its authors published.
PAPER_PHYSICS = PhysicsConfig()
PAPER_DATA = DataConfig()
PROGRAM_PHYSICS = PhysicsConfig(sources="production")
PROGRAM_DATA = DataConfig(
    placement=PlacementConfig(overlap=True),
    values=("scaled_uniform", 0.01),
    divide_by_maximum=True,
)
# Identities leave out these values, so that a new option renames no dataset.
DEFAULTS = {
    "placement": PAPER_DATA.placement.model_dump(mode="json"),
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
    def production(self) -> bool:
        """Whether sources produce; otherwise they hold fixed values."""
        return self.physics.sources == "production"

    @property
    def maps(self) -> tuple[str, ...]:
        """Names of the maps that each example has, those of its tissue."""
        return () if self.data.tissue is None else self.data.tissue.sampler.maps

    @property
    def name(self) -> str:
        """The name of its directory, and of its TFDS configuration."""
        content = {key: value for key, value in self.identity().items() if key != "sources"}
        name = f"sources_{self.count:02d}" + ("-production" if self.production else "")
        name += "" if self.data.tissue is None else "-tissue"
        if self.identity() == paper_dataset(self.count, production=self.production).identity():
            return name
        rows, columns = self.physics.lattice
        return f"{name}-{rows}x{columns}-{fingerprint(content)}"

    @property
    def version(self) -> str:
        """Version of its examples: 3.0.0 where splits share few images, otherwise 1.0.0."""
        few = self.recipe().has_few_images
        return FEW_IMAGES_VERSION if few else MANY_IMAGES_VERSION

    @property
    def description(self) -> str:
        """One sentence for people."""
        discs = "disc" if self.count == 1 else "discs"
        kind = "production" if self.production else "fixed value"
        rows, columns = self.physics.lattice
        tissue = "" if self.data.tissue is None else " in tissues of cells and regions"
        lattice = f"on a lattice of {rows}×{columns} nodes"
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
            identity["tissue"] = self.data.tissue.content()
        if self.data.diffusion_length is not None:
            del identity["decay"]  # Each example has its own.
        if not self.data.placement.overlap and "placement" in identity:
            del identity["placement"]["overlap"]
        return identity

    def recipe(self) -> ExampleRecipe:
        """The recipe of its examples."""
        return ExampleRecipe(
            self.count,
            self.physics.lattice,
            self.physics.medium,
            self.data.radius,
            seed=self.data.seed,
            placement=self.data.placement.placement,
            values=self.data.values,
            diffusion_length=self.data.diffusion_length,
            production=self.production,
            divide_by_maximum=self.data.divide_by_maximum,
            tissue=None if self.data.tissue is None else self.data.tissue.sampler,
        )


def paper_dataset(count: int, *, production: bool = False) -> DatasetConfig:
    """The dataset of the paper's text, or the one that its authors' program computes."""
    if production:
        return DatasetConfig(count, PROGRAM_PHYSICS, PROGRAM_DATA)
    return DatasetConfig(count)


def dataset_versions(config: Config) -> dict[str, str]:
    """Source count → version of its examples, which a run keeps of the data it was trained on."""
    return {str(n): DatasetConfig.of(n, config).version for n in config.data.sources}


def check_versions(found: Mapping[str, str] | None, config: Config, run: Path, remedy: str) -> None:
    """Raise a DataError if a run was trained on another split of the images of a configuration.

    Args:
        found: `dataset_versions` of the run, which may lack counts that it wasn't trained on; None
            of runs of the first versions of diffkeras.
        config: the images, of which those for training must be kept from the others.
        run: the run directory.
        remedy: what to do besides training again.
    """
    for count, version in dataset_versions(config).items():
        trained = "1.0.0" if found is None else found.get(count, version)
        # many images have version 1.0.0, and no memory of which split has which
        apart = found is not None and trained in (MANY_IMAGES_VERSION, version)
        if version == FEW_IMAGES_VERSION and not apart:
            raise DataError(
                f"the run in {run} was trained on version {trained} of the images of {count} "
                f"source(s), which may hold test images of version {version} or mirror images of "
                "them: run `diffkeras generate` and `diffkeras train` with its configuration "
                f"again, {remedy}"
            )


def differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The keys in which two identities differ, with the value found and the one wanted."""
    found, wanted = {**DEFAULTS, **found}, {**DEFAULTS, **wanted}
    keys = {**wanted, **found}
    pairs = {key: (found.get(key), wanted.get(key)) for key in keys}
    return {key: (there, here) for key, (there, here) in pairs.items() if there != here}
