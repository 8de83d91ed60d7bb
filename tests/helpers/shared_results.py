"""Results that take long, made once for all processes of pytest-xdist."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

T = TypeVar("T")


def shared(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What `make(directory)` returns; the first process to come makes it, in a new directory."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # of all processes
    result = root / f"{name}.pickle"
    with FileLock(f"{result}.lock"):
        if not result.exists():
            directory = root / name
            directory.mkdir()
            made = pickle.dumps(make(directory))
            result.write_bytes(made)
    return pickle.loads(result.read_bytes())
