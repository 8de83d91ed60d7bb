import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from new_process import NewProcess

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def _run(name: str, **environment: str) -> Any:
    """The JSON that a script of this folder prints in a fresh interpreter."""
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, str(HERE / name)],
        env={**os.environ, "PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def run_script() -> Callable[..., Any]:
    """`run_script(name, **environment)`: the JSON that a script of this folder prints."""
    return _run


@pytest.fixture(scope="session")
def distributed_steps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Steps on one and on two replicas, in a process of their own with two logical devices."""
    output = tmp_path_factory.mktemp("steps") / "output"
    printed = NewProcess(HERE / "distribution_script.py", output=output).succeed()
    return json.loads(printed.splitlines()[-1])
