"""TFDS's own test of a builder, with a configuration that is made in no time."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

pytest.importorskip("dill", reason="TFDS's test case imports dill")

import tensorflow_datasets as tfds

from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.section import DataConfig, PhysicsConfig
from tfds_builders import Builder, DiffusionFieldsConfig

SMALL = DiffusionFieldsConfig.of(
    DatasetConfig(2, PhysicsConfig(lattice=(16, 20)), DataConfig(radius=2.0))
)


class TestBuilder(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    BUILDER_CONFIG_NAMES_TO_TEST: ClassVar = [SMALL]
    EXAMPLE_DIR = str(Path(__file__).parent)  # nothing is downloaded
    SPLITS: ClassVar = {"train": 3, "validation": 1, "test": 2}

    def _make_builder(self, config: Any = None) -> Builder:
        return Builder(data_dir=self.tmp_dir, config=config or SMALL, examples=self.SPLITS)
