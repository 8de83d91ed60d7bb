"""Two real processes that train one network, for the tests of this directory."""

import contextlib
import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.distributed.cluster import Cluster
from tests.helpers.lean_runs import lean_training
from tests.helpers.new_process import NewProcess
from tests.helpers.tables import read_history

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "helpers" / "training_process.py"
DEADLINE = 240.0  # seconds, for machines that do other things as well


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def alone(four_epochs, data_dir, tmp_path_factory):
    """The run of one process."""
    from diffkeras.workflows import train

    with lean_training():
        return train(four_epochs, data_dir, tmp_path_factory.mktemp("runs") / "alone").path


# Below the ports that the operating system gives to outgoing connections, and to servers that ask
# for any: no other program takes one between this check and its use. Each process starts elsewhere.
PORTS = itertools.cycle(range(13_000, 32_000))
next(itertools.islice(PORTS, os.getpid() * 97 % 19_000, None))


def free_addresses(number: int) -> tuple[str, ...]:
    found: list[str] = []
    while len(found) < number:
        address = "127.0.0.1", next(PORTS)
        with contextlib.suppress(OSError), socket.create_server(address):
            found.append("{}:{}".format(*address))
    return tuple(found)


@pytest.fixture
def addresses():
    """Three free ports of this machine."""
    return free_addresses(3)


class Workers:
    """Processes that train one network.

    Attributes:
        addresses: of the two, free ports of this machine.
        run: their run directory.
        processes: all that were started.
    """

    def __init__(self, config: Config, data_dir: Path, path: Path) -> None:
        self.data_dir, self.run = data_dir, path / "run"
        self.processes: list[subprocess.Popen[str] | NewProcess] = []
        self._file = path / "config.yaml"
        self.configure(config)
        self.addresses = free_addresses(2)

    def configure(self, config: Config, *, every_step: bool = False) -> None:
        """Set the configuration of processes that start from now on.

        Args:
            every_step: whether they write a checkpoint at every step.
        """
        if every_step:
            config = config.with_overrides({"training.checkpoint_minutes": 1e-6})
        self._file.write_text(config.to_yaml(), encoding="utf-8")

    def start(
        self,
        index: int,
        *interruption: object,
        data_dir: Path | None = None,
        run: Path | None = None,
        timeout: float = 120,
    ) -> None:
        """Start a process that prints a digest of its weights at the end.

        Args:
            interruption: a signal and the step at which the process sends it to itself.
        """
        words = (self._file, data_dir or self.data_dir, run or self.run, timeout, *interruption)
        self.processes.append(
            NewProcess(
                SCRIPT,
                *words,
                output=self._file.with_name(f"output{index}"),
                environment={"TF_CONFIG": self._cluster(index, self.addresses)},
            )
        )

    def start_command(
        self, index: int, addresses: Sequence[str], *, before: Sequence[str] = ()
    ) -> "subprocess.Popen[str]":
        """Start `diffkeras train` as a worker, behind the words of another command."""
        places = ["--config", self._file, "--data-dir", self.data_dir, "--run-dir", self.run]
        words = [ROOT / "cli.py", "train", *places, "--worker-timeout", 120]
        process = subprocess.Popen(
            [*before, sys.executable, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"TF_CONFIG": self._cluster(index, addresses)},
        )
        self.processes.append(process)
        return process

    def _cluster(self, index: int, addresses: Sequence[str]) -> str:
        return Cluster(tuple(addresses), index).tf_config()

    def start_both(self) -> None:
        for index in (0, 1):
            self.start(index)

    def wait_for_checkpoint(self, epoch: int, step: int) -> None:
        from diffkeras.training.checkpoints import Checkpoints

        place = Checkpoints(self.run / "checkpoints").place(epoch, step)
        end = time.monotonic() + DEADLINE
        while not any(found >= place for found in place.parent.glob("[0-9]*")):
            ended = [process for process in self.processes if process.poll() is not None]
            assert not ended, ended[0].communicate()[0]
            assert time.monotonic() < end, f"{place} didn't appear"
            time.sleep(0.02)

    def outputs(self, code: int = 0) -> list[str]:
        """The outputs of processes that were not killed; all must end with this exit status."""
        left = [process for process in self.processes if process.returncode is None]
        outputs = [process.communicate(timeout=DEADLINE)[0] for process in left]
        assert {process.returncode for process in left} == {code}, outputs
        return outputs

    def assert_course_of(self, alone: Path, tolerance: float = 1e-4) -> None:
        """The history is that of the run of one process."""
        one, two = self.histories(alone)
        names = set(one.dtype.names or ()) & set(two.dtype.names or ())  # a lean run has few
        assert names >= {"loss", "val_loss", "val_mae", "val_max_error"}
        assert one["epoch"].tolist() == two["epoch"].tolist() == [1, 2, 3, 4]
        for name in names - {"seconds"}:
            np.testing.assert_allclose(two[name], one[name], rtol=tolerance, err_msg=name)

    def histories(self, alone: Path) -> list[np.ndarray]:
        """Of the run of one process, and of this one."""
        return [read_history(run) for run in (alone, self.run)]


@pytest.fixture
def workers(four_epochs, data_dir, tmp_path):
    made = Workers(four_epochs, data_dir, tmp_path)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()
