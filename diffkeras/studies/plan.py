"""The runs of a study: which there are, what they need, and how long they take."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diffkeras.config import SPLITS, Config, Split, fingerprint
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.studies.config import Study
from diffkeras.studies.evaluations import (
    check_evaluation,
    check_searches,
    passes,
    search_id,
    test_id,
    without_baselines,
)
from diffkeras.studies.labels import label_of
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.run_identity import run_identity

# of a test set, whose training examples need not be stored
ONLY_TESTED: dict[str, Any] = {
    "data.stream": True,
    "data.cache": False,
    "data.train_fraction": 1.0,
    "data.train_part": 0,
    "data.validation_examples": 1,
}


@dataclass(frozen=True)
class Cell:
    """One combination of a study's factors, and its run.

    Attributes:
        title: the factors' values, for people.
        values: factor → value; of the variants, the label.
        config: the full configuration. Its name is the run's identity.
        run_dir: directory of the run, in the pool that all studies share.
        trained: whether the run is finished.
        tests: label of each test set → directory of the run's errors on it.
        evaluated: labels of the test sets on which it has been evaluated.
        search: directory of its worst-case search; None for no search.
        searched: whether the search has been made.
    """

    title: str
    values: dict[str, Any]
    config: Config
    run_dir: Path
    trained: bool
    tests: dict[str, Path] = field(default_factory=dict)
    evaluated: frozenset[str] = frozenset()
    search: Path | None = None
    searched: bool = False

    @property
    def identity(self) -> str:
        """The name of the run in the pool."""
        return self.run_dir.name

    @property
    def done(self) -> bool:
        """Whether it has been trained, evaluated on every test set, and searched."""
        searched = self.search is None or self.searched
        return self.trained and self.evaluated >= self.tests.keys() and searched

    @property
    def steps(self) -> int:
        """Optimisation steps: a measure of the work."""
        return self.config.steps


def plan(study: Study, runs_dir: Path) -> list[Cell]:
    """All runs of a study, the first factor varying slowest.

    Args:
        study: the study.
        runs_dir: the pool of runs.
    """
    ids = {label: test_id(test) for label, test in study.test_sets.items()}
    alone = {label: without_baselines(test) for label, test in study.test_sets.items()}
    cells = []
    for values, config in study.combinations:
        identity = run_identity(config)
        run_dir = runs_dir / identity
        tests = {label: run_dir / "tests" / name for label, name in ids.items()}
        trained = passes(check_trained, run_dir, [config, *alone.values()])
        evaluated = frozenset(
            label
            for label, path in tests.items()
            if trained and passes(check_evaluation, path, alone[label], identity)
        )
        named = config.model_copy(update={"name": identity})
        search, searched = None, False
        if study.worst_cases:
            search = run_dir / "searches" / search_id(study)
            searched = passes(check_searches, search, study.test, study.worst_cases)
        cells.append(
            Cell(
                label_of(values),
                values,
                named,
                run_dir,
                trained,
                tests,
                evaluated,
                search,
                searched,
            )
        )
    return cells


def check_trained(run_dir: Path, data: Iterable[Config]) -> Run:
    """The finished run in a directory, which was trained on no test image of several data.

    Its model and its configuration are not read, since reports need neither.

    Raises:
        RunError: there is none, or one of its files is damaged.
        DataError: it may have been trained on test images.
    """
    run = Run.open(run_dir)
    run.history()
    return run


def lacking_baselines(study: Study, cells: Sequence[Cell]) -> list[str]:
    """Labels of the test sets on which no run of a study has measured the baselines."""
    return [
        label
        for label, test in study.test_sets.items()
        if test.baselines()
        and not any(
            label in cell.evaluated
            and passes(check_evaluation, cell.tests[label], test, cell.identity)
            for cell in cells
        )
    ]


def data_needed(study: Study, cells: Sequence[Cell]) -> list[Config]:
    """Configurations of the datasets that unfinished runs need, each dataset in one of them.

    Of a test set that differs from the data of all runs, no training examples are needed.
    """
    wanted = [cell.config for cell in cells if not cell.trained] + [
        test.with_overrides(ONLY_TESTED)
        for label, test in study.test_sets.items()
        if any(cell.tests.keys() - cell.evaluated >= {label} or cell.search for cell in cells)
    ]
    first: dict[str, tuple[DatasetConfig, Config]] = {}
    sizes: dict[str, dict[Split, int]] = {}
    nothing: dict[Split, int] = dict.fromkeys(SPLITS, 0)
    for config in wanted:
        for count in config.data.sources:
            dataset = DatasetConfig.of(count, config)
            first.setdefault(dataset.name, (dataset, config))
            size = sizes.setdefault(dataset.name, dict(nothing))
            size.update({split: max(size[split], config.data.examples(split)) for split in SPLITS})
    together: dict[str, tuple[Config, list[int]]] = {}
    for name, (dataset, config) in first.items():
        identity = {**dataset.identity(), "sources": None, "sizes": list(sizes[name].values())}
        _, counts = together.setdefault(fingerprint(identity), (_sized(config, sizes[name]), []))
        counts.append(dataset.count)
    return [
        config.with_overrides({"data.sources": sorted(counts)})
        for config, counts in together.values()
    ]


def _sized(config: Config, sizes: Mapping[Split, int]) -> Config:
    """A configuration whose datasets have these numbers of examples."""
    examples = {f"data.{split}_examples": max(1, sizes[split]) for split in SPLITS}
    stream = {"data.stream": not sizes["train"]}
    return config.with_overrides({**ONLY_TESTED, "evaluation.pictures": None, **examples, **stream})


def time_left(cells: Sequence[Cell], jobs: int = 1) -> float | None:
    """Seconds that the remaining training takes at most, at the speed of the finished runs.

    Returns:
        None if no run is finished, or all are.
    """
    done = [(cell, Run.open(cell.run_dir).state()) for cell in cells if cell.trained]
    measured = [
        (cell.config.steps_per_epoch * state["epochs"], state["seconds"])
        for cell, state in done
        if state.get("epochs") and state.get("seconds")
    ]
    steps = sum(number for number, _ in measured)
    left = sum(cell.steps for cell in cells if not cell.trained)
    if not steps or not left:
        return None
    return sum(seconds for _, seconds in measured) / steps * left / jobs
