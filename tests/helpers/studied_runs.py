"""What the tests of a study's runs share."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diffkeras.studies import one_run


@contextlib.contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[str]]]:
    """The names of the runs that are trained and of the directories of evaluations."""
    calls: dict[str, list[str]] = {"train": [], "evaluate": []}
    train, evaluate = one_run.train, one_run.evaluate

    def counting_train(config: Any, data_dir: Any, run_dir: Path, **options: Any) -> Any:
        calls["train"].append(run_dir.name)
        return train(config, data_dir, run_dir, **options)

    def counting_evaluate(run_dir: Path, *args: Any, **options: Any) -> Any:
        calls["evaluate"].append(run_dir.name)
        return evaluate(run_dir, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(one_run, "train", counting_train)
        patched.setattr(one_run, "evaluate", counting_evaluate)
        yield calls
