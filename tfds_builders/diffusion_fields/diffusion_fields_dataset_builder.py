"""The TFDS builder of `diffusion_fields`; `diffkeras.data` defines what its examples are."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from diffkeras.config import SPLITS, Config
from diffkeras.data.dataset_config import (
    PAPER_DATA,
    RELEASE_NOTES,
    DatasetConfig,
    paper_dataset,
)
from diffkeras.data.features import info_arguments, make_example


@dataclasses.dataclass(kw_only=True)
class DiffusionFieldsConfig(tfds.core.BuilderConfig):
    """A dataset as TFDS names it.

    Attributes:
        dataset: source count, physics, and distributions of discs and media.
    """

    dataset: DatasetConfig

    @classmethod
    def of(cls, dataset: DatasetConfig) -> "DiffusionFieldsConfig":
        """The TFDS configuration of a dataset."""
        return cls(
            name=dataset.name,
            version=dataset.version,
            description=dataset.description,
            dataset=dataset,
        )

    @classmethod
    def of_config(cls, count: int, config: Config) -> "DiffusionFieldsConfig":
        """The dataset of `count` sources that a diffkeras configuration asks for."""
        return cls.of(DatasetConfig.of(count, config))


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builder of `diffusion_fields`.

    Args:
        examples: examples by split, e.g. {"train": 100, "validation": 10, "test": 10}; by default
            those of the paper. Other splits are left out. The numbers are not part of the dataset's
            name: example k is the same in a small dataset and in a large one.
        beam: generate the examples in the Beam pipeline that `download_and_prepare` gets in its
            `DownloadConfig`.
        **kwargs: those of `tfds.core.GeneratorBasedBuilder`.
    """

    VERSION = tfds.core.Version(max(RELEASE_NOTES))  # Each configuration has its own.
    RELEASE_NOTES: ClassVar = RELEASE_NOTES
    BUILDER_CONFIGS: ClassVar = [
        DiffusionFieldsConfig.of(paper_dataset(count, production=production))
        for production in (False, True)
        for count in PAPER_DATA.sources
    ]

    def __init__(
        self, *, examples: Mapping[str, int] | None = None, beam: bool = False, **kwargs: Any
    ) -> None:
        paper: dict[str, int] = {split: PAPER_DATA.examples(split) for split in SPLITS}
        self._examples = dict(examples or paper)
        self._beam = beam
        config = kwargs.get("config")
        if isinstance(config, DiffusionFieldsConfig):
            # TFDS knows the paper's configurations by name and refuses any other object.
            registered = self.builder_configs.get(config.name, config)
            if registered.dataset.identity() == config.dataset.identity():
                kwargs["config"] = registered
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(**info_arguments(self.builder_config.dataset))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # Nothing is downloaded.
        return {split: self._generate_examples(split) for split in self._examples}

    def _generate_examples(self, split: str) -> Any:
        dataset, numbers = self.builder_config.dataset, range(self._examples[split])
        if self._beam:
            return _examples_by_beam(dataset, split, numbers)
        return ((k, make_example(dataset, split, k)) for k in numbers)


def _examples_by_beam(dataset: DatasetConfig, split: str, numbers: range) -> Any:
    """A Beam transform that makes the examples of these numbers, as (number, values)."""
    import apache_beam as beam

    def make(k: int) -> tuple[int, dict[str, Any]]:
        return k, make_example(dataset, split, k)

    return beam.Create(numbers) | beam.Reshuffle() | beam.Map(make)
