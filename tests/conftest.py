"""One small dataset, one run trained on it and one evaluation of that, shared by all tests."""

import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lean_runs
import pytest
from click.testing import CliRunner, Result
from shared_results import shared

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
if "PYTEST_XDIST_WORKER" in os.environ:  # the other processes use the other cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from diffkeras.config import Config, parse_config

ROOT = Path(__file__).parents[1]

# A shell starts background jobs with Ctrl-C ignored, and the processes of tests would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

TINY = {
    "name": "tiny",
    "physics": {"lattice": 16, "decay": 0.05},
    "data": {
        "sources": "1-2",
        "radius": 2,
        "train_examples": 12,
        "validation_examples": 4,
        "test_examples": 5,
        "seed": 3,
    },
    "model": {"width": 2, "depth": 1, "transform": "sqrt"},
    "training": {
        "batch_size": 4,
        "epochs": 2,
        "optimizer": "adam",
        "learning_rate": 0.01,
        "schedule": "constant",
        "warmup": 0,
    },
    "evaluation": {"batch_size": 4, "cases": 2},
}


@pytest.fixture(scope="session")
def tiny() -> Config:
    return parse_config(TINY)


@pytest.fixture(scope="session")
def tiny_file(tiny: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny configuration as a file."""
    file = tmp_path_factory.mktemp("config") / "tiny.yaml"
    file.write_text(tiny.to_yaml(), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def data_dir(tiny: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the tiny configuration's datasets; never write to it."""
    from diffkeras.workflows import generate

    def make(path: Path) -> Path:
        generate(tiny, path)
        return path

    return shared(tmp_path_factory, "data", make)


@pytest.fixture(scope="session")
def run_dir(tiny: Config, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the tiny configuration; never write to it."""
    from diffkeras.workflows import train

    return shared(tmp_path_factory, "run", lambda path: train(tiny, data_dir, path / "tiny").path)


@pytest.fixture(scope="session")
def evaluation(run_dir: Path, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The evaluation of that run, which lies outside of the run's directory."""
    from diffkeras.workflows import evaluate

    return shared(
        tmp_path_factory,
        "evaluation",
        lambda path: evaluate(run_dir, data_dir, output=path / "tiny"),
    )


@pytest.fixture
def own_data(data_dir: Path, tmp_path: Path) -> Path:
    """A copy of the data directory that a test may damage."""
    return Path(shutil.copytree(data_dir, tmp_path / "data"))


@pytest.fixture
def own_run(run_dir: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may damage."""
    return Path(shutil.copytree(run_dir, tmp_path / "run"))


@pytest.fixture
def quick_figures() -> Iterator[None]:
    """For what a test itself draws."""
    with lean_runs.quick_figures():
        yield


@pytest.fixture
def lean_training(run_dir: Path) -> Iterator[None]:
    """For what a test itself trains: the run that all share is complete."""
    with lean_runs.lean_training():
        yield


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What diffkeras logs, from INFO on."""
    caplog.set_level(logging.INFO, "diffkeras")
    return caplog


@pytest.fixture(scope="session")
def runner() -> CliRunner:
    return CliRunner()


@pytest.fixture(scope="session")
def diffkeras(runner: CliRunner) -> Callable[..., Result]:
    """`diffkeras("train", "--epochs", 1)`: the command, in this process."""
    from diffkeras.cli import main

    return lambda *words: runner.invoke(main, [str(word) for word in words])


@pytest.fixture(scope="session")
def refused(diffkeras: Callable[..., Result]) -> Callable[..., str]:
    """`refused("train", …)`: the one line in which a command says why it can't be done."""

    def call(*words: Any) -> str:
        result = diffkeras(*words)
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.exit_code not in (0, None), result.output
        assert "Traceback" not in result.output
        line = result.output.splitlines()[-1]
        # progress bars end in a carriage return instead of a new line
        assert line.rpartition("Error: ")[1], result.output
        return line.rpartition("Error: ")[2]

    return call


@pytest.fixture(scope="session")
def python() -> Callable[..., subprocess.CompletedProcess]:
    """`python("code", *options, cwd=…)`: a fresh interpreter that must end well."""

    def call(code: str, *options: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [sys.executable, *options, "-c", code],
            cwd=cwd or ROOT,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    return call
