"""The scores of all methods on one problem."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from diffkeras.errors import RunError
from diffkeras.evaluation.error_time import pareto_front
from diffkeras.evaluation.errors import image_errors
from diffkeras.evaluation.images import ImageBatch, draw_images, joined
from diffkeras.evaluation.measurement import measure_times
from diffkeras.evaluation.methods import EXACT, Method
from diffkeras_benchmark.classical import classical_methods
from diffkeras_benchmark.learned import different_physics, learned_methods
from diffkeras_benchmark.problems import PROBLEMS
from diffkeras_benchmark.splits import BENCHMARKS, public_split
from diffkeras_benchmark.verdicts import milliseconds, points_of, verdict

if TYPE_CHECKING:
    from diffkeras.surrogates.surrogate import Surrogate

CHUNK = 32  # images whose errors are computed at once


@dataclass(frozen=True)
class Effort:
    """How much is measured."""

    batch_sizes: tuple[int, ...] = (1, 64)  # images that are computed at once
    images: int = 100  # about how many images errors are measured on
    rounds: int = 9  # how often each time is measured


@dataclass(frozen=True)
class Entry:
    """A surrogate that takes part."""

    name: str  # of its run
    surrogate: "Surrogate"  # itself
    training_seconds: float | None  # wall-clock time of its training; None if the run doesn't know
    examples: int  # that it was trained and validated on, which somebody had to solve
    machine: str  # on which it was trained


class ProblemScores:
    """All methods on one problem.

    Args:
        name: of the problem.
        side: rows and columns of the lattice.
        entries: the surrogates; other physics are left out.
        effort: sizes of batches, numbers of images and of rounds.
        processes: processes of `solve`, for batches.

    Attributes:
        config: of the test images.
        entries: the surrogates that take part.
        images: number of test images; every source count has the same number of them.
    """

    def __init__(
        self,
        name: str,
        side: int,
        entries: Sequence[Entry],
        effort: Effort,
        processes: int | None = None,
    ) -> None:
        self.name, self.side, self.effort, self.processes = name, side, effort, processes
        self.config = PROBLEMS[name].config(side)
        self.entries = [
            entry for entry in entries if not different_physics(entry.surrogate, self.config)
        ]
        data = self.config.data
        self._each = min(-(-effort.images // len(data.sources)), data.test_examples)
        self.images = self._each * len(data.sources)

    @cached_property
    def methods(self) -> list[Method]:
        """All methods, the classical ones first."""
        methods = classical_methods(self.config, self.processes)
        for entry in self.entries:
            methods += learned_methods(entry.surrogate, entry.name, self.config)
        return methods

    @property
    def steps(self) -> int:
        """Steps of `measure` that a progress bar counts."""
        calls = len(self.effort.batch_sizes) * (self.effort.rounds + 1)
        return self.images + len(self.methods) * (self.images + calls)

    def measure(self, on_steps: Callable[[int], object]) -> dict[str, Any]:
        """Errors and times of all methods, and what follows from them, as plain data.

        `on_steps` is called with numbers of steps that are done.
        """
        sizes, rounds = self.effort.batch_sizes, self.effort.rounds
        images, methods = self._draw(on_steps), self.methods
        errors = {method.name: measure_errors(method, images, on_steps) for method in methods}
        times = {
            str(size): measure_times(methods, images, size, rounds, on_steps) for size in sizes
        }
        rows: list[dict[str, Any]] = [
            {
                "name": method.name,
                "surrogate": method.surrogate,
                "together": method.takes_batches,
                "error": errors[method.name],
                "times": {size: of_size[method.name] for size, of_size in times.items()},
            }
            for method in methods
        ]
        name = f"{self.name}_{self.side}"
        test = public_split(name) if name in BENCHMARKS else None
        return {
            "problem": self.name,
            "description": PROBLEMS[self.name].description,
            "side": self.side,
            "test_set": None if test is None else name,
            "sha256": None if test is None else test.sha256,
            "images": self.images,
            "sources": [self.config.data.sources[0], self.config.data.sources[-1]],
            "rounds": rounds,
            "pareto": {
                size: sorted(point.name for point in pareto_front(points_of(rows, size)))
                for size in times
            },
            "methods": rows,
            "surrogates": [self._training(entry, rows) for entry in self.entries],
        }

    def _draw(self, on_steps: Callable[[int], object]) -> ImageBatch:
        """The first images of each source count, in turn, so that a batch has several of them."""
        data, parts = self.config.data, []
        for count in data.sources:
            images = draw_images(self.config, count, range(self._each))
            parts.append(images.solve(divide_by_maximum=data.divide_by_maximum))
            on_steps(self._each)
        in_turn = np.arange(self.images).reshape(len(parts), self._each).T.ravel()
        return joined(parts, in_turn)

    def _training(self, entry: Entry, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What a surrogate cost, with the verdicts on the methods that start from it."""
        sizes = list(rows[0]["times"])
        exact = next(row for row in rows if row["name"] == EXACT)
        # the time of a solution is about proportional to the nodes
        trained, tested = (
            math.prod(c.physics.lattice) for c in (entry.surrogate.config, self.config)
        )
        data_seconds = entry.examples * milliseconds(exact, sizes[0]) / 1e3 * trained / tested
        cost = None if entry.training_seconds is None else entry.training_seconds + data_seconds
        return {
            "name": entry.name,
            "trained_on": list(entry.surrogate.lattice),
            "examples": entry.examples,
            "data_seconds": data_seconds,
            "training_seconds": entry.training_seconds,
            "training_machine": entry.machine,
            "verdicts": {
                row["name"]: {size: verdict(row, rows, size, cost) for size in sizes}
                for row in rows
                if row["surrogate"] == entry.name
            },
        }


def measure_errors(
    method: Method, images: ImageBatch, on_steps: Callable[[int], object]
) -> dict[str, Any]:
    """Errors and bounds of a method, relative to each field's largest value, as plain data.

    "broken" is the number of images whose error exceeds its bound.
    """
    tables = []
    for start in range(0, len(images), CHUNK):
        batch = images.part(range(start, min(start + CHUNK, len(images))))
        computed = method.compute(batch)
        if not np.isfinite(computed.fields).all():
            raise RunError(
                f"{method.name} computes values that are not finite; train the "
                "surrogate again, or leave it out"
            )
        size = np.abs(batch.fields).max(axis=(1, 2))
        errors = image_errors(computed.fields, batch.fields, batch.images)
        tables.append(
            pd.DataFrame(
                {
                    "mean": errors["mae"] / size,
                    "largest": errors["max_error"] / size,
                    "relative_l2": errors["relative_l2"],
                    "bound": np.nan if computed.bounds is None else computed.bounds / size,
                }
            )
        )
        on_steps(len(batch))
    table = pd.concat(tables, ignore_index=True)
    worst, bound = table["largest"], table["bound"]
    proven = {
        "median": float(bound.median()),
        "largest": float(bound.max()),
        # the exact solution, to which errors are taken, has a tolerance of its own
        "broken": int((worst > bound * (1 + 1e-9) + 1e-9).sum()),
    }
    return {
        "mean": float(table["mean"].mean()),
        "largest": float(worst.max()),
        "relative_l2": float(table["relative_l2"].mean()),
        "bound": None if bound.isna().all() else proven,
    }
