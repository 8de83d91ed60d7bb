"""The check of an exported file: its fields against those of the Keras model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import ExportError, PackingError
from diffkeras.physics import Problem
from diffkeras.representation.network_input import CONCENTRATIONS
from diffkeras.surrogates.inputs import inputs_of_problem
from diffkeras.surrogates.surrogate import Surrogate

# by name: `source_images`, and the other inputs of a surrogate
Inputs = Mapping[str, NDArray[np.float32]]
Runner = Callable[[Inputs], NDArray[np.float32]]  # runs an exported file

TOLERANCE = 1e-5  # largest difference of a field, relative to the largest value of its problem
IMAGES = 2  # tried of the smallest source count, and of the largest
SPLIT = "stream"  # on tiny lattices there may be no images for the test split
FACTOR = 40  # multiplies the last image's values: the network is not trained on such


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
        config = surrogate.config
        problem = _problems(surrogate, lattice)
        inputs = inputs_of_problem(config, problem)
        fields = surrogate.predict(problem).field[..., None]
        largest = np.abs(fields).max(axis=(1, 2, 3))
        if not surrogate.production:
            largest = np.maximum(largest, inputs["source_images"].max(axis=(1, 2, 3)))
        inputs = {name: inputs[name] for name in config.network_input.names}
        return cls(inputs, fields, largest)

    def difference(self, run: Runner) -> float:
        """The largest difference between a file's fields and the surrogate's.

        Relative to `largest`. Images go through the file one by one, and all at once.

        Raises:
            ExportError: the difference is above 1e-5.
        """
        together = run(self.inputs)
        alone = [
            run({name: value[k : k + 1] for name, value in self.inputs.items()})
            for k in range(len(self.fields))
        ]
        differences = []
        for fields in (together, np.concatenate(alone)):
            if fields.shape != self.fields.shape:
                raise ExportError(
                    f"the file's fields have the shape {fields.shape} instead of "
                    f"{self.fields.shape}; nothing was written"
                )
            error = np.abs(fields - self.fields).max(axis=(1, 2, 3))
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


def _problems(surrogate: Surrogate, lattice: tuple[int, int]) -> Problem:
    """Problems of the surrogate's smallest and largest source count."""
    config, problems = surrogate.config, []
    kind, counts = config.kind, config.data.sources
    # of values beyond those of the training, where images are scaled
    larger = (
        ("source_image", *CONCENTRATIONS) if config.physics.medium.has_homogeneous_sides else ()
    )
    try:
        for count in sorted({min(counts), max(counts)}):
            recipe = replace(kind.recipe(count), lattice=lattice)
            for k in range(IMAGES):
                drawn = recipe.drawn(SPLIT, k)
                if count == max(counts) and k == IMAGES - 1:
                    drawn |= {name: FACTOR * drawn[name] for name in larger if name in drawn}
                problems.append(recipe.problem_of(drawn))
    except PackingError as error:
        raise ExportError(
            f"the sources that the run was trained on don't fit on {lattice[0]}×{lattice[1]} "
            f"nodes, so the file can't be checked there: {error}"
        ) from None
    return Problem.batch(problems)
