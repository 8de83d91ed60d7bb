"""Tests of training write no SavedModels, which take longer than a tiny training run."""

import pytest

from diffkeras.training import results


@pytest.fixture(autouse=True)
def no_saved_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for the test itself: runs that tests share are complete."""
    monkeypatch.setattr(results, "export_saved_model", lambda *_: None)
