"""The methods that an evaluation compares."""

import numpy as np
from numpy.typing import NDArray

from diffkeras.errors import RunError
from diffkeras.evaluation.images import ImageBatch
from diffkeras.physics import superpose
from diffkeras.surrogates.surrogate import Surrogate

# the surrogate's field with the known source values written back onto the source nodes
SOURCES_SET = "surrogate, sources set"
BASELINES = ("superposition", "zero field")  # the same for every surrogate
DRAWN = ("surrogate", *BASELINES)
METHODS = ("surrogate", SOURCES_SET, *BASELINES)


def predict_by_each(surrogate: Surrogate, batch: ImageBatch) -> dict[str, NDArray]:
    """Method → fields (images, rows, columns)."""
    predictions = surrogate.predict(batch.images, diffusion_length=batch.lengths).field
    if not np.isfinite(predictions).all():
        raise RunError(
            "the surrogate predicts values that are not finite: its model is damaged, or its "
            "training diverged; train it again"
        )
    lattice = batch.images.shape[1:]
    superposed = [
        superpose(sources, lattice, medium=medium)
        for sources, medium in zip(batch.sources, batch.media, strict=True)
    ]
    return {
        "surrogate": predictions,
        SOURCES_SET: np.where(batch.images != 0, batch.images, predictions),
        "superposition": np.stack(superposed),
        "zero field": np.zeros_like(batch.fields),
    }
