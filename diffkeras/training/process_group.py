"""The processes that train one network, which TensorFlow's engine connects.

`TF_CONFIG` or the variables of a step of Slurm describe them. The first one, the chief, writes.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import tensorflow as tf

from diffkeras.errors import ConfigurationError, WorkerError

logger = logging.getLogger(__name__)

# below the ports that operating systems give to outgoing connections
FIRST_PORT, PORTS = 12_000, 20_000
EXAMPLE = (
    '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


@dataclass(frozen=True)
class Cluster:
    """The addresses "host:port" of all processes, and the number of this one."""

    addresses: tuple[str, ...]
    index: int

    def __str__(self) -> str:
        """This process."""
        return f"worker {self.index} ({self.addresses[self.index]})"

    def tf_config(self) -> str:
        """The value of the variable TF_CONFIG for this process."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": self.addresses}, "task": task})


class ProcessGroup:
    """A strategy of TensorFlow over the processes that train one network, seen from one of them."""

    def __init__(self, strategy: tf.distribute.Strategy, cluster: Cluster | None = None) -> None:
        self.strategy, self.cluster = strategy, cluster
        self.processes = 1 if cluster is None else len(cluster.addresses)
        self.is_chief = cluster is None or cluster.index == 0  # it writes the run
        self.replicas = strategy.num_replicas_in_sync  # of all processes

    def gather(self, value: int) -> list[int]:
        """The value of each process. All processes must call this, and wait for each other."""
        if self.cluster is None:
            return [value]
        with self.connected():
            parts = self.strategy.run(lambda: tf.constant([value], tf.int64))
            of_replicas = self.strategy.gather(parts, axis=0).numpy().tolist()
        return list(of_replicas[:: self.replicas // self.processes])

    @contextmanager
    def logs_of_chief(self) -> Iterator[None]:
        """Only the chief shows the progress; the others log errors alone."""
        package = logging.getLogger("diffkeras")
        level = package.level
        if not self.is_chief:
            package.setLevel(logging.ERROR)
        try:
            yield
        finally:
            package.setLevel(level)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Turn TensorFlow's errors after the loss of a process into a WorkerError."""
        try:
            yield
        except LOST as error:
            if self.cluster is None:
                raise
            raise WorkerError(
                f"{self.cluster} lost the connection to another one ({type(error).__name__}: "
                f"{' '.join(error.message.split())}); start the same command on every node again, "
                "and it goes on from the last checkpoint"
            ) from error


def find_cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster that TF_CONFIG, or else a step of Slurm, describes; None for one process."""
    try:
        if environment.get("TF_CONFIG", "").strip():
            config = json.loads(environment["TF_CONFIG"])
            jobs, task = config["cluster"], config["task"]
            chiefs, workers = (list(jobs.get(job, [])) for job in ("chief", "worker"))
            addresses = (*chiefs, *workers)
            index = {"chief": 0, "worker": len(chiefs)}[task["type"]] + task["index"]
            if task["index"] < 0:
                raise ValueError(f"task.index is {task['index']}")
        elif environment.get("SLURM_STEP_NUM_TASKS", "1") != "1":
            addresses, index = _slurm_addresses(environment), int(environment["SLURM_PROCID"])
        else:
            return None
        ports = [int(address.rpartition(":")[2]) for address in addresses]
        if index not in range(len(ports)):
            raise ValueError(f"there is no task {index}")
    except (LookupError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"TF_CONFIG or the variables of Slurm can't be read ({type(error).__name__}: "
            f"{error}); an example of TF_CONFIG: {EXAMPLE}"
        ) from None
    return Cluster(addresses, index) if len(addresses) > 1 else None


def _slurm_addresses(environment: Mapping[str, str]) -> tuple[str, ...]:
    # not tf.distribute.cluster_resolver.SlurmClusterResolver: as of TensorFlow 2.21 it sorts hosts
    # by their text, so that n10 gets the rank of n2, and fails on nodes without a GPU
    from tensorflow.python.distribute.cluster_resolver.slurm_cluster_resolver import (
        expand_hostlist,
        expand_tasks_per_node,
    )

    hosts = expand_hostlist(environment["SLURM_STEP_NODELIST"])
    per_host = expand_tasks_per_node(environment["SLURM_STEP_TASKS_PER_NODE"])
    # two jobs that share a node get different ports
    first = FIRST_PORT + int(environment.get("SLURM_JOB_ID", "0")) * 37 % PORTS
    pairs = zip(hosts, per_host, strict=True)
    addresses = tuple(f"{host}:{first + i}" for host, count in pairs for i in range(count))
    if len(addresses) != int(number := environment["SLURM_STEP_NUM_TASKS"]):
        raise ValueError(f"{len(addresses)} tasks on all nodes, but SLURM_STEP_NUM_TASKS={number}")
    return addresses


def join_process_group(fingerprint: int = 0) -> ProcessGroup:
    """The group of processes that the environment describes, once all of them are there.

    Several processes are connected by MultiWorkerMirroredStrategy. A single one has a
    MirroredStrategy over its GPUs or logical CPUs; with one CPU device, the default strategy.
    `fingerprint` is of the settings that must be equal in all processes.
    """
    cluster = find_cluster()
    group = ProcessGroup(_strategy_over(cluster), cluster)
    if len(set(group.gather(fingerprint))) > 1:
        raise ConfigurationError(
            "the processes have different settings; start the same command with the same files on "
            "every node"
        )
    return group


def check_single_process(what: str) -> None:
    """Raise an error for a command that needs one process if there are several."""
    if (cluster := find_cluster()) is not None:
        raise ConfigurationError(
            f"{what} runs in one process, but TF_CONFIG or Slurm describes "
            f"{len(cluster.addresses)}; start one process without them"
        )


@lru_cache(maxsize=1)
def _strategy_over(cluster: Cluster | None) -> tf.distribute.Strategy:
    """The same object for every run of this process.

    TensorFlow connects processes once, and a second MirroredStrategy fails in its first collective
    (TensorFlow issue 62790).
    """
    if cluster is not None:
        os.environ["TF_CONFIG"] = cluster.tf_config()
        logger.info(f"{cluster}: waiting until the others have started the same command")
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (RuntimeError, tf.errors.OpError) as error:
            raise WorkerError(
                f"TensorFlow can't connect {cluster} to the others: {' '.join(str(error).split())}"
            ) from None
    gpus = tf.config.list_logical_devices("GPU")
    devices = gpus or tf.config.list_logical_devices("CPU")
    if gpus or len(devices) > 1:
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()
