"""Which processes train one network, by TF_CONFIG or by Slurm's variables."""

import json
import os
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, ValidationError

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
    """The cluster that TF_CONFIG, or else a step of Slurm, describes; None for one process."""
    if environment.get("TF_CONFIG", "").strip():
        cluster = _cluster_from_tf_config(environment["TF_CONFIG"])
    elif environment.get("SLURM_STEP_NUM_TASKS", "1") != "1":
        cluster = _cluster_from_slurm(environment)
    else:
        return None
    return cluster if cluster.size > 1 else None


def _check_address(address: str) -> str:
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and len(port) < 6 and 0 < int(port) < 65_536):
        raise ValueError("must be host:port")
    return address


class _Jobs(BaseModel):
    model_config = ConfigDict(extra="forbid")
    chief: list[Annotated[str, AfterValidator(_check_address)]] = []
    worker: list[Annotated[str, AfterValidator(_check_address)]] = []


class _Task(BaseModel):
    type: Literal["chief", "worker"]
    index: Annotated[StrictInt, Field(ge=0)]


class _TFConfig(BaseModel):
    cluster: _Jobs
    task: _Task


def _cluster_from_tf_config(text: str) -> Cluster:
    try:
        config = _TFConfig.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors()[0]
        key, value = ".".join(map(str, first["loc"])), reprlib.repr(first["input"])
        raise _malformed(f"{key or 'JSON'}: {first['msg']} (given: {value})") from None
    except (ValueError, RecursionError) as error:
        raise _malformed(f"no JSON ({error})") from None
    jobs, task = config.cluster, config.task
    # the job "chief" is worker 0 under another name
    addresses = (*jobs.chief, *jobs.worker)
    for address in addresses:
        if addresses.count(address) > 1:
            raise _malformed(f"cluster: {address} occurs twice")
    listed = len(jobs.chief if task.type == "chief" else jobs.worker)
    if task.index >= listed:
        raise _malformed(f"task.index: {task.index}, but cluster.{task.type} lists {listed}")
    return Cluster(addresses, task.index + (len(jobs.chief) if task.type == "worker" else 0))


def _malformed(what: str) -> ConfigurationError:
    return ConfigurationError(f"TF_CONFIG: {what}; an example: {EXAMPLE}")


def _cluster_from_slurm(environment: Mapping[str, str]) -> Cluster:
    # not tf.distribute.cluster_resolver.SlurmClusterResolver: as of TensorFlow 2.21 it sorts hosts
    # by their text, so that n10 gets the rank of n2, and fails on nodes without a GPU
    from tensorflow.python.distribute.cluster_resolver.slurm_cluster_resolver import (
        expand_hostlist,
        expand_tasks_per_node,
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
            f"a variable of Slurm is missing or malformed ({type(error).__name__}: {error}); start "
            "all tasks by one srun, or set TF_CONFIG"
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
