"""Trials of an exported file: are its fields those of the surrogate, and how long do they take?"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.errors import ExportError, PackingError
from diffkeras.surrogates.exports.runner import Inputs, Runner
from diffkeras.surrogates.given_media import inputs_of
from diffkeras.surrogates.surrogate import Surrogate

TOLERANCE = 1e-5  # largest difference of a field, relative to the largest value of its problem
IMAGES = 2  # of the smallest and of the largest source count
FACTOR = 40.0  # of the last image's values, which the network is not trained on
BATCH = 16
BATCH_NODES = 2**20  # of all images of a batch together
SECONDS, REPEATS = 0.5, (3, 50)  # time and number of the timed calls


@dataclass(frozen=True)
class Trial:
    """Source images, and their fields by the surrogate in Keras.

    Attributes:
        inputs: of the exported file, by name.
        fields: (images, rows, columns, 1).
        largest: (images,), the largest value of each image's problem, to which differences are
            relative: that of its sources, or, if they produce, of its field.
    """

    inputs: Inputs
    fields: NDArray[np.float32]
    largest: NDArray[np.float32]

    @classmethod
    def of(cls, surrogate: Surrogate, lattice: tuple[int, int]) -> "Trial":
        """Test images of the surrogate's smallest and largest source count, on a lattice.

        The last one has values beyond those of the training.

        Raises:
            ExportError: the sources that it was trained on don't fit on the lattice.
        """
        counts = surrogate.config.data.sources
        examples = []
        try:
            for count in sorted({min(counts), max(counts)}):
                recipe = DatasetConfig.of(count, surrogate.config).recipe()
                recipe = replace(recipe, lattice=lattice)
                for k in range(IMAGES):
                    image = recipe.sources("test", k).image(lattice)
                    told = {
                        "diffusion_length": recipe.length_of("test", k),
                        **(maps.given if (maps := recipe.maps_of("test", k)) else {}),
                    }
                    examples.append((image, told))
        except PackingError as error:
            raise ExportError(
                f"the sources that the run was trained on don't fit on {lattice[0]}×{lattice[1]} "
                f"nodes, so the file can't be checked there: {error}"
            ) from None
        images = np.stack([image for image, _ in examples]).astype(np.float32)
        images[-1] *= FACTOR
        media: Any = {
            name: np.array([told[name] for _, told in examples], np.float32)
            for name in inputs_of(surrogate.config)
        }
        inputs = {"source_images": images[..., None]}
        inputs |= {name: v[..., None] if v.ndim == 3 else v for name, v in media.items()}
        fields = surrogate.predict(images, **media).field
        largest = np.abs(fields).max(axis=(1, 2))
        if not surrogate.production:
            largest = np.maximum(largest, images.max(axis=(1, 2)))
        return cls(inputs, fields[..., None], largest)

    def difference(self, run: Runner) -> float:
        """The largest difference between a file's fields and the surrogate's.

        Relative to `largest`. Images go through the file one by one, and all at once.

        Raises:
            ExportError: the difference is above 1e-5.
        """
        together = run(self.inputs)
        alone = [run(self._some(slice(k, k + 1))) for k in range(len(self.fields))]
        differences = []
        for found in (together, np.concatenate(alone)):
            if found.shape != self.fields.shape:
                raise ExportError(
                    f"the file gives fields of shape {found.shape} instead of {self.fields.shape}; "
                    "nothing was written"
                )
            error = np.abs(found - self.fields).max(axis=(1, 2, 3))
            scale = self.largest
            differences.append(
                np.divide(error, scale, out=np.where(error == 0, 0, np.inf), where=scale > 0)
            )
        largest = float(np.max(differences))
        if not largest <= TOLERANCE:
            raise ExportError(
                f"the file's fields differ from the Keras model's by {largest:.1e} of the largest "
                f"value, more than {TOLERANCE:g}; nothing was written"
            )
        return largest

    @property
    def batch_size(self) -> int:
        """Images in a batch that is timed."""
        return max(1, min(BATCH, BATCH_NODES // self.fields[0].size))

    def seconds(
        self, run: Runner, images: int, clock: Callable[[], float] = time.perf_counter
    ) -> float:
        """Time of a call with a number of images, the median of several, per image."""
        numbers = np.arange(images) % len(self.fields)
        inputs = self._some(numbers)
        run(inputs)  # the first call allocates
        times: list[float] = []
        while len(times) < REPEATS[0] or (sum(times) < SECONDS and len(times) < REPEATS[1]):
            start = clock()
            run(inputs)
            times.append(clock() - start)
        return statistics.median(times) / images

    def _some(self, chosen: slice | NDArray) -> Inputs:
        return {name: value[chosen] for name, value in self.inputs.items()}
