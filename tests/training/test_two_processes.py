"""Two real processes that train one network: to the values of one, and after one is killed."""

import contextlib
import itertools
import json
import os
import signal
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.training.process_group import Cluster
from tests.helpers.lean_runs import lean_training
from tests.helpers.new_process import NewProcess
from tests.helpers.tables import read_history

SCRIPT = Path(__file__).parents[1] / "helpers" / "training_process.py"
DEADLINE = 240.0  # seconds, for machines that do other things as well
SOON = 60.0  # seconds within which a process ends after another one was lost


@pytest.fixture(scope="module")
def four_epochs(tiny):
    """Four epochs whose batches are the same on one replica and on two."""
    return tiny.with_overrides(
        {
            "training.epochs": 4,
            # it holds a variable, which has to wait until the processes are connected
            "training.loss": {
                "error": "alternating",
                "first": "absolute",
                "second": {"error": "squared", "weight": "tanh"},
                "schedule": "random",
                "every": "batch",
            },
            "data.shares": 2,
        }
    )


@pytest.fixture(scope="module")
def alone(four_epochs, data_dir, tmp_path_factory):
    """The run of one process."""
    from diffkeras import train

    with lean_training():
        return train(four_epochs, data_dir, tmp_path_factory.mktemp("runs") / "alone").path


def free_addresses(number: int) -> tuple[str, ...]:
    """Ports of this machine below the ones that operating systems give away."""
    found: list[str] = []
    for port in itertools.count(13_000 + os.getpid() * 97 % 18_000):
        address = "127.0.0.1", port
        with contextlib.suppress(OSError), socket.create_server(address):
            found.append("{}:{}".format(*address))
        if len(found) == number:
            return tuple(found)
    raise AssertionError


class Workers:
    """Two processes that train one network, and their run directory."""

    def __init__(self, config: Config, data_dir: Path, path: Path) -> None:
        self.data_dir, self.run, self.path = data_dir, path / "run", path
        self.processes: list[NewProcess] = []
        self.started: list[NewProcess] = []
        (path / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")

    def start(self, *interruption: object, data_dirs: tuple[Path, ...] = ()) -> None:
        """Start both; the second sends itself a signal at a step, if `interruption` has them."""
        addresses, self.processes = free_addresses(2), []
        for index, data_dir in enumerate(data_dirs or (self.data_dir,) * 2):
            words = (self.path / "config.yaml", data_dir, self.run, *interruption * index)
            process = NewProcess(
                SCRIPT,
                *words,
                output=self.path / f"output{index}",
                environment={"TF_CONFIG": Cluster(addresses, index).tf_config()},
            )
            self.processes.append(process)
            self.started.append(process)

    def outputs(self, code: int = 0) -> list[str]:
        """The outputs of both, which must end with this exit status."""
        outputs = [process.communicate(timeout=DEADLINE)[0] for process in self.processes]
        assert {process.returncode for process in self.processes} == {code}, outputs
        return outputs

    def wait_for_checkpoint(self, epoch: int, step: int) -> None:
        from diffkeras.training.checkpoints import Checkpoints

        place = Checkpoints(self.run / "checkpoints").place(epoch, step)
        end = time.monotonic() + DEADLINE
        while not any(found >= place for found in place.parent.glob("[0-9]*")):
            ended = [process for process in self.processes if process.poll() is not None]
            assert not ended, ended[0].output
            assert time.monotonic() < end, f"{place} didn't appear"
            time.sleep(0.02)

    def assert_course_of(self, alone: Path, tolerance: float = 1e-4) -> None:
        """The history is the one of the run of one process."""
        one, two = read_history(alone), read_history(self.run)
        names = set(one.dtype.names or ()) & set(two.dtype.names or ())  # a lean run has few
        assert names >= {"loss", "val_loss", "val_mae", "val_max_error"}
        assert one["epoch"].tolist() == two["epoch"].tolist() == [1, 2, 3, 4]
        for name in names - {"seconds"}:
            np.testing.assert_allclose(two[name], one[name], rtol=tolerance, err_msg=name)


@pytest.fixture
def start_workers(data_dir, tmp_path):
    made: list[Workers] = []

    def make(config: Config) -> Workers:
        made.append(Workers(config, data_dir, tmp_path))
        return made[-1]

    yield make
    for workers in made:
        for process in workers.started:
            process.kill()
            process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("victim", [pytest.param(0, id="the chief"), pytest.param(1, id="other")])
def test_a_killed_process_ends_both_and_the_same_commands_go_on_to_the_run_of_one(
    victim, start_workers, four_epochs, alone
):
    every_step = {"training.checkpoint_minutes": 1e-6}
    workers = start_workers(four_epochs.with_overrides(every_step))
    workers.start()
    workers.wait_for_checkpoint(1, 2)
    workers.processes[victim].kill()
    survivor = workers.processes[1 - victim]
    output, _ = survivor.communicate(timeout=SOON)
    assert survivor.returncode not in (0, None)
    assert "lost the connection" in output
    workers.start()
    outputs = workers.outputs()
    assert "resuming at epoch" in outputs[0]
    assert "2 replica(s)" in outputs[0]
    assert "replica" not in outputs[1], "only the chief logs"
    first, second = (
        [line for line in output.splitlines() if line.startswith("weights")] for output in outputs
    )
    assert first == second != []
    workers.assert_course_of(alone)
    state = json.loads((workers.run / "run.json").read_text())
    assert (state["state"], state["replicas"]) == ("finished", 2)
    assert not (workers.run / "checkpoints").exists()


@pytest.mark.slow
def test_what_keeps_one_process_from_training_ends_both_before_anything_is_written(
    start_workers, four_epochs, tmp_path, data_dir
):
    workers = start_workers(four_epochs)
    workers.start(data_dirs=(data_dir, tmp_path / "nowhere"))
    outputs = workers.outputs(1)
    assert "DataError" in outputs[1]
    assert "lost the connection" in outputs[0]
    assert not workers.run.exists()


@pytest.mark.slow
def test_a_signal_to_one_process_ends_both_with_a_checkpoint(start_workers, four_epochs):
    workers = start_workers(four_epochs)
    workers.start("SIGTERM", 3)
    outputs = workers.outputs(128 + signal.SIGTERM)
    assert all("stopped by SIGTERM at epoch" in output for output in outputs)
    assert list((workers.run / "checkpoints").glob("[0-9]*"))
