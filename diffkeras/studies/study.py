"""A study, ready to run, and its runs."""

from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, product
from pathlib import Path
from typing import Any

from diffkeras.config import Config
from diffkeras.reporting.text import value_text
from diffkeras.studies.study_data import DRAW, SEED, VARIANT


@dataclass(frozen=True)
class Study:
    """A study, ready to run.

    Attributes:
        name: name of its directory.
        title: heading of the report.
        base: configuration that all runs share, except for the factors.
        factors: key → values.
        variants: label → values by key: one more factor, named "variant".
        draws: data.seed → values of training.seed that only this draw is trained with.
        test_sets: label → configuration of a test set of every run, the main one first.
        question: what the study answers, in one sentence.
    """

    name: str
    title: str
    base: Config
    factors: dict[str, list[Any]]
    test_sets: dict[str, Config]
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    draws: dict[int, list[int]] = field(default_factory=dict)
    question: str = ""

    @property
    def test(self) -> Config:
        """The main test set."""
        return next(iter(self.test_sets.values()))

    @property
    def varied(self) -> dict[str, list[Any]]:
        """Name of each factor → its values; the labels of the variants come first, then draws."""
        found: dict[str, list[Any]] = {VARIANT: list(self.variants)} if self.variants else {}
        if self.draws:
            found |= {DRAW: list(self.draws), SEED: list(chain(*self.draws.values()))}
        return found | self.factors

    @property
    def factors_as_text(self) -> dict[str, list[str]]:
        """Name of each factor → its values as text."""
        return {name: [value_text(v) for v in values] for name, values in self.varied.items()}

    @cached_property
    def combinations(self) -> list[tuple[dict[str, Any], Config]]:
        """Each run: name of each factor → value, and configuration; the first varies slowest.

        Raises:
            ConfigurationError: a key that does not exist, or a value that can't be used.
        """
        runs = []
        for combination in product(*self.varied.values()):
            values = dict(zip(self.varied, combination, strict=True))
            if self.draws and values[SEED] not in self.draws[values[DRAW]]:
                continue  # a seed of another draw
            changed = dict(values)
            if self.variants:
                changed |= self.variants[changed.pop(VARIANT)]
            runs.append((values, self.base.with_overrides(changed)))
        return runs


@dataclass(frozen=True)
class PlannedRun:
    """One combination of a study's factors, and its run.

    Attributes:
        title: the factors' values, for people.
        values: factor → value; of the variants, the label.
        config: the full configuration. Its name is the run's identity.
        run_dir: directory of the run, in the pool that all studies share.
        trained: whether the run is finished.
        tests: label of each test set → directory of the run's errors on it.
        evaluated: labels of the test sets on which it has been evaluated.
    """

    title: str
    values: dict[str, Any]
    config: Config
    run_dir: Path
    trained: bool
    tests: dict[str, Path] = field(default_factory=dict)
    evaluated: frozenset[str] = frozenset()

    @property
    def identity(self) -> str:
        """The name of the run in the pool."""
        return self.run_dir.name

    @property
    def done(self) -> bool:
        """Whether it has been trained, and evaluated on every test set."""
        return self.trained and self.evaluated >= self.tests.keys()
