"""Batches for functions of graphs: float32 problems of every kind, usable or not, and their fields.

`usable` says what a proof takes: numbers that are finite and not subnormal, on the nodes where they
are read, in a problem with one solution. Fields are solved densely in float64 and refined in
extended precision. NumPy's threads keep subnormal numbers, which TensorFlow's take for 0.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.physics import Medium
from diffkeras.physics.equations.finite_volumes import finite_volumes

Kind = Literal["fixed", "masked", "produced", "released", "varying"]  # arguments of a problem
ARGUMENTS: dict[Kind, tuple[str, ...]] = {
    "fixed": ("source_images",),
    "masked": ("source_images", "fixed", "production", "decay"),
    "produced": ("production",),
    "released": ("source_images",),  # which produce γ times their value
    "varying": ("source_images", "diffusivity", "decay"),
}
REFERENCE = 1e-13  # relative error of `exact`, and of float64 differences from it
REFINEMENTS = 5  # of `exact`
SUBNORMAL, NORMAL, HUGE = np.float32(1e-40), np.finfo(np.float32).tiny, np.float32(3e38)
SPOILED = [np.nan, np.inf, -np.inf, SUBNORMAL, -SUBNORMAL, NORMAL, HUGE]


@dataclass(frozen=True)
class GraphBatch:
    """Problems on one lattice, and predictions of their fields.

    Attributes:
        arguments: what `ARGUMENTS` names, by its name, of (batch, …).
        predictions: (batch, rows, columns) float32, from exact to not finite.
    """

    medium: Medium
    kind: Kind
    arguments: dict[str, NDArray[Any]]
    predictions: NDArray[np.float32]

    @property
    def size(self) -> int:
        return len(self.predictions)

    @cached_property
    def fixed(self) -> NDArray[np.bool_]:
        """Which nodes are fixed."""
        if self.kind in ("produced", "released"):
            return np.zeros(self.predictions.shape, bool)
        return (
            self.arguments["fixed"]
            if "fixed" in self.arguments
            else self.arguments["source_images"] != 0
        )

    @cached_property
    def fixed_values(self) -> NDArray[np.float32]:
        """The values of the fixed nodes, 0 elsewhere."""
        images = self.arguments.get("source_images", np.zeros_like(self.predictions))
        return np.where(self.fixed, images, np.float32(0))

    @cached_property
    def released(self) -> NDArray[np.float32]:
        """The numbers of which the production of the free nodes is a multiple, 0 elsewhere."""
        name = "source_images" if self.kind == "released" else "production"
        production = self.arguments.get(name, np.zeros_like(self.predictions))
        return np.where(self.fixed, np.float32(0), production)

    @property
    def supply(self) -> NDArray[np.float64]:
        """The production of the free nodes."""
        factor = self.medium.decay if self.kind == "released" else 1.0
        return factor * self.released.astype(np.float64)

    @cached_property
    def decays(self) -> NDArray[np.float64]:
        """γ of each problem, of uniform media."""
        own = np.full(self.size, self.medium.decay)
        return (
            own if self.kind == "varying" else self.arguments.get("decay", own).astype(np.float64)
        )

    @cached_property
    def solvable(self) -> NDArray[np.bool_]:
        """Which problems have one solution and finite numbers, (batch,)."""
        least = float(self.medium.decay)
        rate = max(map(float, self.medium.diffusivities)) / self.medium.step**2
        allowed = (self.decays >= max(least, 1e-20 * rate) * (1 - 1e-6)) & (
            self.decays < 1e10 * rate
        )
        allowed |= (self.decays == 0) & (least == 0)
        loses = (self.decays > 0) | self.fixed.any((1, 2)) | (not self.medium.is_closed)
        finite = np.isfinite(self.fixed_values) & np.isfinite(self.released)
        if self.kind == "varying":
            maps = np.stack([self.arguments["diffusivity"], self.arguments["decay"]])
            right = np.isfinite(maps) & (maps >= 0) & ((maps == 0) | (maps >= NORMAL))
            allowed = right.all((0, 2, 3)) & (maps[0] > 0).all((1, 2))
            loses = self.fixed.any((1, 2)) | (not self.medium.is_closed)
            loses |= (maps[1] > 0).all((1, 2))
        return finite.all((1, 2)) & allowed & loses

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """Which problems have a proof, (batch,)."""
        numbers = np.abs(np.stack([self.fixed_values, self.released]))
        return self.solvable & ((numbers == 0) | (numbers >= NORMAL)).all((0, 2, 3))

    @cached_property
    def exact(self) -> NDArray[np.longdouble]:
        """The fields of the solvable problems, NaN for the others, (batch, rows, columns)."""
        fields = np.full(self.predictions.shape, np.nan, np.longdouble)
        for k in np.flatnonzero(self.solvable):
            fields[k] = _solve(self._matrix(k), self.fixed_values[k], self.fixed[k], self.supply[k])
        return fields

    def _matrix(self, k: int) -> NDArray[np.longdouble]:
        """A of all nodes in row-major order, by its row sums, which rounding leaves as they are."""
        lattice = self.predictions.shape[1:]
        if self.kind == "varying":
            maps = {
                name: self.arguments[name][k].astype(float) for name in ("diffusivity", "decay")
            }
        else:
            maps = {"decay": float(self.decays[k])}
        volumes = finite_volumes(lattice, replace(self.medium, **maps))
        nodes = np.eye(math.prod(lattice), dtype=np.longdouble).reshape(-1, *lattice)
        return volumes.apply(nodes).reshape(len(nodes), -1).T

    @cached_property
    def sizes(self) -> NDArray[np.longdouble]:
        """The largest |value| of each field, (batch,)."""
        return np.abs(self.exact).max((1, 2))

    def part(self, chosen: NDArray) -> dict[str, NDArray[Any]]:
        """The arguments of some problems."""
        return {name: values[chosen] for name, values in self.arguments.items()}


def _solve(
    matrix: NDArray[np.longdouble], fixed_values: NDArray, fixed: NDArray[np.bool_], supply: NDArray
) -> NDArray[np.longdouble]:
    free, field = ~fixed.ravel(), fixed_values.astype(np.longdouble).ravel()
    if free.any():
        own = matrix[np.ix_(free, free)]
        # of rows with diagonals of 1, so that nothing overflows
        scale = np.diag(own)
        inverse = np.linalg.inv((own / scale[:, None]).astype(np.float64)).astype(np.longdouble)
        for _ in range(REFINEMENTS):
            residual = supply.astype(np.longdouble).ravel() - matrix @ field
            field[free] += inverse @ (residual[free] / scale)
    return field.reshape(fixed.shape)


def graph_batch(
    kind: Kind, lattice: tuple[int, int], medium: Medium, size: int, seed: int
) -> GraphBatch:
    """The batch of a seed; about a third of its problems hold numbers that are not usual."""
    rng = np.random.default_rng(seed)
    images = np.stack([_image(rng, lattice) for _ in range(size)])
    fixed = np.where(rng.random((size, 1, 1)) < 0.5, images != 0, rng.random(images.shape) < 0.1)
    shapes = [rng.standard_normal(lattice), rng.random(lattice) < 0.1, np.zeros(lattice)]
    production = np.stack([shapes[k] for k in rng.integers(0, 3, size)])
    scales = 10.0 ** np.where(rng.random(size) < 0.7, 0.0, rng.uniform(-25, 30, size))
    with np.errstate(over="ignore"):
        images = np.float32(images * scales[:, None, None])
        production = np.float32(production * medium.unit * scales[:, None, None])
    decays = np.float32(medium.decay) * 10 ** rng.uniform(0, 3, size).astype(np.float32)
    for values in (images, production):
        _spoil(rng, values, 0.3)
    _spoil(rng, decays[:, None, None], 0.1)
    everything = {
        "source_images": images,
        "fixed": fixed,
        "production": production,
        "decay": decays,
    }
    if kind == "varying":
        everything |= _maps(rng, images.shape, medium)
    arguments = {name: everything[name] for name in ARGUMENTS[kind]}
    batch = GraphBatch(medium, kind, arguments, np.zeros(images.shape, np.float32))
    with np.errstate(over="ignore", invalid="ignore"):
        for prediction, field in zip(batch.predictions, batch.exact, strict=True):
            prediction[:] = _prediction(rng, field)
    return batch


def _maps(
    rng: np.random.Generator, shape: tuple[int, ...], medium: Medium
) -> dict[str, NDArray[np.float32]]:
    """Diffusivities over up to four decades, and decays that are 0 on some nodes."""
    decades = rng.uniform(0, 4, (shape[0], 1, 1)) * rng.uniform(-0.5, 0.5, shape)
    diffusivity = np.float32(medium.diffusivities[0] * 10**decades)
    # a closed lattice has to lose something for its field to be unique
    losing = (rng.random(shape) < 0.8) | medium.is_closed
    decay = np.float32(medium.decay * 10 ** rng.uniform(0, 2, shape) * losing)
    for values in (diffusivity, decay):
        _spoil(rng, values, 0.1, [*SPOILED[:4], -1.0])
    return {"diffusivity": diffusivity, "decay": decay}


def _image(rng: np.random.Generator, lattice: tuple[int, int]) -> NDArray[np.float64]:
    sort = rng.choice(["block", "nodes", "signs", "orders", "one node", "nothing", "everything"])
    image = np.zeros(lattice)
    row, column = rng.integers(0, lattice)
    if sort == "block":
        image[row : row + 3, column : column + 4] = 1.0
    elif sort == "one node":
        image[row, column] = 1.0
    elif sort != "nothing":
        values = {"orders": 10 ** rng.uniform(-12, 0, lattice), "signs": rng.normal(size=lattice)}
        kept = rng.random(lattice) < (1.0 if sort == "everything" else 0.2)
        image = np.where(kept, values.get(sort, 1.0), 0.0)
    return image


def _spoil(
    rng: np.random.Generator,
    values: NDArray[np.float32],
    share: float,
    numbers: Sequence[Any] = SPOILED,
) -> None:
    """Put one of some numbers on a node of a share of the images; on all sources of some."""
    for image in values:
        if rng.random() < share:
            value = rng.choice(np.array(numbers, np.float32))
            node = tuple(int(n) for n in rng.integers(0, image.shape))
            image[node if rng.random() < 0.8 else image != 0] = value


def _prediction(rng: np.random.Generator, exact: NDArray[np.longdouble]) -> NDArray[np.float32]:
    noise = rng.standard_normal(exact.shape)
    kinds = [
        exact,
        exact * (1 + 1e-3 * noise),
        1e-3 * noise,
        np.zeros_like(exact),
        1e30 * noise,
        np.where(noise > 1, np.nan, np.where(noise < -1, np.inf, exact)),
        1e-40 * noise,
    ]
    return kinds[rng.integers(len(kinds))].astype(np.float32)


def compiled(function: Callable[..., Any], batch: GraphBatch, xla: bool) -> Callable[..., Any]:
    """A function of predictions and the batch's arguments in a graph, for batches of any size."""
    names = [*batch.arguments]
    specs = [
        tf.TensorSpec((None, *values.shape[1:]), values.dtype)
        for values in (batch.predictions, *batch.arguments.values())
    ]

    def call(predictions: tf.Tensor, *values: tf.Tensor) -> Any:
        return function(predictions, **dict(zip(names, values, strict=True)))

    graph = tf.function(call, input_signature=specs, jit_compile=xla, autograph=False)
    return lambda predictions, **inputs: graph(predictions, *inputs.values())
