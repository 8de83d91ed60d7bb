"""The errors that the runs of a study left, checked before they are compared."""

from pathlib import Path
from typing import Any

from diffkeras.config import Config
from diffkeras.errors import DataError, RunError
from diffkeras.evaluation.images import check_held_out
from diffkeras.evaluation.methods import METHODS
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import read_json


def metrics_file(run_dir: Path) -> Path:
    """The errors that a run's evaluation wrote."""
    return run_dir / "evaluation" / "metrics.json"


def read_methods(run_dir: Path, test: Config) -> dict[str, Any]:
    """Method → "all" or source count → errors of a run, on the test set of `test`.

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
        check_held_out(Run.open(run_dir), test)
        read_methods(run_dir, test)
    except (DataError, RunError):
        return False
    return True
