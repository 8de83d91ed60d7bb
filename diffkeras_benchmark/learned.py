"""The methods of a surrogate: its network, with proofs, and to a tolerance."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diffkeras.config import Config
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.methods import ComputedFields, Method, network_fields, with_sources_set

if TYPE_CHECKING:
    from diffkeras.surrogates.surrogate import Surrogate

TOLERANCES = (1e-2, 1e-3)  # to which surrogates and solvers prove their fields


def different_physics(surrogate: "Surrogate", tested: Config) -> list[str]:
    """What of the physics of test images a surrogate was not trained on, in words."""
    from diffkeras.evaluation.methods import different_physics as different  # TensorFlow

    return different(surrogate.config, tested)


def learned_methods(surrogate: "Surrogate", name: str, config: Config) -> list[Method]:
    """The methods of one surrogate on test images of a configuration."""
    network = Method(name, network_fields(surrogate), takes_batches=True, surrogate=name)
    methods = [network]
    model = surrogate.config.model
    if not (config.physics.produces or model.fixed_values or model.solves_equation):
        methods.append(with_sources_set(network))
    methods.append(replace(network, name=f"{name}, certified", compute=predicted(surrogate)))
    return methods + [
        replace(network, name=f"{name} to {t:g}", compute=predicted(surrogate, t))
        for t in TOLERANCES
    ]


def predicted(
    surrogate: "Surrogate", tolerance: float | None = None
) -> Callable[[ImageBatch], ComputedFields]:
    """Its fields with their proven bounds, within a tolerance if one is given."""

    def compute(batch: ImageBatch) -> ComputedFields:
        predictions = surrogate.predict_many(batch.problems, tolerance=tolerance)
        fields = np.stack([prediction.field for prediction in predictions])
        bounds = np.array([prediction.error_bound for prediction in predictions])
        return ComputedFields(batch.scaled(fields), batch.scaled(bounds))

    return compute
