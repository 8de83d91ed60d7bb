"""A study, its runs, and what they need: datasets, evaluations, and time."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, product
from pathlib import Path
from typing import Any

from diffkeras.config import Config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.section import SPLITS
from diffkeras.identity import DIGITS, fingerprint, identity_of_tests, run_identity
from diffkeras.reporting.text import value_text
from diffkeras.studies.evaluations import check_baselines, check_evaluation, passes
from diffkeras.surrogates.run_directory import Run

LOSS = "training.loss"
SEED = "training.seed"
ORDER_SEED = "training.order_seed"
DRAW = "data.seed"  # other training examples, drawn again
SEEDS = (DRAW, SEED, ORDER_SEED)
VARIANT = "variant"
NAMES = {
    DRAW: "draw",
    "data.train_examples": "training examples per source count",
    "data.train_fraction": "training fraction",
    "data.train_part": "training part",
}
# overrides of a test set, whose training examples need not be stored: a stream's aren't, and the
# others are what a stream allows
ONLY_TESTED: dict[str, Any] = {
    "data.stream": True,
    "data.cache": False,
    "data.train_fraction": 1.0,
    "data.train_part": 0,
    "data.validation_examples": 1,
    "training.symmetries": False,
}


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


def label_of(values: Mapping[str, Any]) -> str:
    """The values of a run's factors in words, such as "training fraction 0.5, absolute"."""
    return ", ".join(
        value_text(value) if name in (LOSS, VARIANT) else f"{name_of(name)} {value_text(value)}"
        for name, value in values.items()
    )


def name_of(factor: str) -> str:
    """The last part of a key, in words, unless `NAMES` has clearer ones."""
    return NAMES.get(factor) or factor.split(".")[-1].replace("_", " ")


def plan(study: Study, runs_dir: Path) -> list[PlannedRun]:
    """All runs of a study in the pool `runs_dir`, the first factor varying slowest."""
    ids = {label: identity_of_tests(test) for label, test in study.test_sets.items()}
    runs = []
    for values, config in study.combinations:
        identity = run_identity(config)
        run_dir = runs_dir / identity
        tests = {label: run_dir / "tests" / name for label, name in ids.items()}
        trained = passes(check_trained, run_dir)
        evaluated = frozenset(
            label
            for label, path in tests.items()
            if trained and passes(check_evaluation, path, study.test_sets[label], identity)
        )
        named = replace(config, name=identity)
        title = label_of(values)
        runs.append(PlannedRun(title, values, named, run_dir, trained, tests, evaluated))
    return runs


def of_shard(runs: list[PlannedRun], shard: tuple[int, int] | None) -> list[PlannedRun]:
    """The runs of the shard (K, N), all of which train on about as many images; all without one.

    The longest runs are dealt first, each to the shard with the fewest images.
    """
    if shard is None:
        return runs
    own, number = [], shard[0] - 1
    images = [run.config.steps * run.config.training.batch_size for run in runs]
    dealt = [0] * shard[1]
    for place in sorted(range(len(runs)), key=lambda place: -images[place]):
        least = dealt.index(min(dealt))
        dealt[least] += images[place]
        own += [place] if least == number else []
    return [runs[place] for place in sorted(own)]


def check_trained(run_dir: Path) -> Run:
    """The finished run in a directory; a RunError if there is none, or its history is damaged."""
    run = Run.open(run_dir)
    run.history()
    return run


def baselines_of(study: Study, runs_dir: Path, *, measured: bool) -> dict[str, Path]:
    """Test set → directory of its baselines' errors, where they are measured, or where not."""
    directories = {}
    for label, test in study.test_sets.items():
        identity = {"test": identity_of_tests(test), "baselines": list(test.baselines())}
        path = runs_dir / "baselines" / fingerprint(identity, DIGITS)
        if test.baselines() and passes(check_baselines, path, test) == measured:
            directories[label] = path
    return directories


def data_needed(
    study: Study, runs: Sequence[PlannedRun], tested: Collection[str] = ()
) -> list[Config]:
    """Configurations of the datasets that unfinished runs need, in sizes that add something.

    `tested` are labels of test sets that are needed in any case.
    """
    configs = [run.config for run in runs if not run.trained] + [
        test.with_overrides(ONLY_TESTED)
        for label, test in study.test_sets.items()
        if label in tested or any(label in run.tests.keys() - run.evaluated for run in runs)
    ]
    needed = []
    largest: dict[tuple[str, str], int] = {}  # dataset and split → number of examples
    for config in sorted(configs, key=lambda config: -config.data.examples("train")):
        counts = []
        for count in config.data.sources:
            name = DatasetConfig.of(count, config).name
            sizes = {(name, split): config.data.examples(split) for split in SPLITS}
            if any(size > largest.get(key, 0) for key, size in sizes.items()):
                largest |= {key: max(size, largest.get(key, 0)) for key, size in sizes.items()}
                counts.append(count)
        if counts:
            only = {"data.sources": counts, "evaluation.pictures": None}
            needed.append(config.with_overrides(only))
    return needed


def time_left(runs: Sequence[PlannedRun], jobs: int = 1) -> float | None:
    """Seconds that the remaining training takes at the finished runs' speed, if known."""
    done = [(run, Run.open(run.run_dir).state()) for run in runs if run.trained]
    measured = [
        (run.config.steps_per_epoch * state["epochs"], state["seconds"])
        for run, state in done
        if state.get("epochs") and state.get("seconds")
    ]
    steps = sum(number for number, _ in measured)
    remaining = sum(run.config.steps for run in runs if not run.trained)
    if not steps or not remaining:
        return None
    return sum(seconds for _, seconds in measured) / steps * remaining / jobs
