"""The scores of all methods on one problem."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkeras.evaluation.images import ImageBatch
from diffkeras.evaluation.scoreboard.contenders import SOLVER, classical_methods
from diffkeras.evaluation.scoreboard.learned import Entry, fits, learned_methods
from diffkeras.evaluation.scoreboard.measuring import Protocol, measure_errors, measure_times
from diffkeras.evaluation.scoreboard.verdicts import milliseconds, pareto_front, verdict
from diffkeras.evaluation.test_sets.inputs import draw_inputs
from diffkeras.evaluation.test_sets.problems import PROBLEMS
from diffkeras.evaluation.test_sets.test_set import TEST_SETS

Tick = Callable[[int], None]


class ProblemScores:
    """All methods on one problem.

    Args:
        name: of the problem.
        side: rows and columns of the lattice.
        entries: the surrogates; those of other physics are left out.
        protocol: sizes of batches, numbers of images and of rounds.
        workers: processes of `solve`, for batches.

    Attributes:
        config: of the test images.
        contenders: the methods.
        images: number of test images; every source count has the same number of them.
    """

    def __init__(
        self,
        name: str,
        side: int,
        entries: Sequence[Entry],
        protocol: Protocol,
        workers: int | None = None,
    ) -> None:
        self.name, self.side = name, side
        self.config = PROBLEMS[name].config(side)
        self.entries = [entry for entry in entries if fits(entry.surrogate, self.config)]
        self.contenders = classical_methods(self.config, workers)
        for entry in self.entries:
            self.contenders += learned_methods(entry, self.config)
        data = self.config.data
        self.protocol = protocol
        self._each = min(-(-protocol.images // len(data.sources)), data.test_examples)
        self.images = self._each * len(data.sources)

    @property
    def steps(self) -> int:
        """Steps of `measure` that a progress bar counts."""
        calls = len(self.protocol.batch_sizes) * (self.protocol.rounds + 1)
        return len(self.contenders) * (self.images + calls)

    def measure(self, tick: Tick) -> dict[str, Any]:
        """Errors and times of all methods, and what follows from them, as plain data.

        `tick` is called with numbers of steps that are done.
        """
        sizes, rounds = self.protocol.batch_sizes, self.protocol.rounds
        images = self._draw()
        rows: list[dict[str, Any]] = [
            {
                "name": contender.name,
                "surrogate": contender.surrogate,
                "together": contender.together,
                "error": measure_errors(contender, images, tick),
                "times": {},
            }
            for contender in self.contenders
        ]
        for size in sizes:
            times = measure_times(self.contenders, images, size, rounds, tick)
            for row in rows:
                row["times"][str(size)] = times[row["name"]]
        test_set = TEST_SETS.get(f"{self.name}_{self.side}")
        return {
            "problem": self.name,
            "description": PROBLEMS[self.name].description,
            "side": self.side,
            "test_set": None if test_set is None else test_set.name,
            "sha256": None if test_set is None else test_set.sha256,
            "images": self.images,
            "sources": [self.config.data.sources[0], self.config.data.sources[-1]],
            "rounds": rounds,
            "pareto": {str(size): sorted(pareto_front(rows, str(size))) for size in sizes},
            "methods": rows,
            "surrogates": self._training(rows, sizes),
        }

    def _draw(self) -> ImageBatch:
        """The first images of each source count, in turn, so that a batch has several of them."""
        parts = [
            draw_inputs(self.config, count, range(self._each)).solve()
            for count in self.config.data.sources
        ]
        order = np.arange(self.images).reshape(len(parts), self._each).T.ravel()
        maxima = [part.maxima for part in parts if part.maxima is not None]
        return ImageBatch(
            np.concatenate([part.images for part in parts]),
            np.concatenate([part.fields for part in parts]),
            [discs for part in parts for discs in part.sources],
            None,
            [around for part in parts for around in part.surroundings],
            parts[0].production,
            np.concatenate(maxima) if maxima else None,
            {k: np.concatenate([part.told[k] for part in parts]) for k in parts[0].told},
        ).part(order)

    def _training(self, rows: Sequence[dict[str, Any]], sizes: Sequence[int]) -> list[Any]:
        """What each surrogate cost, with the verdicts on the methods that start from it."""
        each = min(milliseconds(row, str(sizes[0])) for row in rows if row["name"] == SOLVER)
        found = []
        for entry in self.entries:
            data_seconds = entry.examples * each / 1e3
            cost = None if entry.training_seconds is None else entry.training_seconds + data_seconds
            own = [row for row in rows if row["surrogate"] == entry.name]
            found.append(
                {
                    "name": entry.name,
                    "trained_on": list(entry.surrogate.lattice),
                    "examples": entry.examples,
                    "data_seconds": data_seconds,
                    "training_seconds": entry.training_seconds,
                    "training_machine": entry.machine,
                    "verdicts": {
                        row["name"]: {
                            str(size): verdict(row, rows, str(size), cost) for size in sizes
                        }
                        for row in own
                    },
                }
            )
        return found
