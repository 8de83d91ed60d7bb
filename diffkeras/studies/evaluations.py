"""Evaluations of the runs of studies: how they are called, and whether they are complete."""

from pathlib import Path
from typing import Any

from diffkeras.config import Config, fingerprint
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.errors import RunError
from diffkeras.evaluation.methods import SURROGATE, describe_methods
from diffkeras.studies.config import Study
from diffkeras.system.atomic_files import read_json

DIGITS = 12


def test_id(test: Config) -> str:
    """Twelve hexadecimal digits that are equal for configurations of the same test set.

    It depends on the datasets, the source counts, the number of images, and the number of those
    with proven bounds. The baselines are not part of it: one run of a study measures them.
    """
    datasets = [DatasetConfig.of(count, test) for count in test.data.sources]
    return fingerprint(
        {
            "datasets": [[dataset.version, dataset.identity()] for dataset in datasets],
            "test_examples": test.data.test_examples,
            "bounds": test.evaluation.bounds,
        },
        DIGITS,
    )


def search_id(study: Study) -> str:
    """The same for a worst-case search: of its settings and of the main test set."""
    settings = study.worst_cases.model_dump(mode="json") if study.worst_cases else {}
    return fingerprint({**settings, "test": test_id(study.test)}, DIGITS)


def without_baselines(test: Config) -> Config:
    """The same test set, on which only the surrogate is measured."""
    return test.with_overrides({"evaluation.baselines": []})


def read_methods(path: Path, test: Config, run: str) -> dict[str, Any]:
    """Method → "all" or source count → errors.

    Args:
        path: directory of an evaluation.
        test: the test set, with the baselines that must have been measured.
        run: identity of the run.

    Raises:
        RunError: a file is missing or damaged, or it is of another run, of another test set or of
            other methods.
    """
    file = path / "metrics.json"
    content = read_json(file)
    try:
        methods, found = content["methods"], content.get("run")
        images = {
            method: {count: errors["images"] for count, errors in by_count.items()}
            for method, by_count in methods.items()
        }
    except (KeyError, TypeError, AttributeError):
        raise RunError(f"{file} is damaged: it holds no errors of methods") from None
    # "all" is a mean over the source counts, so other counts would change it
    wanted = dict.fromkeys(map(str, test.data.sources), test.data.test_examples)
    wanted["all"] = sum(wanted.values())
    if found != run:
        raise RunError(f"{file} is of another run")
    if any(images.get(method) != wanted for method in describe_methods(test)):
        raise RunError(f"{file} is of another test set, or of other methods, than the study's")
    _check_examples(path / "examples.csv", wanted["all"])
    return methods


def _check_examples(file: Path, images: int) -> None:
    """Raise a RunError if a table has not one whole row for each image of the surrogate."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise RunError(f"{file} is missing or can't be read: {error}") from None
    head, *lines = content.split(b"\n")
    found = sum(line.startswith(f"{SURROGATE},".encode()) for line in lines)
    complete = {b"method", b"sources", b"example", b"mae"} <= set(head.split(b","))
    if not complete or found != images or not content.endswith(b"\n"):
        raise RunError(f"{file} is damaged: it has not one row for each of {images} images")


def is_evaluated(path: Path, test: Config, run: str) -> bool:
    """Whether `read_methods` finds what it should."""
    try:
        read_methods(path, test, run)
    except RunError:
        return False
    return True
