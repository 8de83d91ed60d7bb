"""Finished runs of a study, and groups of those that differ in their seed only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from diffkeras.studies.plan import Cell, label_of

SEED = "training.seed"


@dataclass(frozen=True)
class Result:
    """A finished run of a study.

    Attributes:
        cell: the run.
        metrics: method → "all" or source count → errors.
        state: content of its `run.json`.
    """

    cell: Cell
    metrics: dict[str, Any]
    state: dict[str, Any]

    def error(self, name: str = "mae", sources: str = "all") -> float | None:
        """An error of the surrogate; None for a region without nodes."""
        return self.metrics["surrogate"][sources][name]


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed only.

    Attributes:
        label: the values of the factors that distinguish it.
        values: factor → value, without the seed.
        results: its runs.
    """

    label: str
    values: dict[str, Any]
    results: list[Result]

    def errors(self, name: str = "mae", sources: str = "all") -> list[float]:
        """An error of each run; runs where it is undefined are left out."""
        found = (result.error(name, sources) for result in self.results)
        return [value for value in found if value is not None]

    def label_without(self, key: str) -> str:
        """The label without one factor."""
        return label_of({k: v for k, v in self.values.items() if k != key}) or "surrogate"


def group_results(results: Sequence[Result], factors: dict[str, list[Any]]) -> list[Group]:
    """Runs gathered over seeds, in the order of the study."""
    groups: dict[str, Group] = {}
    for result in results:
        values = {k: v for k, v in result.cell.values.items() if k != SEED and len(factors[k]) > 1}
        group = Group(label_of(values) or "all runs", values, [])
        groups.setdefault(repr(values), group).results.append(result)
    return list(groups.values())
