"""Tests of training write neither SavedModels nor pictures: they take longer than tiny runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from diffkeras.training import results
from diffkeras.training.callbacks.pictures import Pictures


@pytest.fixture(autouse=True)
def no_saved_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for the test itself: runs that tests share are complete."""
    monkeypatch.setattr(results, "export_saved_model", lambda *_: None)


@pytest.fixture(autouse=True, scope="module")
def no_pictures(run_dir: Path) -> Iterator[None]:
    """From when the run that all tests share is complete."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pictures, "on_epoch_end", lambda *_: None)
        yield
