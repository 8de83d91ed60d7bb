"""Which processes train one network, by TF_CONFIG or by Slurm's variables."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from diffkeras.errors import ConfigurationError

# below the ports that operating systems give to outgoing connections
FIRST_PORT, PORTS = 12_000, 20_000
EXAMPLE = (
    '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)


@dataclass(frozen=True)
class Cluster:
    """The processes that train one network.

    Attributes:
        addresses: "host:port" of each process.
        index: number of this process.
    """

    addresses: tuple[str, ...]
    index: int

    @property
    def size(self) -> int:
        """Number of processes."""
        return len(self.addresses)

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run."""
        return self.index == 0

    def name(self, index: int) -> str:
        """A process with its address, for messages."""
        return f"worker {index} ({self.addresses[index]})"

    def host_and_port(self, index: int) -> tuple[str, int]:
        """The address of a process, as sockets take it."""
        host, _, port = self.addresses[index].rpartition(":")
        return host.strip("[]"), int(port)

    def tf_config(self) -> str:
        """The value of the variable TF_CONFIG for this process."""
        task = {"type": "worker", "index": self.index}
        return json.dumps({"cluster": {"worker": list(self.addresses)}, "task": task})


def find_cluster(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster that the environment describes: by TF_CONFIG, or else by a step of Slurm.

    Returns:
        The cluster; None for a single process.

    Raises:
        ConfigurationError: the variables are malformed or contradict each other.
    """
    if environment.get("TF_CONFIG", "").strip():
        cluster = _cluster_from_tf_config(environment["TF_CONFIG"])
    elif environment.get("SLURM_STEP_NUM_TASKS", "1") != "1":
        cluster = _cluster_from_slurm(environment)
    else:
        return None
    return cluster if cluster.size > 1 else None


def _cluster_from_tf_config(text: str) -> Cluster:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"is no JSON ({error})") from None
    jobs = _mapping(_mapping(content, "it").get("cluster"), "cluster")
    task = _mapping(content.get("task"), "task")
    unknown = [job for job in jobs if job not in ("chief", "worker")]
    if unknown:
        raise _malformed(
            f'has the job {unknown[0]!r} in "cluster"; all processes must be of the job "worker"'
        )
    for job, listed in jobs.items():
        if not isinstance(listed, list) or not listed:
            raise _malformed(f'must list the addresses of "{job}"')
    # the job "chief" is worker 0 under another name
    addresses = [*jobs.get("chief", []), *jobs.get("worker", [])]
    for address in addresses:
        _check_address(address)
    if len(set(addresses)) < len(addresses):
        twice = next(address for address in addresses if addresses.count(address) > 1)
        raise _malformed(f"names {twice} twice")
    kind, index = task.get("type"), task.get("index")
    if not isinstance(kind, str) or kind not in jobs:
        raise _malformed(f'has task.type {kind!r}, which "cluster" doesn\'t list')
    if type(index) is not int or not 0 <= index < len(jobs[kind]):
        raise _malformed(
            f"has task.index {index!r}; it must be a number from 0 to {len(jobs[kind]) - 1}"
        )
    return Cluster(
        tuple(addresses), index + (len(jobs.get("chief", [])) if kind == "worker" else 0)
    )


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict) or not value:
        what = "must be a JSON object" if name == "it" else f'lacks the object "{name}"'
        raise _malformed(what)
    return value


def _check_address(address: Any) -> None:
    host, colon, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    if not (host and colon and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65_536):
        raise _malformed(f"has the address {address!r}; write host:port")


def _malformed(what: str) -> ConfigurationError:
    return ConfigurationError(f"TF_CONFIG {what}; e.g. {EXAMPLE}")


def _cluster_from_slurm(environment: Mapping[str, str]) -> Cluster:
    # not tf.distribute.cluster_resolver.SlurmClusterResolver: as of TensorFlow 2.21 it sorts hosts
    # by their text, so that n10 gets the rank of n2, and fails on nodes without a GPU
    from tensorflow.python.distribute.cluster_resolver.slurm_cluster_resolver import (
        expand_hostlist,
        expand_tasks_per_node,
    )

    if not environment["SLURM_STEP_NUM_TASKS"].isdecimal():
        raise ConfigurationError(
            f"SLURM_STEP_NUM_TASKS is {environment['SLURM_STEP_NUM_TASKS']!r}, not a number; start "
            "all by one srun, or set TF_CONFIG"
        )
    try:
        tasks = int(environment["SLURM_STEP_NUM_TASKS"])
        index = int(environment["SLURM_PROCID"])
        hosts = expand_hostlist(environment["SLURM_STEP_NODELIST"])
        per_host = expand_tasks_per_node(environment["SLURM_STEP_TASKS_PER_NODE"])
        # two jobs that share a node get different ports
        first = FIRST_PORT + int(environment.get("SLURM_JOB_ID", "0")) * 37 % PORTS
    except (KeyError, ValueError) as error:
        raise ConfigurationError(
            f"SLURM_STEP_NUM_TASKS is {environment['SLURM_STEP_NUM_TASKS']}, but another variable "
            f"of Slurm is missing or malformed ({type(error).__name__}: {error}); start all tasks "
            "by one srun, or set TF_CONFIG"
        ) from None
    addresses = [
        f"{host}:{first + i}"
        for host, count in zip(hosts, per_host, strict=False)
        for i in range(count)
    ]
    if len(set(addresses)) != tasks or not 0 <= index < tasks:
        raise ConfigurationError(
            f"Slurm's variables contradict each other: SLURM_STEP_NUM_TASKS {tasks}, SLURM_PROCID "
            f"{index}, {len(set(addresses))} tasks by SLURM_STEP_NODELIST and "
            "SLURM_STEP_TASKS_PER_NODE"
        )
    return Cluster(tuple(addresses), index)
