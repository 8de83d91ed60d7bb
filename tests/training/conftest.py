"""Tests of training write neither SavedModels nor pictures: they take longer than tiny runs."""

import pytest

from tests.helpers import lean_runs


@pytest.fixture(autouse=True, scope="module")
def lean(run_dir):
    """From when the run that all tests share is complete."""
    with lean_runs.lean_training():
        yield
