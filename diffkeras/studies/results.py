"""The results that the runs of a study left, checked before they are compared."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import Config, short
from diffkeras.errors import RunError
from diffkeras.evaluation.errors import Scores
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import read_json


@dataclass(frozen=True)
class Result:
    """The result of one run of a study.

    Attributes:
        values: factor → value.
        metrics: method → "all" or source count → errors.
        state: content of the run's `run.json`.
        config: its configuration.
        path: its directory, relative to the study's.
    """

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
    methods = content.get("methods") if isinstance(content, dict) else None
    if not isinstance(methods, dict) or "surrogate" not in methods:
        raise RunError(f"{file} is damaged: it holds no errors of a surrogate")
    counts = ["all", *map(str, test.data.sources)]
    for method, by_count in methods.items():
        if not isinstance(by_count, dict):
            raise RunError(f"{file} is damaged: it holds no errors of {method}")
        # "all" is a mean over the source counts, so other counts would change it
        if set(by_count) != set(counts):
            raise RunError(
                f"{file} is of other source counts, {', '.join(by_count)}, than the study's test "
                f"set, {', '.join(counts)}"
            )
        for count in counts:
            _check_errors(file, method, count, by_count[count], test.data.test_examples)
    return methods


def _check_errors(file: Path, method: str, count: str, errors: Any, images: int) -> None:
    if not isinstance(errors, dict):
        raise RunError(f"{file} is damaged: it holds no errors of {method} for {count} sources")
    if count != "all" and errors.get("images") != images:
        raise RunError(
            f"{file} is of {short(errors.get('images'))} test images for {count} sources, not "
            f"{images}"
        )
    for name in Scores.columns():
        value: Any = errors.get(name)
        empty = value is None and name.startswith("mae_")  # a region without nodes
        number = type(value) in (int, float) and math.isfinite(value)
        if not (empty or number):
            raise RunError(
                f"{file} is damaged: {name} of {method} for {count} sources is {short(value)}; "
                "delete the file"
            )


def is_done(run_dir: Path, test: Config) -> bool:
    """Whether a run has been trained, and evaluated on a study's test set."""
    try:
        Run.open(run_dir)
        read_methods(run_dir, test)
    except RunError:
        return False
    return True
