"""The TFDS builder of `diffusion_fields`; `diffkeras.data` defines what its examples are."""

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import tensorflow_datasets as tfds

from diffkeras.config import Config
from diffkeras.data.dataset import (
    PAPER_DATA,
    RELEASE_NOTES,
    VERSION,
    DatasetConfig,
    paper_dataset,
)
from diffkeras.data.generation import estimate_example
from diffkeras.data.records import info_arguments
from diffkeras.data.section import SPLITS
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.reporting.text import duration, format_bytes

LARGEST_UNASKED = 1e9  # bytes that are written without being asked for
TFDS_BUILD = "tensorflow_datasets.scripts.cli.build"  # loaded by the command `tfds build` alone


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
            version=VERSION,
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
        examples: examples by split, e.g. {"train": 100, "validation": 10, "test": 10}. Other splits
            are left out, and so are counts of 0 examples. The numbers are not part of the dataset's
            name: example k is the same in a small dataset and in a large one. The default is the
            paper's sizes; if these take more than 1 GB, `download_and_prepare` and `tfds.load`
            raise a DataError instead of writing them; "paper" asks for them, and so does the
            command `tfds build`.
        beam: generate the examples in the Beam pipeline that `download_and_prepare` gets in its
            `DownloadConfig`.
        **kwargs: passed to `tfds.core.GeneratorBasedBuilder`.
    """

    VERSION = tfds.core.Version(VERSION)
    RELEASE_NOTES: ClassVar = RELEASE_NOTES
    BUILDER_CONFIGS: ClassVar = [
        DiffusionFieldsConfig.of(paper_dataset(count, production=production))
        for production in (False, True)
        for count in PAPER_DATA.sources
    ]

    def __init__(
        self,
        *,
        examples: Mapping[str, int] | Literal["paper"] | None = None,
        beam: bool = False,
        **kwargs: Any,
    ) -> None:
        paper: dict[str, int] = {split: PAPER_DATA.examples(split) for split in SPLITS}
        self._asked = examples is not None
        self._examples = paper if examples is None or examples == "paper" else _checked(examples)
        self._beam = beam
        config = kwargs.get("config")
        if isinstance(config, DiffusionFieldsConfig):
            # TFDS knows the paper's configurations by name and refuses any other object.
            registered = self.builder_configs.get(config.name, config)
            if registered.dataset.identity == config.dataset.identity:
                kwargs["config"] = registered
        super().__init__(**kwargs)

    def download_and_prepare(
        self, *, download_config: tfds.download.DownloadConfig | None = None, **kwargs: Any
    ) -> None:
        """Generate the dataset unless it exists; see `tfds.core.DatasetBuilder`.

        Raises:
            DataError: it takes more than 1 GB, and nobody asked for that size.
        """
        config = download_config or tfds.download.DownloadConfig()
        exists = self.data_path.exists() and not config.download_mode.overwrite_dataset
        asked = self._asked or config.max_examples_per_split or TFDS_BUILD in sys.modules
        if not (exists or asked):
            number = sum(self._examples.values())
            estimate = estimate_example(self.builder_config.dataset).times(number)
            if estimate.bytes > LARGEST_UNASKED:
                raise DataError(
                    f"{self.info.full_name} doesn't exist in {self._data_dir_root}, and would be "
                    f"made of {number} examples, {format_bytes(estimate.bytes)}, which takes about "
                    f"{duration(estimate.seconds(1))}; for fewer give Builder or builder_kwargs of "
                    'tfds.load examples={"train": 100, ...}, for all of them examples="paper", or '
                    "use `diffkeras generate`; tfds.load with download=False only reads"
                )
        super().download_and_prepare(download_config=download_config, **kwargs)
        splits = self.info.splits
        found = {s: splits[s].num_examples if s in splits else 0 for s in self._examples}
        few = any(found[split] < number for split, number in self._examples.items())
        if self._asked and few:
            raise DataError(
                f"{self.data_path} has {found} examples, and {self._examples} were asked for; "
                "delete it, give another data_dir, or enlarge it by `diffkeras generate`"
            )

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(**info_arguments(self.builder_config.dataset))

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        del dl_manager  # nothing is downloaded
        return {split: self._generate_examples(split) for split in self._examples}

    def _generate_examples(self, split: str) -> Any:
        dataset, numbers = self.builder_config.dataset, range(self._examples[split])

        def make(k: int) -> tuple[int, dict[str, Any]]:
            return k, dataset.example(split, k)

        if not self._beam:
            return map(make, numbers)
        import apache_beam as beam

        return beam.Create(numbers) | beam.Reshuffle() | beam.Map(make)


def _checked(examples: Any) -> dict[str, int]:
    """Numbers of examples by split, without the splits of none, which TFDS can't write."""
    numbers = dict(examples) if isinstance(examples, Mapping) else {}
    are_whole = all(type(number) is int and number >= 0 for number in numbers.values())
    if not (any(numbers.values()) and are_whole and set(numbers) <= set(SPLITS)):
        raise ConfigurationError(
            f'examples must be "paper" or whole numbers of some of the splits {", ".join(SPLITS)}, '
            f'such as {{"train": 100}}, not {examples!r:.60}'
        )
    return {split: number for split, number in numbers.items() if number}
