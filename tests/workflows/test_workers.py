"""Training in two real processes on this machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from diffkeras.config import Config

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("worker_training.py")
DEADLINE = 240.0  # seconds, for machines that do other things as well


@pytest.fixture(scope="module")
def config(tiny: Config) -> Config:
    """Four epochs whose batches are the same on one replica and on two."""
    return tiny.with_overrides(
        {"training.epochs": 4, "data.shares": 2, "training.checkpoint_minutes": 1e-6}
    )


@pytest.fixture(scope="module")
def config_file(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("config") / "config.yaml"
    file.write_text(config.to_yaml(), encoding="utf-8")
    return file


@pytest.fixture
def ports() -> str:
    """Two free ports."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    numbers = [str(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ",".join(numbers)


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[str]"]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "TF_CONFIG"}


def start(processes: list["subprocess.Popen[str]"], *words: object) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )
    processes.append(process)
    return process


def histories(*runs: Path) -> list[np.ndarray]:
    return [np.genfromtxt(run / "history.csv", delimiter=",", names=True) for run in runs]


@pytest.fixture(scope="module")
def alone(config: Config, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process."""
    from diffkeras.workflows.train import train

    return train(config, data_dir, tmp_path_factory.mktemp("runs") / "alone").path


def assert_same_course(alone: Path, run: Path) -> None:
    one, two = histories(alone, run)
    assert one.dtype.names == two.dtype.names
    assert one["epoch"].tolist() == two["epoch"].tolist() == [1, 2, 3, 4]
    for name in one.dtype.names or ():
        # normalisation takes the first bias out again: its gradient is rounding alone, which Adam
        # blows up, and the moving mean that validation uses follows it
        tolerance = 2e-2 if name.startswith("val_") else 1e-4
        np.testing.assert_allclose(two[name], one[name], rtol=tolerance, err_msg=name)


def test_two_workers_train_as_one_process_does(
    config_file: Path,
    data_dir: Path,
    alone: Path,
    tmp_path: Path,
    ports: str,
    processes: list["subprocess.Popen[str]"],
) -> None:
    run = tmp_path / "run"
    for index in (1, 0):
        start(processes, SCRIPT, index, ports, config_file, data_dir, run)
    outputs = [process.communicate(timeout=DEADLINE)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    digests = [
        [line for line in output.splitlines() if line.startswith("weights")] for output in outputs
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 1
    assert "2 replica(s)" in outputs[1]
    assert "replica" not in outputs[0], "the chief alone reports"
    assert_same_course(alone, run)
    state = json.loads((run / "run.json").read_text())
    assert (state["state"], state["replicas"]) == ("finished", 2)
    assert not (run / "checkpoints").exists()
    assert (run / "saved_model").is_dir()


@pytest.mark.parametrize(
    "victim", [pytest.param(0, id="the chief", marks=pytest.mark.slow), pytest.param(1, id="other")]
)
def test_a_killed_worker_is_waited_for_and_training_goes_on(
    victim: int,
    config_file: Path,
    data_dir: Path,
    alone: Path,
    tmp_path: Path,
    ports: str,
    processes: list["subprocess.Popen[str]"],
) -> None:
    run = tmp_path / "run"
    addresses = [f"127.0.0.1:{port}" for port in ports.split(",")]

    def train(index: int) -> "subprocess.Popen[str]":
        task = {"type": "worker", "index": index}
        os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        command = "train --config {} --data-dir {} --run-dir {} --worker-timeout 120"
        words = command.format(config_file, data_dir, run).split()
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "cli.py"), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        del os.environ["TF_CONFIG"]
        processes.append(process)
        return process

    workers = [train(0), train(1)]
    wait_for(run / "checkpoints" / "0000000008", workers)
    workers[victim].kill()
    workers[victim].wait()
    again = train(victim)
    survivor = workers[1 - victim]
    outputs = [process.communicate(timeout=DEADLINE)[0] for process in (survivor, again)]
    assert [survivor.returncode, again.returncode] == [0, 0], outputs
    assert f"lost the connection to worker {victim} ({addresses[victim]})" in outputs[0]
    assert "resuming at epoch" in "".join(outputs)
    assert_same_course(alone, run)


def wait_for(place: Path, processes: list["subprocess.Popen[str]"]) -> None:
    end = time.monotonic() + DEADLINE
    while not place.exists():
        ended = [process for process in processes if process.poll() is not None]
        assert not ended, ended[0].communicate()[0]
        assert time.monotonic() < end, f"{place} didn't appear"
        time.sleep(0.02)


def test_a_signal_to_one_worker_ends_both_with_a_checkpoint(
    config_file: Path,
    data_dir: Path,
    tmp_path: Path,
    ports: str,
    processes: list["subprocess.Popen[str]"],
) -> None:
    run = tmp_path / "run"
    for index in (0, 1):
        start(processes, SCRIPT, index, ports, config_file, data_dir, run)
    wait_for(run / "checkpoints" / "0000000003", processes)
    processes[1].send_signal(signal.SIGTERM)
    outputs = [process.communicate(timeout=DEADLINE)[0] for process in processes]
    assert [process.returncode for process in processes] == [128 + signal.SIGTERM] * 2, outputs
    assert all("stopped by SIGTERM at epoch" in output for output in outputs)
    assert list((run / "checkpoints").glob("[0-9]*"))


def test_what_keeps_one_worker_from_training_ends_all_before_anything_is_lost(
    config_file: Path,
    data_dir: Path,
    tmp_path: Path,
    ports: str,
    processes: list["subprocess.Popen[str]"],
) -> None:
    run = tmp_path / "run"
    start(processes, SCRIPT, 0, ports, config_file, data_dir, run)
    start(processes, SCRIPT, 1, ports, config_file, tmp_path / "nowhere", run)
    outputs = [process.communicate(timeout=DEADLINE)[0] for process in processes]
    assert [process.returncode for process in processes] == [1, 1], outputs
    assert "DataError" in outputs[1]
    assert "worker 1" in outputs[0]
    assert "can't train; it says why" in outputs[0]
    assert not run.exists()


def test_workers_that_do_not_share_the_run_directory_are_refused(
    config_file: Path,
    data_dir: Path,
    tmp_path: Path,
    ports: str,
    processes: list["subprocess.Popen[str]"],
) -> None:
    start(processes, SCRIPT, 0, ports, config_file, data_dir, tmp_path / "one")
    start(processes, SCRIPT, 1, ports, config_file, data_dir, tmp_path / "other")
    outputs = [process.communicate(timeout=DEADLINE)[0] for process in processes]
    assert [process.returncode for process in processes] == [1, 1], outputs
    assert f"run isn't in {tmp_path / 'other'} of this one" in outputs[1]


def test_a_worker_that_does_not_come_is_named(
    config_file: Path,
    data_dir: Path,
    tmp_path: Path,
    ports: str,
    processes: list["subprocess.Popen[str]"],
) -> None:
    process = start(processes, SCRIPT, 0, ports, config_file, data_dir, tmp_path / "run", 1)
    output = process.communicate(timeout=DEADLINE)[0]
    assert process.returncode == 1, output
    other = ports.split(",")[1]
    assert f"worker 1 (127.0.0.1:{other}) didn't answer within 1 s" in output
    assert "Traceback" not in output
    assert not (tmp_path / "run").exists()
