"""The results that the runs of a study left, checked before they are compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import Config
from diffkeras.errors import RunError
from diffkeras.evaluation.methods import METHODS
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import read_json


@dataclass(frozen=True)
class Result:
    """The result of one run of a study.

    Attributes:
        title: the factors' values, for people.
        values: factor → value.
        metrics: method → "all" or source count → errors.
        state: content of the run's `run.json`.
        config: its configuration.
        path: its directory, relative to the study's.
    """

    title: str
    values: dict[str, Any]
    metrics: dict[str, Any]
    state: dict[str, Any]
    config: Config
    path: Path

    @property
    def training_examples(self) -> int:
        """Training examples over all source counts."""
        data = self.config.data
        return data.train_examples_used * len(data.sources)

    def error(self, name: str = "mae", sources: str = "all") -> float | None:
        """An error of the surrogate; None for a region without nodes."""
        return self.metrics["surrogate"][sources][name]


def metrics_file(run_dir: Path) -> Path:
    """The errors that a run's evaluation wrote."""
    return run_dir / "evaluation" / "metrics.json"


def read_methods(run_dir: Path, test: Config) -> dict[str, Any]:
    """Method → "all" or source count → errors of a run.

    Args:
        run_dir: the run's directory.
        test: the configuration of the study's test set.

    Raises:
        RunError: the errors are missing, damaged, or of another test set.
    """
    file = metrics_file(run_dir)
    content = read_json(file)
    try:
        methods = content["methods"]
        images = {
            method: {count: errors["images"] for count, errors in by_count.items()}
            for method, by_count in methods.items()
        }
    except (KeyError, TypeError, AttributeError):
        raise RunError(f"{file} is damaged: it holds no errors of methods") from None
    # "all" is a mean over the source counts, so other counts would change it
    wanted = dict.fromkeys(map(str, test.data.sources), test.data.test_examples)
    wanted["all"] = sum(wanted.values())
    if images != dict.fromkeys(METHODS, wanted):
        raise RunError(f"{file} is of another test set, or of other methods, than the study's")
    return methods


def is_done(run_dir: Path, test: Config) -> bool:
    """Whether a run has been trained, and evaluated on a study's test set."""
    try:
        Run.open(run_dir)
        read_methods(run_dir, test)
    except RunError:
        return False
    return True
