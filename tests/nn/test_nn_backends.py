"""The models, losses and metrics compute the same on every Keras backend."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("backend_script.py")
ROOT = Path(__file__).parents[2]


def result_on(backend: str) -> dict[str, Any]:
    """What the script prints in a fresh interpreter."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={**os.environ, "PYTHONPATH": path, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["backend"] == backend
    assert result["values"].pop("plain mae") == "raises"
    return result["values"]


@pytest.fixture(scope="module")
def on_tensorflow():
    return result_on("tensorflow")


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, request):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    expected = request.getfixturevalue("on_tensorflow")
    assert result_on(backend) == pytest.approx(expected, rel=1e-4, nan_ok=True)
