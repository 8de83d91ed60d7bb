"""Evaluations of the runs of studies, and of baselines: reading and checking their files."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.config import Config
from diffkeras.errors import DataError, DiffkerasError, RunError
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.methods import SET, baselines, names_of_surrogate
from diffkeras.system.atomic_files import read_json

ALL = "all"  # source counts


@contextlib.contextmanager
def names_damaged(files: Sequence[Path]) -> Iterator[None]:
    """Turn an error about missing or wrong content into a RunError that names the files."""
    try:
        yield
    except DiffkerasError:
        raise
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        names = " or ".join(map(str, files))
        raise RunError(f"{names} is damaged ({type(error).__name__}: {error})") from None


def without_baselines(test: Config) -> Config:
    """The same test set, on which only the surrogate is measured."""
    return test.with_overrides({"evaluation.baselines": []})


def read_errors(path: Path) -> tuple[str | None, pd.DataFrame]:
    """The identity of the evaluated run, None without one, and a row per method and source count.

    Columns: `method`, `sources` ("all", "1", …), `images`, and the errors of `ERRORS`.
    """
    file = path / "metrics.json"
    content = read_json(file)
    with names_damaged([file]):
        errors = pd.DataFrame(
            {"method": method, "sources": count, **{k: of[k] for k in ("images", *ERRORS)}}
            for method, by_count in content["methods"].items()
            for count, of in sorted(by_count.items(), key=_all_first)
        ).astype({"images": int, **dict.fromkeys(ERRORS, float)})
        if errors.empty or errors["mae"].isna().any():
            raise ValueError("errors are missing")
        return content.get("run", ""), errors


def _all_first(item: tuple[str, Any]) -> int:
    return 0 if item[0] == ALL else int(item[0])


def check_evaluation(path: Path, test: Config, run: str) -> None:
    """Raise a RunError unless a directory holds an evaluation of a run on a test set."""
    found, errors = read_errors(path)
    if found != run:
        raise RunError(f"{path} is of another run")
    _check_images(path, errors, names_of_surrogate(test), test)


def check_baselines(path: Path, test: Config) -> None:
    """Raise a RunError unless a directory holds the errors of all baselines on a test set."""
    _check_images(path, read_errors(path)[1], [each.name for each in baselines(test)], test)


def _check_images(path: Path, errors: pd.DataFrame, methods: Iterable[str], test: Config) -> None:
    # "all" is a mean over the source counts, so other counts would change it
    wanted = dict.fromkeys(map(str, test.data.sources), test.data.test_examples)
    wanted[ALL] = sum(wanted.values())
    images = {
        method: dict(zip(rows["sources"], rows["images"], strict=True))
        for method, rows in errors.groupby("method")
    }
    # a network that sets the known values itself has no copy that sets them
    if any(images.get(m, wanted if m.endswith(SET) else None) != wanted for m in methods):
        raise RunError(
            f"{path} was measured on another test set or with other methods than the study"
        )


def passes(check: Callable[..., object], *arguments: Any) -> bool:
    """Whether a check of files raises no error."""
    try:
        check(*arguments)
    except (DataError, RunError):
        return False
    return True
