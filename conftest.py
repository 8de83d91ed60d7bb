"""One small dataset, one run trained on it and one evaluation of that, shared by all tests."""

import gc
import logging
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from click.testing import CliRunner
from filelock import FileLock

from tests.helpers import lean_runs

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
if "PYTEST_XDIST_WORKER" in os.environ:  # the other processes use the other cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from diffkeras.config import parse_config

ROOT = Path(__file__).parent
T = TypeVar("T")

gc.disable()  # until all is imported, see `pytest_collection_finish`

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


def pytest_sessionstart(session):
    """Tests look for sentences, which commands wrap to the terminal; pytest keeps its width."""
    if session.config.pluginmanager.has_plugin("terminalreporter"):  # not in pytest-xdist's workers
        writer = session.config.get_terminal_writer()
        writer.fullwidth = writer.fullwidth
    os.environ["COLUMNS"] = "10000"


def pytest_collection_finish():
    """Collections of garbage don't look through what is imported: TensorFlow's million objects."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()


def shared(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """What `make(directory)` returns, made once for all processes of pytest-xdist."""
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


@pytest.fixture(scope="session")
def tiny():
    return parse_config(TINY)


@pytest.fixture(scope="session")
def tiny_file(tiny, tmp_path_factory):
    """The tiny configuration as a file."""
    file = tmp_path_factory.mktemp("config") / "tiny.yaml"
    file.write_text(tiny.to_yaml(), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def data_dir(tiny, tmp_path_factory):
    """A data directory with the tiny configuration's datasets; never write to it."""
    from diffkeras.data import generate

    def make(path: Path) -> Path:
        generate(tiny, path)
        return path

    return shared(tmp_path_factory, "data", make)


@pytest.fixture(scope="session")
def run_dir(tiny, data_dir, tmp_path_factory):
    """A finished run of the tiny configuration; never write to it."""
    from diffkeras import train

    return shared(tmp_path_factory, "run", lambda path: train(tiny, data_dir, path / "tiny").path)


@pytest.fixture(scope="session")
def evaluation(run_dir, data_dir, tmp_path_factory):
    """The evaluation of that run, which lies outside of the run's directory."""
    from diffkeras import evaluate

    return shared(
        tmp_path_factory,
        "evaluation",
        lambda path: evaluate(run_dir, data_dir, output=path / "tiny"),
    )


@pytest.fixture
def own_data(data_dir, tmp_path):
    """A copy of the data directory that a test may damage."""
    return Path(shutil.copytree(data_dir, tmp_path / "data"))


@pytest.fixture
def own_run(run_dir, tmp_path):
    """A copy of the run that a test may damage."""
    return Path(shutil.copytree(run_dir, tmp_path / "run"))


@pytest.fixture
def quick_figures():
    """For what a test itself draws."""
    with lean_runs.quick_figures():
        yield


@pytest.fixture
def lean_training(run_dir):
    """For what a test itself trains: the run that all share is complete."""
    with lean_runs.lean_training():
        yield


@pytest.fixture
def log(caplog):
    """What diffkeras logs, from INFO on."""
    caplog.set_level(logging.INFO, "diffkeras")
    return caplog


@pytest.fixture(scope="session")
def runner():
    return CliRunner()


@pytest.fixture(scope="session")
def diffkeras(runner):
    """`diffkeras("train", "--epochs", 1)`: the command, in this process."""
    from diffkeras.commands import main

    return lambda *words: runner.invoke(main, [str(word) for word in words])


@pytest.fixture(scope="session")
def refused(diffkeras):
    """`refused("train", …)`: the one line in which a command says why it can't be done."""

    from tests.helpers.refusals import refusal_of

    return lambda *words: refusal_of(diffkeras(*words))


@pytest.fixture(scope="session")
def python():
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


@pytest.fixture
def without_diffkeras(tmp_path):
    """`without_diffkeras("code", cwd=…)`: a process that has TensorFlow alone must end well."""
    from tests.helpers.new_process import NewProcess

    absent = 'import sys; sys.modules["diffkeras"] = sys.modules["tfds_builders"] = None\n'

    def call(code: str, cwd: Path) -> None:
        NewProcess(absent + code, output=tmp_path / "printed.txt", cwd=cwd).succeed()

    return call
