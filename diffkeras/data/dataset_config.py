"""Which dataset a configuration asks for: one for each source count and physics."""

from dataclasses import dataclass
from typing import Any, Literal

from diffkeras.config import Config, DataConfig, PhysicsConfig, fingerprint
from diffkeras.physics import ExampleRecipe

NAME = "diffusion_fields"
RELEASE_NOTES = {
    "1.0.0": "Initial release.",
    "2.0.0": "No image of the validation or test split occurs in training. It is the "
    "version of configurations with few different images, for example those of one source.",
}
PAPER_PHYSICS = PhysicsConfig()
PAPER_DATA = DataConfig()


@dataclass(frozen=True)
class DatasetConfig:
    """One source count in one physics.

    The physics of the paper gives the names `sources_01` … `sources_20`. Any other physics adds the
    lattice and a fingerprint of everything that an example depends on, so that datasets of
    different physics never share a directory.

    Attributes:
        count: number n of discs per example.
        physics: lattice, medium and boundary.
        data: seed, storage, and the distributions of discs and media. The numbers of examples are
            not part of a dataset's identity.
    """

    count: int
    physics: PhysicsConfig = PAPER_PHYSICS
    data: DataConfig = PAPER_DATA

    @classmethod
    def of(cls, count: int, config: Config) -> "DatasetConfig":
        """The dataset of `count` sources that a configuration asks for."""
        return cls(count, config.physics, config.data)

    @property
    def storage(self) -> Literal["dense", "compact"]:
        """ "dense" with source image and field, or "compact" with ring densities instead."""
        return self.data.storage

    @property
    def name(self) -> str:
        """The name of its directory, and of its TFDS configuration."""
        # Both storages of the same examples share one fingerprint.
        content = {k: v for k, v in self.identity().items() if k not in ("sources", "storage")}
        name = f"sources_{self.count:02d}"
        if self._differs_from_paper():
            rows, columns = self.physics.lattice
            name += f"-{rows}x{columns}-{fingerprint(content)}"
        return name if self.storage == "dense" else f"{name}-{self.storage}"

    def _differs_from_paper(self) -> bool:
        own = {k: v for k, v in self.identity().items() if k != "storage"}
        return own != DatasetConfig(self.count).identity()

    @property
    def version(self) -> str:
        """Version of its examples: 2.0.0 where splits share few images, otherwise 1.0.0."""
        return "2.0.0" if self.recipe().has_few_images else "1.0.0"

    @property
    def description(self) -> str:
        """One sentence for people."""
        discs = "disc" if self.count == 1 else "discs"
        rows, columns = self.physics.lattice
        return f"{self.count} {discs} on a lattice of {rows}×{columns} nodes."

    def identity(self) -> dict[str, Any]:
        """Everything that an example depends on besides its split and number, as plain data."""
        data = self.data.model_dump(mode="json")
        identity: dict[str, Any] = {
            "sources": self.count,
            **self.physics.model_dump(mode="json"),
            "radius": data["radius"],
            "seed": data["seed"],
        }
        # Values of the paper are left out, so that a new option renames no dataset.
        for key in ("placement", "values"):
            if getattr(self.data, key) != getattr(PAPER_DATA, key):
                identity[key] = data[key]
        if self.data.diffusion_length is not None:
            del identity["decay"]  # Each example has its own.
            identity["diffusion_length"] = data["diffusion_length"]
        if self.storage != "dense":
            identity["storage"] = self.storage
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
        )
