"""The group of processes that train one network: how they agree, and how they end together."""

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
from diffkeras.system.fingerprint import fingerprint
from diffkeras.system.messages import cut

logger = logging.getLogger(__name__)

WORKER_TIMEOUT = 300.0  # seconds
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
_strategies: dict[Cluster, tf.distribute.Strategy] = {}  # one at most: TensorFlow connects once


class ProcessGroup:
    """A strategy of TensorFlow over the processes that train one network, seen from one of them.

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

    def check_equal(self, settings: Mapping[str, Any]) -> None:
        """Raise a ConfigurationError if another process has other settings; all must call this."""
        hashes = self.gather(int(fingerprint(settings), 16))
        for index, value in enumerate(hashes):
            if self.cluster is not None and value != hashes[self.cluster.index]:
                raise ConfigurationError(
                    f"{self.cluster.name(index)} has other settings than this worker; start the "
                    "same runs, in the same order and with the same files, on every node"
                )

    @contextmanager
    def all_stop_on_error(self) -> Iterator[None]:
        """If one process fails within this context, all stop; the others raise WorkerError."""
        own = None
        try:
            yield
        except Exception as error:  # noqa: BLE001 - or the others would wait for this process
            own = error
        try:
            failures = self.gather(int(own is not None))
        finally:  # also if another one is lost
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
                f"{own} lost the connection to {names} ({type(error).__name__}: "
                f"{cut(' '.join(error.message.split()), 300)}); start the same command on every "
                "node, and it goes on from the last checkpoint"
            ) from error

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
        timeout: seconds to wait for the others. The process ends if TensorFlow can't connect them
            within as many seconds more.

    Raises:
        ConfigurationError: TF_CONFIG or Slurm's variables are malformed, or another process has
            other settings.
        WorkerError: another process doesn't come in time, or TensorFlow can't connect them.
    """
    cluster = find_cluster()
    if cluster is None:
        return ProcessGroup(_strategy_of_this_process())
    if not _strategies:  # afterwards, TensorFlow uses the ports at which they meet
        meet(cluster, settings, timeout=timeout)
    # nothing else can interrupt TensorFlow while it waits for another process
    timer = threading.Timer(timeout, _end_process, (cluster.name(cluster.index), timeout))
    timer.daemon = True
    timer.start()
    try:
        group = ProcessGroup(_strategy_over_processes(cluster), cluster)
    finally:
        timer.cancel()
    group.check_equal(settings)
    return group


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


def _strategy_over_processes(cluster: Cluster) -> tf.distribute.Strategy:
    if cluster in _strategies:
        return _strategies[cluster]
    os.environ["TF_CONFIG"] = cluster.tf_config()
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, tf.errors.OpError) as error:
        raise WorkerError(
            f"TensorFlow can't connect the workers: {error}. Check that no other program uses the "
            "port of this worker, and start training in a new process"
        ) from None
    _strategies[cluster] = strategy
    return strategy


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
