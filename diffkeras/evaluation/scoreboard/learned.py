"""The surrogates of the scoreboard: the network alone, and what can be proven of its fields."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from diffkeras.config import Config
from diffkeras.errors import DataError
from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.scoreboard.contenders import (
    Computed,
    Contender,
    fields_of,
    refined,
    scaled,
)
from diffkeras.surrogates.run_identity import differences
from diffkeras.surrogates.surrogate import Surrogate

TOLERANCES = (1e-2, 1e-3)


@dataclass(frozen=True)
class Entry:
    """A surrogate that takes part.

    Attributes:
        name: of its run.
        surrogate: itself.
        training_seconds: wall-clock time of its training; None if the run doesn't know.
        examples: that it was trained and validated on, which somebody had to solve.
        machine: on which it was trained.
    """

    name: str
    surrogate: Surrogate
    training_seconds: float | None
    examples: int
    machine: str


def fits(surrogate: Surrogate, tested: Config) -> bool:
    """Whether a surrogate was trained on the physics of some test images; the lattice may differ.

    Raises:
        DataError: it was trained on several diffusion lengths, which no problem of the scoreboard
            has, or can't take the lattice of the test images.
    """
    learned = surrogate.config
    if learned.data.diffusion_length is not None:
        raise DataError(
            f"{learned.name} was trained on several diffusion lengths; each problem of the "
            "scoreboard has one medium"
        )
    found = [d for d in differences(learned, tested) if d.startswith(("physics.", "data.divide"))]
    other = [d for d in found if not d.startswith("physics.lattice")]
    if other or learned.data.maps != tested.data.maps:
        return False
    sides = tested.physics.lattice
    if any(side % surrogate.side_divisor for side in sides):
        raise DataError(
            f"{learned.name} takes sides that are multiples of {surrogate.side_divisor}, not "
            f"{sides[0]}; choose another --side, or leave it out"
        )
    return True


def learned_methods(entry: Entry, tested: Config) -> list[Contender]:
    """What one surrogate takes part with."""
    name, surrogate = entry.name, entry.surrogate
    found = [Contender(name, fields_of(surrogate), True, name)]
    if tested.physics.sources == "fixed_value" and not holds_values(surrogate):
        found.append(Contender(f"{name}, sources set", _sources_set(surrogate), True, name))
    found.append(Contender(f"{name}, certified", _certified(surrogate), True, name))
    found += [
        Contender(f"{name}, refined to {tolerance:g}", refined(surrogate, tolerance), True, name)
        for tolerance in TOLERANCES
    ]
    return found


def holds_values(surrogate: Surrogate) -> bool:
    """Whether the network itself writes known values onto the sources."""
    model = surrogate.config.model
    return model.fixed_values or model.solves_equation


def _sources_set(surrogate: Surrogate) -> Callable[[ImageBatch], Computed]:
    network = fields_of(surrogate)

    def compute(batch: ImageBatch) -> Computed:
        return Computed(np.where(batch.images != 0, batch.images, network(batch).fields))

    return compute


def _certified(surrogate: Surrogate) -> Callable[[ImageBatch], Computed]:
    def compute(batch: ImageBatch) -> Computed:
        found = surrogate.predict(batch.images, batch_size=len(batch.images), **batch.told)
        bounds = found.certificate.node_bound.max(axis=(1, 2))
        return Computed(scaled(found.field, batch), scaled(bounds, batch))

    return compute
