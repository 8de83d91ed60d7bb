"""What the workers of a distributed training agree on; alone, everything is agreed at once."""

import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import tensorflow as tf

from diffkeras.distributed.cluster import Cluster, find_cluster
from diffkeras.distributed.rendezvous import meet
from diffkeras.errors import ConfigurationError, DiffkerasError, WorkerError, WorkerLostError

WORKER_TIMEOUT = 300.0  # seconds
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class Workers:
    """The processes that train one network together, this one among them.

    Args:
        strategy: distributes what each step computes.
        cluster: the processes; None for one alone.
    """

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster | None = None) -> None:
        self.strategy, self.cluster = strategy, cluster

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what all have reached."""
        return self.cluster is None or self.cluster.is_chief

    @property
    def count(self) -> int:
        """Number of processes."""
        return 1 if self.cluster is None else len(self.cluster.addresses)

    @property
    def replicas(self) -> int:
        """Number of copies of the network on all of them."""
        return self.strategy.num_replicas_in_sync

    def gather(self, value: int) -> list[int]:
        """The value of each process; each must ask, and waits for the others."""
        if self.cluster is None:
            return [value]
        own = tf.one_hot(
            self.cluster.index, self.count, on_value=value, off_value=0, dtype=tf.int64
        )
        # all replicas of a process add the process's value
        added = self.strategy.reduce("SUM", self.strategy.run(lambda: tf.identity(own)), axis=None)
        return [int(v) * self.count // self.replicas for v in added.numpy()]

    def agree(self, value: int) -> int:
        """The chief's value, on all processes."""
        return self.gather(value)[0]

    def largest(self, value: int) -> int:
        """The largest value of all processes."""
        return max(self.gather(value))

    def all_or_none(self, problem: DiffkerasError | None) -> None:
        """Have all processes end with what keeps any of them from going on.

        Args:
            problem: of this one.

        Raises:
            DiffkerasError: this one's problem.
            WorkerError: that another one has one.
        """
        troubled = [i for i, has in enumerate(self.gather(int(problem is not None))) if has]
        if problem is not None:
            raise problem
        if troubled and self.cluster is not None:
            raise WorkerError(f"{self.cluster.name(troubled[0])} can't train; it says why")

    def wait(self) -> None:
        """Return once all processes are here."""
        self.gather(0)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Turn the loss of a worker into one line.

        Raises:
            WorkerLostError: a worker ended or can't be reached.
        """
        try:
            yield
        except LOST as error:
            if self.cluster is None:
                raise
            others = [i for i in range(self.count) if i != self.cluster.index]
            names = ", ".join(self.cluster.name(i) for i in others)
            own = self.cluster.name(self.cluster.index)
            raise WorkerLostError(
                f"{own} lost the connection to {names} ({type(error).__name__}); start the same "
                "command on every node, and it goes on from the last checkpoint"
            ) from None


def gather_workers(settings: Mapping[str, Any], *, timeout: float) -> Workers:
    """The workers that the environment tells of, once all are there; or this process alone.

    A MultiWorkerMirroredStrategy connects several; one alone has a MirroredStrategy over its GPUs
    (or logical CPUs), or the default strategy.

    Args:
        settings: what must be equal on all, by name.
        timeout: seconds to wait for the others.

    Raises:
        WorkerError: one didn't come.
        ConfigurationError: malformed TF_CONFIG or Slurm variables, or differing settings.
    """
    cluster = find_cluster()
    if cluster is None:
        return Workers(_strategy_of_this_process())
    if not _strategy_over_workers.cache_info().currsize:
        meet(cluster, settings, timeout=timeout)
    with _within(timeout, cluster):
        strategy = _strategy_over_workers(cluster)
    return Workers(strategy, cluster)


def refuse_cluster(what: str) -> None:
    """Refuse to run something on several workers at once.

    Raises:
        ConfigurationError: the environment tells of several.
    """
    if (cluster := find_cluster()) is not None:
        raise ConfigurationError(
            f"{what} runs in one process, but TF_CONFIG or Slurm tells of "
            f"{len(cluster.addresses)}; start it alone"
        )


@contextmanager
def _within(seconds: float, cluster: Cluster) -> Iterator[None]:
    """End the process if TensorFlow, which can't be interrupted, waits without end for a worker."""

    def end() -> None:
        own = cluster.name(cluster.index)
        print(
            f"Error: TensorFlow on {own} couldn't connect to the other workers within {seconds:g} "
            "s, though all were there before; start the same command on every node",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


@lru_cache(maxsize=1)
def _strategy_over_workers(cluster: Cluster) -> tf.distribute.Strategy:
    os.environ["TF_CONFIG"] = cluster.tf_config()
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise WorkerError(
            f"TensorFlow can't connect the workers: {error}; train in a new process"
        ) from None


@lru_cache(maxsize=1)
def _strategy_of_this_process() -> tf.distribute.Strategy:
    """One object a process: a second MirroredStrategy fails in its first collective.

    A study of several runs would meet that (TensorFlow issue 62790).
    """
    for kind in ("GPU", "CPU"):
        devices = tf.config.list_logical_devices(kind)
        if len(devices) > 1:
            return tf.distribute.MirroredStrategy([device.name for device in devices])
        if devices:
            break
    return tf.distribute.get_strategy()
