"""Random batches of problems for functions in graphs, with their exact fields."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from diffkeras.physics import Medium, Problem
from tests.helpers.plain_equations import reference
from tests.helpers.random_problems import Units, any_prediction, random_arguments

Kind = Literal["fixed", "masked", "produced"]  # of arguments
ARGUMENTS: dict[Kind, tuple[str, ...]] = {
    "fixed": ("source_images",),
    "masked": ("source_images", "fixed", "production", "decay"),
    "produced": ("production",),
}
REFERENCE = 1e-13  # relative error of float64 differences
SUBNORMAL, NORMAL, HUGE = np.float32(1e-40), np.finfo(np.float32).tiny, np.float32(3e38)
SPOILED = [np.nan, np.inf, -np.inf, SUBNORMAL, -SUBNORMAL, NORMAL, HUGE]

MEDIA = [
    Medium(decay=0.02),
    Medium((1.0, 2.0), 1e-6, 0.5, ("reflecting", "periodic")),
    Medium(3.0, 0.0, boundary="reflecting"),
    Medium(1e-9, 1e-12, 2.0, ("periodic", "absorbing")),
]
LATTICES = [(9, 14), (1, 1), (1, 11), (12, 7), (2, 2), (16, 11)]


@dataclass(frozen=True)
class GraphBatch:
    """Problems on one lattice, and predictions of their fields.

    `usable` says what a proof takes: numbers that are finite and not subnormal, on the nodes where
    they are read, in a problem with one solution. NumPy's threads keep subnormal numbers, which
    TensorFlow's take for 0.

    Attributes:
        arguments: what `ARGUMENTS` names, by its name, of (batch, …).
        predictions: (batch, rows, columns), from exact to not finite.
    """

    medium: Medium
    kind: Kind
    arguments: dict[str, np.ndarray]
    predictions: np.ndarray

    @cached_property
    def fixed(self) -> np.ndarray:
        """Which nodes are fixed."""
        if self.kind == "produced":
            return np.zeros(self.predictions.shape, bool)
        return self.arguments.get("fixed", self.arguments["source_images"] != 0)

    @cached_property
    def fixed_values(self) -> np.ndarray:
        """The values of the fixed nodes, 0 elsewhere."""
        images = self.arguments.get("source_images", np.zeros_like(self.predictions))
        return np.where(self.fixed, images, 0).astype(images.dtype)

    @cached_property
    def production(self) -> np.ndarray:
        """The production of the free nodes, 0 elsewhere."""
        production = self.arguments.get("production", np.zeros_like(self.predictions))
        return np.where(self.fixed, 0, production).astype(np.float64)

    @cached_property
    def solvable(self) -> np.ndarray:
        """Which problems have one solution and finite numbers, (batch,)."""
        given = np.full(len(self.predictions), self.medium.decay)
        decays, least = self.arguments.get("decay", given).astype(float), float(self.medium.decay)
        rate = max(map(float, self.medium.diffusivities)) / self.medium.step**2
        allowed = decays >= max(least, 1e-20 * rate) * (1 - 1e-6)
        allowed = (allowed & (decays < 1e10 * rate)) | ((decays == 0) & (least == 0))
        finite = np.isfinite(self.fixed_values) & np.isfinite(self.production)
        loses = (decays > 0) | self.fixed.any((1, 2)) | (not self.medium.is_closed)
        return finite.all((1, 2)) & allowed & loses

    @cached_property
    def usable(self) -> np.ndarray:
        """Which problems have a proof, (batch,)."""
        numbers = np.abs(np.stack([self.fixed_values, self.production]))
        return self.solvable & ((numbers == 0) | (numbers >= NORMAL)).all((0, 2, 3))

    @cached_property
    def exact(self) -> np.ndarray:
        """The fields of the solvable problems, NaN for the others, (batch, rows, columns)."""
        fields = np.full(self.predictions.shape, np.nan, np.longdouble)
        for k in np.flatnonzero(self.solvable):
            given = {"values": self.fixed_values[k], "production": self.production[k]}
            fields[k], doubt = reference(self._problem(k), given)
            assert doubt <= REFERENCE / 2 * np.abs(fields[k]).max()
        return fields

    def _problem(self, k: int) -> Problem:
        """One of the problems, with other values: a Problem refuses the largest and smallest."""
        decay = self.arguments.get("decay", np.full(len(self.predictions), self.medium.decay))[k]
        values = np.zeros(self.fixed.shape[1:])
        medium = replace(self.medium, decay=float(decay))
        return Problem(values, fixed=self.fixed[k], medium=medium)

    @cached_property
    def sizes(self) -> np.ndarray:
        """The largest |value| of each field, (batch,)."""
        return np.abs(self.exact).max((1, 2))

    @cached_property
    def easy(self) -> np.ndarray:
        """Which problems must have a bound: those of usual numbers."""
        return self.sizes < 1e30

    def part(self, chosen: Any) -> dict[str, np.ndarray]:
        """The arguments of some problems."""
        return {name: values[chosen] for name, values in self.arguments.items()}


def graph_batch(
    kind: Kind,
    lattice: tuple[int, int],
    medium: Medium,
    size: int,
    seed: Any,
    dtype: Any = np.float32,
) -> GraphBatch:
    """The batch of a seed; about a third of its problems hold numbers that are not usual."""
    rng = np.random.default_rng(seed)
    drawn = [_arguments(rng, lattice, medium) for _ in range(size)]
    with np.errstate(over="ignore"):
        arguments = {
            name: np.stack([own[name] for own in drawn]).astype(bool if name == "fixed" else dtype)
            for name in ARGUMENTS[kind]
        }
    shares = {"source_images": 0.3, "production": 0.3, "decay": 0.1}
    for name, share in shares.items():
        numbers = SPOILED if share == 0.3 else [*SPOILED[:4], -1.0]
        numbers = numbers if dtype == np.float32 else SPOILED[:3]
        if name in arguments:
            _spoil(rng, arguments[name].reshape(size, -1), share, numbers)
    batch = GraphBatch(medium, kind, arguments, np.zeros((size, *lattice), dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        for prediction, field in zip(batch.predictions, batch.exact, strict=True):
            prediction[:] = any_prediction(rng, field)
    return batch


def _arguments(
    rng: np.random.Generator, lattice: tuple[int, int], medium: Medium
) -> dict[str, Any]:
    units = Units(amount=10 ** rng.choice([0.0, 0.0, rng.uniform(-25, 30)]))
    own = random_arguments(rng, terms=("production",), lattice=lattice, medium=medium, units=units)
    return {
        "source_images": own["source_image"],
        "fixed": own["fixed"],
        "production": own["production"],
        "decay": medium.decay * 10 ** rng.uniform(0, 3),
    }


def _spoil(
    rng: np.random.Generator, rows: np.ndarray, share: float, numbers: Sequence[Any]
) -> None:
    """Put one of some numbers on a node of a share of the images; on all sources of some."""
    for row in rows:
        if rng.random() < share:
            node = int(rng.integers(row.size))
            row[node if rng.random() < 0.8 else row != 0] = rng.choice(np.array(numbers))
