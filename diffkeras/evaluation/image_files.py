"""Test images with their exact fields in a file, as `diffkeras-benchmark data` writes it.

A `.npz` with `configuration`, the YAML whose test split it is, `name` and `sha256`; and for each
source count NN `source_images_NN`, (images, rows, columns), the maps of the medium in tissue,
`fields_NN`, and `maxima_NN` where fields are divided by their maxima. Nothing is solved again. The
discs and the problems are drawn again, and must give the images in the file.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.config.config import parse_config
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.evaluation.images import ImageBatch, draw_images
from diffkeras.physics import maps_of
from diffkeras.system.array_files import read_arrays
from diffkeras.system.yaml_io import from_yaml

logger = logging.getLogger(__name__)

SUFFIX = ".npz"
WHAT = "test images"  # in messages
PARTS = ("data.sources", "data.test_examples")  # they choose a part of the images


@dataclass(frozen=True)
class ImageFile:
    """A file of test images.

    Attributes:
        path: of the file.
        name: of the images, such as `tissue_64/test`.
        sha256: of the problems.
        config: the configuration whose test split it is.
    """

    path: Path
    name: str
    sha256: str
    config: Config

    @classmethod
    def open(cls, path: Path) -> "ImageFile":
        """The file of a path.

        Raises:
            DataError: a missing or damaged file, or one without a configuration.
        """
        if path.suffix.lower() != SUFFIX:
            raise DataError(
                f"{path} is no .npz of test images; "
                "`diffkeras-benchmark data NAME test -o test.npz` writes a public one"
            )
        arrays = read_arrays(path, WHAT, only=("name", "sha256", "configuration"))
        if len(arrays) < 3:
            raise DataError(f"{path} has no configuration, name and sha256 of test images")
        text = from_yaml(str(arrays["configuration"]))
        return cls(path, str(arrays["name"]), str(arrays["sha256"]), parse_config(text, str(path)))

    def part(self, overrides: Mapping[str, Any]) -> Config:
        """The configuration of a part of the images, to be evaluated.

        Args:
            overrides: settings of the evaluation, fewer source counts or fewer test examples, by
                dotted key.

        Raises:
            ConfigurationError: another key, or images that the file doesn't have.
        """
        for key in overrides:
            if not key.startswith("evaluation.") and key not in PARTS:
                raise ConfigurationError(f"{key} would change the test set; leave it out")
        part, whole = self.config.with_overrides(overrides), self.config.data
        wanted, held = part.data.test_examples, whole.test_examples
        if wanted > held:
            raise ConfigurationError(
                f"{self.name} has {held} images of each source count, not {wanted}"
            )
        if absent := sorted(set(part.data.sources) - set(whole.sources)):
            raise ConfigurationError(f"{self.name} has no images of {absent[0]} sources")
        if part.data != whole:
            logger.warning(
                f"a part of {self.name} is measured: such errors can't be compared with those of "
                "the whole set"
            )
        return part

    def images(self, count: int, numbers: Sequence[int]) -> ImageBatch:
        """The images of some numbers of a source count.

        Raises:
            DataError: arrays that are missing or of another shape, or other images than the
                configuration's.
        """
        drawn = draw_images(self.config, count, numbers)
        given: dict[str, NDArray] = {
            "source_images": drawn.images,
            **maps_of(drawn.problem, self.config.data.maps),
        }
        divided = ("maxima",) if self.config.data.divide_by_maximum else ()
        wanted = [f"{name}_{count:02d}" for name in (*given, "fields", *divided)]
        arrays = read_arrays(self.path, WHAT, only=wanted)
        places, shape = list(numbers), (self.config.data.test_examples, *drawn.images.shape[1:])
        for name in wanted:
            if name not in arrays or arrays[name].shape not in (shape, shape[:1]):
                raise DataError(f"{self.path} has no array {name} of shape {shape}")
        for key, values in zip(wanted, given.values(), strict=False):
            if not np.array_equal(arrays[key][places], values.astype(np.float32)):
                raise DataError(
                    f"{self.path}: {key} holds other images than the test split of its "
                    f"configuration; write it again by `diffkeras-benchmark data`"
                )
        fields = arrays[f"fields_{count:02d}"][places]
        maxima = arrays[f"maxima_{count:02d}"][places] if divided else None
        return replace(drawn, fields=fields, maxima=maxima)
