"""The processes that train one network: what they agree on, and what is lost with one."""

import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import tensorflow as tf

from diffkeras.distributed.cluster import Cluster, find_cluster, meet
from diffkeras.errors import ConfigurationError, WorkerError, WorkerLostError

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
        self.processes = 1 if cluster is None else cluster.size
        self.is_chief = cluster is None or cluster.index == 0  # it writes the run
        self.replicas = strategy.num_replicas_in_sync  # of all processes

    def gather(self, value: int) -> list[int]:
        """The value of each process. All processes must call this, and wait for each other."""
        if self.cluster is None:
            return [value]
        own = tf.one_hot(
            self.cluster.index, self.processes, on_value=value, off_value=0, dtype=tf.int64
        )
        with self.connected():
            parts = self.strategy.run(lambda: tf.identity(own))
            # all replicas of a process add the process's value
            added = self.strategy.reduce("SUM", parts, axis=None).numpy()
        return [int(v) * self.processes // self.replicas for v in added]

    @contextmanager
    def all_stop_on_error(self) -> Iterator[None]:
        """If one process fails within this context, all stop; the others raise WorkerError."""
        own = None
        try:
            yield
        except Exception as error:  # noqa: BLE001 - or the others would wait for this process
            own = error
        failures = self.gather(int(own is not None))
        if own is not None:
            raise own
        if any(failures) and self.cluster is not None:
            name = self.cluster.name(failures.index(1))
            raise WorkerError(f"{name} can't train; its output says why")

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Turn TensorFlow's errors after the loss of a process into WorkerLostError."""
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
        package = logging.getLogger("diffkeras")
        level = package.level
        if not self.is_chief and self.cluster is not None:
            logger.info(
                f"{self.cluster.name(self.cluster.index)} of {self.processes}: training; "
                f"{self.cluster.name(0)} shows the progress"
            )
            package.setLevel(logging.ERROR)
        try:
            yield
        finally:
            package.setLevel(level)


def join_process_group(
    settings: Mapping[str, Any], *, timeout: float = WORKER_TIMEOUT
) -> ProcessGroup:
    """The group of processes that the environment describes, once all of them are there.

    Several processes are connected by MultiWorkerMirroredStrategy. A single one has a
    MirroredStrategy over its GPUs or logical CPUs; with one CPU device, the default strategy.

    Args:
        settings: what must be equal in all processes, by name.
        timeout: seconds to wait for the others.
    """
    cluster = find_cluster()
    if cluster is None:
        return ProcessGroup(_strategy_of_this_process())
    if not _strategy_over_processes.cache_info().currsize:
        meet(cluster, settings, timeout=timeout)
    # nothing else can interrupt TensorFlow while it waits for another process
    timer = threading.Timer(timeout, _end_process, (cluster.name(cluster.index), timeout))
    timer.daemon = True
    timer.start()
    try:
        return ProcessGroup(_strategy_over_processes(cluster), cluster)
    finally:
        timer.cancel()


def check_single_process(what: str) -> None:
    """Raise an error for a command that needs one process if there are several."""
    if (cluster := find_cluster()) is not None:
        raise ConfigurationError(
            f"{what} runs in one process, but TF_CONFIG or Slurm describes {cluster.size}; start "
            "one process without them"
        )


def _end_process(own: str, seconds: float) -> None:
    print(
        f"Error: TensorFlow on {own} couldn't connect to the other workers within {seconds:g} s, "
        "though all of them had started; start the same command on every node",
        file=sys.stderr,
        flush=True,
    )
    os._exit(1)


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
