"""`diffusion_fields`: random disc sources and the steady-state diffusion field around them."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import tensorflow_datasets as tfds

from diffkeras.config import (
    SPLITS,
    Config,
    DataConfig,
    PhysicsConfig,
    PlacementConfig,
    fingerprint,
)
from diffkeras.physics import CompactExample, Example, ExampleRecipe
from diffkeras.physics.sources.discs import ValueDistribution
from tfds_builders.diffusion_fields.records import CanonicalWriter, serialize
from tfds_builders.diffusion_fields.sparse import SparseImage

PAPER_PHYSICS = PhysicsConfig()
PAPER_DATA = DataConfig()


@dataclasses.dataclass(kw_only=True)
class DiffusionFieldsConfig(tfds.core.BuilderConfig):
    """One source count in one physics.

    The physics of the paper gives the names `sources_01` … `sources_20`. Any other adds the lattice
    and a fingerprint of everything an example depends on, so that datasets of different physics
    never share a directory.

    Attributes:
        count: number n of discs an example.
        physics: lattice, medium and boundary.
        radius: radius or range of radii [lattice steps].
        seed: the dataset's seed.
        placement: how centres of discs are distributed.
        values: how their values are distributed.
        diffusion_length: range of which each example draws its own [length], or None for the medium
            of `physics`.
        storage: "dense", with source image and field, or "compact", with ring densities instead.
    """

    count: int = 1
    physics: PhysicsConfig = PAPER_PHYSICS
    radius: float | tuple[float, float] = PAPER_DATA.radius
    seed: int = PAPER_DATA.seed
    placement: PlacementConfig = PAPER_DATA.placement
    values: ValueDistribution = PAPER_DATA.values
    diffusion_length: tuple[float, float] | None = None
    storage: Literal["dense", "compact"] = "dense"

    @classmethod
    def of(
        cls, count: int, physics: PhysicsConfig = PAPER_PHYSICS, data: DataConfig = PAPER_DATA
    ) -> "DiffusionFieldsConfig":
        """The dataset of `count` sources in a configuration's sections."""
        config = cls(
            name="unnamed",
            count=count,
            physics=physics,
            radius=data.radius,
            seed=data.seed,
            placement=data.placement,
            values=data.values,
            diffusion_length=data.diffusion_length,
        )
        paper = cls(name="paper", count=count)
        rows, columns = physics.lattice
        config.name = f"sources_{count:02d}"
        if config.identity() != paper.identity():
            common = {k: v for k, v in config.identity().items() if k != "sources"}
            config.name += f"-{rows}x{columns}-{fingerprint(common)}"
        if data.storage == "compact":
            # after the fingerprint, which both storages of the same examples share
            config.storage = data.storage
            config.name += "-compact"
        discs = "disc" if count == 1 else "discs"
        config.description = f"{count} {discs} on a lattice of {rows}×{columns} nodes."
        return config

    @classmethod
    def of_config(cls, count: int, config: Config) -> "DiffusionFieldsConfig":
        """The dataset of `count` sources in a whole configuration."""
        return cls.of(count, config.physics, config.data)

    def identity(self) -> dict[str, Any]:
        """All that an example depends on besides its split and number, as plain data."""
        radius = list(self.radius) if isinstance(self.radius, tuple) else self.radius
        identity: dict[str, Any] = {
            "sources": self.count,
            **self.physics.model_dump(mode="json"),
            "radius": radius,
            "seed": self.seed,
        }
        # what is as in the paper goes without saying, so that new options rename no dataset
        if self.placement != PAPER_DATA.placement:
            identity["placement"] = self.placement.model_dump(mode="json")
        if self.values != PAPER_DATA.values:
            identity["values"] = self.values if isinstance(self.values, str) else list(self.values)
        if self.diffusion_length is not None:
            del identity["decay"]  # that of no example
            identity["diffusion_length"] = list(self.diffusion_length)
        if self.storage != "dense":
            identity["storage"] = self.storage
        return identity

    def recipe(self) -> ExampleRecipe:
        """What makes the examples."""
        return ExampleRecipe(
            self.count,
            self.physics.lattice,
            self.physics.medium,
            self.radius,
            seed=self.seed,
            placement=self.placement.placement,
            values=self.values,
            diffusion_length=self.diffusion_length,
        )


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builder of `diffusion_fields`.

    Args:
        examples: examples by split, e.g. {"train": 100, "validation": 10, "test": 10}; by default
            those of the paper. Not part of the dataset's name: example k is the same in a small
            dataset and in a large one.
        workers: processes that solve; the records are the same however many.
        on_example: called after each example, e.g. to move a progress bar.
        beam: make the examples in the Beam pipeline that `download_and_prepare` gets in its
            `DownloadConfig`. TFDS's writer then passes every record through the runner.
        **kwargs: those of `tfds.core.GeneratorBasedBuilder`.
    """

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES: ClassVar = {"1.0.0": "Initial release."}
    BUILDER_CONFIGS: ClassVar = [DiffusionFieldsConfig.of(count) for count in PAPER_DATA.sources]

    def __init__(
        self,
        *,
        examples: Mapping[str, int] | None = None,
        workers: int = 1,
        on_example: Callable[[], None] = lambda: None,
        beam: bool = False,
        **kwargs: Any,
    ) -> None:
        self._examples = {split: PAPER_DATA.examples(split) for split in SPLITS} | dict(
            examples or {}
        )
        self._workers = workers
        self._on_example = on_example
        self._beam = beam
        config = kwargs.get("config")
        if isinstance(config, DiffusionFieldsConfig):
            # TFDS knows the paper's configurations by name and refuses an equal object
            registered = self.builder_configs.get(config.name, config)
            if registered.identity() == config.identity():
                kwargs["config"] = registered
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        config: DiffusionFieldsConfig = self.builder_config
        image = (*config.physics.lattice, 1)
        per_source = (config.count,)
        sources = {
            "rows": tfds.features.Tensor(shape=per_source, dtype=np.int32),
            "columns": tfds.features.Tensor(shape=per_source, dtype=np.int32),
            "radii": tfds.features.Tensor(shape=per_source, dtype=np.float32),
            "values": tfds.features.Tensor(shape=per_source, dtype=np.float32),
        }
        dense = config.storage == "dense"
        if dense:
            features = {
                # mostly zeros: a few kB compressed, where the field fills its megabyte
                "source_image": SparseImage(shape=image, dtype=np.float32),
                "field": tfds.features.Tensor(
                    shape=image, dtype=np.float32, encoding=tfds.features.Encoding.BYTES
                ),
            }
        else:
            features = {"densities": tfds.features.Tensor(shape=(None,), dtype=np.float32)}
        if config.diffusion_length is not None:
            features["diffusion_length"] = tfds.features.Tensor(shape=(), dtype=np.float32)
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict({**features, "sources": sources}),
            supervised_keys=("source_image", "field") if dense else None,
            homepage="https://arxiv.org/abs/2302.03786",
            # record k is example k, which makes subsets nested and examples checkable
            disable_shuffling=True,
            metadata=tfds.core.MetadataDict(config.identity()),
        )

    def record(self, split: str, k: int) -> bytes:
        """Example k of a split, solved, as the bytes of its TFRecord.

        They are the same in every process, and the ones that `download_and_prepare` writes.
        """
        config: DiffusionFieldsConfig = self.builder_config
        return serialize(self.info.features, make_features(config, split, k))

    def _example_writer(self) -> CanonicalWriter:
        return CanonicalWriter(self.info.file_format)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # nothing is downloaded
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str) -> Any:
        recipe = self.builder_config.recipe()
        numbers = range(self._examples[split])
        if self._beam:
            return examples_on_beam(self.builder_config, split, numbers)
        return self._examples_here(recipe, split, numbers)

    def _examples_here(
        self, recipe: ExampleRecipe, split: str, numbers: range
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        examples: Iterator[Example | CompactExample]
        if self.builder_config.storage == "compact":
            # a few milliseconds each, which other processes would hardly shorten
            examples = (recipe.compact_example(split, k) for k in numbers)
        else:
            examples = recipe.examples(split, numbers, self._workers)
        for k, example in enumerate(examples):
            yield k, features_of(example)
            self._on_example()


def make_features(config: DiffusionFieldsConfig, split: str, k: int) -> dict[str, Any]:
    """Example k of a split, solved: its values by feature."""
    recipe = config.recipe()
    if config.storage == "compact":
        return features_of(recipe.compact_example(split, k))
    return features_of(recipe.example(split, k))


def features_of(example: Example | CompactExample) -> dict[str, Any]:
    """An example's values by feature."""
    sources = example.sources
    if isinstance(example, CompactExample):
        values: dict[str, Any] = {"densities": example.densities}
    else:
        values = {
            "source_image": example.source_image[..., None],
            "field": example.field[..., None],
        }
    if example.diffusion_length is not None:
        values["diffusion_length"] = np.float32(example.diffusion_length)
    return {
        **values,
        "sources": {
            "rows": sources.rows,
            "columns": sources.columns,
            "radii": sources.radii,
            "values": sources.values,
        },
    }


def examples_on_beam(config: DiffusionFieldsConfig, split: str, numbers: range) -> Any:
    """A Beam transform that makes the examples of these numbers, as (number, values)."""
    import apache_beam as beam

    def make(k: int) -> tuple[int, dict[str, Any]]:
        return k, make_features(config, split, k)

    return beam.Create(numbers) | beam.Reshuffle() | beam.Map(make)
