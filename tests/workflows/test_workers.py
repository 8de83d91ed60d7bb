"""Training in two real processes on this machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
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
        {
            "training.epochs": 4,
            "training.checkpoint_minutes": 1e-6,
            # it holds a variable, which has to wait until the processes are connected
            "training.loss": {
                "error": "absolute",
                "weight": {"name": "alternating", "first": "uniform", "second": "tanh"},
            },
            "data.shares": 2,
        }
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


def start(
    processes: list["subprocess.Popen[str]"],
    *words: object,
    before: tuple[str, ...] = (),
    **env: str,
) -> "subprocess.Popen[str]":
    """Start Python, behind the words of another command, with more variables."""
    process = subprocess.Popen(
        [*before, sys.executable, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={k: v for k, v in os.environ.items() if k != "TF_CONFIG"} | env,
    )
    processes.append(process)
    return process


def train_together(
    processes: list["subprocess.Popen[str]"], ports: str, config: Path, data_dir: Path, run: Path
) -> list[str]:
    """Train to the end by two workers; what each says."""
    for index in (0, 1):
        start(processes, SCRIPT, index, ports, config, data_dir, run)
    outputs = [process.communicate(timeout=DEADLINE)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    return outputs


def tf_config(addresses: Sequence[str], index: int) -> str:
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": list(addresses)}, "task": task})


def histories(*runs: Path) -> list[np.ndarray]:
    return [np.genfromtxt(run / "history.csv", delimiter=",", names=True) for run in runs]


@pytest.fixture(scope="module")
def alone(config: Config, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process."""
    from diffkeras.workflows.train import train

    return train(config, data_dir, tmp_path_factory.mktemp("runs") / "alone").path


def assert_same_course(alone: Path, run: Path, tolerance: float = 1e-4) -> None:
    one, two = histories(alone, run)
    assert one.dtype.names == two.dtype.names
    assert one["epoch"].tolist() == two["epoch"].tolist() == [1, 2, 3, 4]
    for name in one.dtype.names or ():
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
    outputs = train_together(processes, ports, config_file, data_dir, run)
    digests = [
        [line for line in output.splitlines() if line.startswith("weights")] for output in outputs
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 1
    assert "2 replica(s)" in outputs[0]
    assert "replica" not in outputs[1], "the chief alone reports"
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
        words = command_line(config_file, data_dir, run)
        return start(processes, *words, TF_CONFIG=tf_config(addresses, index))

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


def command_line(config_file: Path, data_dir: Path, run: Path) -> list[object]:
    places = ["--config", config_file, "--data-dir", data_dir, "--run-dir", run]
    return [ROOT / "cli.py", "train", *places, "--worker-timeout", 120]


@pytest.mark.slow
def test_average_weights_clipping_and_a_rollback_go_alike_on_two_workers(
    config: Config,
    data_dir: Path,
    tmp_path: Path,
    ports: str,
    processes: list["subprocess.Popen[str]"],
) -> None:
    from diffkeras.workflows.train import train

    eventful = config.with_overrides(
        {
            "training.loss": "absolute",
            "training.ema": 0.9,
            "training.clip_norm": 0.5,
            "training.optimizer": "muon",
            "training.learning_rate": 0.3,
            "training.rollback_factor": 1e-3,
            "training.rollback_window": 1,
        }
    )
    file = tmp_path / "eventful.yaml"
    file.write_text(eventful.to_yaml(), encoding="utf-8")
    alone = train(eventful, data_dir, tmp_path / "alone").path
    run = tmp_path / "run"
    train_together(processes, ports, file, data_dir, run)
    assert_same_course(alone, run, 5e-3)  # so large a learning rate blows rounding up
    states = [json.loads((path / "run.json").read_text()) for path in (alone, run)]
    assert states[0]["rolled_back_epochs"] == states[1]["rolled_back_epochs"] != []


@pytest.mark.slow
def test_half_precision_goes_alike_on_two_workers(
    config: Config,
    data_dir: Path,
    tmp_path: Path,
    ports: str,
    processes: list["subprocess.Popen[str]"],
) -> None:
    from diffkeras.workflows.train import train

    # without large weights, lest losses overflow, which they do later on two replicas than on one
    half = config.with_overrides(
        {"training.precision": "mixed_float16", "training.loss": "absolute"}
    )
    file = tmp_path / "half.yaml"
    file.write_text(half.to_yaml(), encoding="utf-8")
    alone = train(half, data_dir, tmp_path / "alone").path
    run = tmp_path / "run"
    outputs = train_together(processes, ports, file, data_dir, run)
    assert "SharedLossScale" in outputs[0]
    one, two = histories(alone, run)
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=2e-2)


@pytest.fixture
def hosts() -> Iterator[list[str]]:
    """Two network namespaces with a cable between them, 10.77.0.1 and 10.77.0.2."""
    names = [f"diffkeras-{os.getpid()}-{side}" for side in "ab"]
    ends = [f"dk{os.getpid() % 10**7}{side}" for side in "ab"]

    def ip(words: str) -> None:
        subprocess.run(["ip", *words.split()], check=True, capture_output=True)

    made = []
    try:
        for name in names:
            ip(f"netns add {name}")
            made.append(name)
        ip(f"link add {ends[0]} netns {names[0]} type veth peer name {ends[1]} netns {names[1]}")
        for number, (name, end) in enumerate(zip(names, ends, strict=True), start=1):
            ip(f"-n {name} addr add 10.77.0.{number}/24 dev {end}")
            ip(f"-n {name} link set lo up")
            ip(f"-n {name} link set {end} up")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network namespaces here: they need root and Debian's iproute2")
    else:
        yield names
    finally:
        for name in made:
            ip(f"netns del {name}")


@pytest.mark.slow
def test_two_hosts_whose_cable_is_pulled_for_a_while_train_to_the_end(
    config_file: Path,
    data_dir: Path,
    alone: Path,
    tmp_path: Path,
    hosts: list[str],
    processes: list["subprocess.Popen[str]"],
) -> None:
    run = tmp_path / "run"
    addresses = ["10.77.0.1:12345", "10.77.0.2:12345"]
    for index, host in enumerate(hosts):
        inside = ("ip", "netns", "exec", host, "unshare", "--uts")
        words = command_line(config_file, data_dir, run)
        start(processes, *words, before=inside, TF_CONFIG=tf_config(addresses, index))
    wait_for(run / "checkpoints" / "0000000008", processes)
    cable = f"dk{os.getpid() % 10**7}a"
    for state in ("down", "up"):
        subprocess.run(["ip", "-n", hosts[0], "link", "set", cable, state], check=True)
        time.sleep(20 if state == "down" else 0)
    outputs = [process.communicate(timeout=DEADLINE)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    for own, output in enumerate(outputs):
        assert f"lost the connection to worker {1 - own} ({addresses[1 - own]})" in output
    assert "resuming at epoch" in outputs[0]
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
