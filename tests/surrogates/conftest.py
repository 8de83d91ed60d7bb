"""Graphs of these tests run as they were traced; `tests/graph` has optimized ones."""

import pytest

from tests.helpers import lean_runs


@pytest.fixture(scope="module", autouse=True)
def quick_graphs():
    with lean_runs.quick_graphs():
        yield
