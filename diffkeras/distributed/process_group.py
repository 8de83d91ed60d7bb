"""The processes that train one network: what they agree on, and what happens when one is lost."""

import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import tensorflow as tf

from diffkeras.distributed.cluster import Cluster, find_cluster
from diffkeras.distributed.meeting import meet
from diffkeras.errors import ConfigurationError, DiffkerasError, WorkerError, WorkerLostError

logger = logging.getLogger(__name__)

WORKER_TIMEOUT = 300.0  # seconds
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class ProcessGroup:
    """The processes that train one network, seen from one of them.

    Args:
        strategy: distributes the computation of each step.
        cluster: the processes; None for a single one.
    """

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster | None = None) -> None:
        self.strategy, self.cluster = strategy, cluster

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run."""
        return self.cluster is None or self.cluster.is_chief

    @property
    def processes(self) -> int:
        """Number of processes."""
        return 1 if self.cluster is None else self.cluster.size

    @property
    def replicas(self) -> int:
        """Number of copies of the network in all processes."""
        return self.strategy.num_replicas_in_sync

    def gather(self, value: int) -> list[int]:
        """The value of each process. All processes must call this, and wait for each other."""
        if self.cluster is None:
            return [value]
        own = tf.one_hot(
            self.cluster.index, self.processes, on_value=value, off_value=0, dtype=tf.int64
        )
        # all replicas of a process add the process's value
        added = self.strategy.reduce("SUM", self.strategy.run(lambda: tf.identity(own)), axis=None)
        return [int(v) * self.processes // self.replicas for v in added.numpy()]

    def of_chief(self, value: int) -> int:
        """The chief's value, in all processes."""
        return self.gather(value)[0]

    def largest(self, value: int) -> int:
        """The largest value of all processes."""
        return max(self.gather(value))

    def wait(self) -> None:
        """Return once all processes have called this."""
        self.gather(0)

    def raise_in_all(self, problem: DiffkerasError | None) -> None:
        """End all processes if one of them has a problem.

        Args:
            problem: of this process.

        Raises:
            DiffkerasError: the problem of this process.
            WorkerError: another process has a problem.
        """
        failed = [i for i, has in enumerate(self.gather(int(problem is not None))) if has]
        if problem is not None:
            raise problem
        if failed and self.cluster is not None:
            raise WorkerError(f"{self.cluster.name(failed[0])} can't train; its output says why")

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Turn the loss of a process into one line.

        Raises:
            WorkerLostError: a process ended or can't be reached.
        """
        try:
            yield
        except LOST as error:
            if self.cluster is None:
                raise
            others = [i for i in range(self.processes) if i != self.cluster.index]
            names = ", ".join(self.cluster.name(i) for i in others)
            own = self.cluster.name(self.cluster.index)
            raise WorkerLostError(
                f"{own} lost the connection to {names} ({type(error).__name__}); start the same "
                "command on every node, and it goes on from the last checkpoint"
            ) from None

    @contextmanager
    def only_chief_logs(self) -> Iterator[None]:
        """Within this context the other processes log errors only."""
        rooms = logging.getLogger("diffkeras")
        level = rooms.level
        if not self.is_chief and self.cluster is not None:
            logger.info(
                f"{self.cluster.name(self.cluster.index)} of {self.processes}: training; "
                f"{self.cluster.name(0)} shows the progress"
            )
            rooms.setLevel(logging.ERROR)
        try:
            yield
        finally:
            rooms.setLevel(level)


def join_process_group(settings: Mapping[str, Any], *, timeout: float) -> ProcessGroup:
    """The group of processes that the environment describes, once all of them are there.

    Several processes are connected by MultiWorkerMirroredStrategy. A single one has a
    MirroredStrategy over its GPUs or logical CPUs; with one CPU device, the default strategy.

    Args:
        settings: what must be equal in all processes, by name.
        timeout: seconds to wait for the others.

    Raises:
        WorkerError: a process did not come.
        ConfigurationError: malformed TF_CONFIG or Slurm variables, or settings that differ.
    """
    cluster = find_cluster()
    if cluster is None:
        return ProcessGroup(_strategy_of_this_process())
    if not _strategy_over_processes.cache_info().currsize:
        meet(cluster, settings, timeout=timeout)
    with _limited_to(timeout, cluster):
        strategy = _strategy_over_processes(cluster)
    return ProcessGroup(strategy, cluster)


def check_single_process(what: str) -> None:
    """Check that the environment does not describe several processes.

    Args:
        what: needs a process alone, for the message.

    Raises:
        ConfigurationError: it describes several.
    """
    if (cluster := find_cluster()) is not None:
        raise ConfigurationError(
            f"{what} runs in one process, but TF_CONFIG or Slurm describes {cluster.size}; start "
            "one process without them"
        )


@contextmanager
def _limited_to(seconds: float, cluster: Cluster) -> Iterator[None]:
    """End this process if TensorFlow waits longer for another one: nothing else interrupts it."""

    def end() -> None:
        own = cluster.name(cluster.index)
        print(
            f"Error: TensorFlow on {own} couldn't connect to the other workers within {seconds:g} "
            "s, though all of them had started; start the same command on every node",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@lru_cache(maxsize=1)
def _strategy_over_processes(cluster: Cluster) -> tf.distribute.Strategy:
    os.environ["TF_CONFIG"] = cluster.tf_config()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, tf.errors.OpError) as error:
        raise WorkerError(
            f"TensorFlow can't connect the workers: {error}. Check that no other program uses the "
            "port of this worker, and start training in a new process"
        ) from None


@lru_cache(maxsize=1)
def _strategy_of_this_process() -> tf.distribute.Strategy:
    """The same object for every run: a second MirroredStrategy fails in its first collective.

    A study of several runs would fail there (TensorFlow issue 62790).
    """
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if gpus or len(devices) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()
