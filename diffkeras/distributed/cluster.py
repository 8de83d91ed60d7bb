"""Which processes train one network, by TF_CONFIG or by Slurm, and how they meet.

They meet before TensorFlow connects them: all are there, with the same settings. As of TensorFlow
2.21, TensorFlow itself waits forever for a missing process, without naming it.
"""

import json
import logging
import os
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, ValidationError

from diffkeras.errors import ConfigurationError, WorkerError
from diffkeras.system.differences import differences, in_words
from diffkeras.system.messages import cut, short

logger = logging.getLogger(__name__)

# below the ports that operating systems give to outgoing connections
FIRST_PORT, PORTS = 12_000, 20_000
EXAMPLE = (
    '{"cluster": {"worker": ["host0:12345", "host1:12345"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
PAUSE = 0.2  # seconds between two attempts
MESSAGE_SECONDS = 2.0  # a process that is running sends its message within this time
OWN_PORT_SECONDS = 10.0  # a process that restarts itself may take this long to free its port
Settings = Mapping[str, Any]


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
        key, value = ".".join(map(str, first["loc"])), short(first["input"])
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


def meet(cluster: Cluster, settings: Settings, *, timeout: float) -> None:
    """Return once all processes have come within `timeout` seconds and have the same settings.

    The others report to the chief, which sends the settings of all back once all have come.
    """
    for index in range(cluster.size):
        _check_host(cluster, index)
    logger.info(f"waiting at most {timeout:g} s for {cluster.size - 1} other worker(s)")
    gathered = (_report if cluster.index else _gather)(cluster, settings, timeout)
    if missing := [index for index in range(cluster.size) if index not in gathered]:
        raise _no_answer(cluster, missing, timeout)
    for index in range(cluster.size):
        _compare(cluster.name(index), settings, gathered[index])


def _no_answer(cluster: Cluster, missing: list[int], timeout: float) -> WorkerError:
    return WorkerError(
        f"{', '.join(map(cluster.name, missing))} didn't answer within {timeout:g} s; start the "
        "same command on every node, or increase --worker-timeout"
    )


def _check_host(cluster: Cluster, index: int) -> None:
    """Look the name up at once: waiting does not help where it is wrong."""
    host, port = cluster.host_and_port(index)
    try:
        socket.getaddrinfo(host, port)
    except (OSError, UnicodeError) as error:
        raise WorkerError(
            f"the host {host} of {cluster.name(index)} is unknown here ({error}); check its name, "
            "or write its IP address into TF_CONFIG"
        ) from None


def _gather(cluster: Cluster, settings: Settings, timeout: float) -> dict[int, Settings]:
    """As the chief, collect the settings of all that come in time and send them to each."""
    deadline = time.monotonic() + timeout
    gathered, addresses = {cluster.index: settings}, list(cluster.addresses)
    ignored: set[str] = set()
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(cluster))
        connections = []
        while len(gathered) < cluster.size and time.monotonic() < deadline:
            try:
                connection = stack.enter_context(listener.accept()[0])
                message = _receive(connection, MESSAGE_SECONDS)
            except (OSError, ValueError, RecursionError):
                continue  # no connection within a pause, or another program sent no JSON
            match message:
                case {"addresses": there, "index": index, "settings": dict(theirs)} if (
                    there == addresses and index in range(1, cluster.size)
                ):
                    gathered[index] = theirs
                    connections.append(connection)
                case _ if (text := cut(message, 500)) not in ignored:
                    ignored.add(text)
                    logger.warning(
                        f"ignored a message that is from none of {', '.join(addresses)}: {text}; "
                        "give all workers the same addresses"
                    )
        for connection in connections:
            with suppress(OSError):  # a process may have ended, and started again
                _send(connection, {"gathered": list(gathered.items())})
    return gathered


def _report(cluster: Cluster, settings: Settings, timeout: float) -> dict[int, Settings]:
    """Send the settings of this process to the chief, which answers with those of all.

    Raises:
        WorkerError: it doesn't answer in time.
    """
    deadline = time.monotonic() + timeout
    message = {"index": cluster.index, "addresses": cluster.addresses, "settings": settings}
    while time.monotonic() < deadline:
        with (
            suppress(OSError, ValueError),
            socket.create_connection(cluster.host_and_port(0), MESSAGE_SECONDS) as connection,
        ):
            _send(connection, message)
            # the chief may have started later, and wait longer for a third process
            match _receive(connection, timeout + MESSAGE_SECONDS):
                case {"gathered": list(pairs)}:  # else another program answers
                    return dict(pairs)
        time.sleep(PAUSE)
    raise _no_answer(cluster, [0], timeout)


def _send(connection: socket.socket, content: Any) -> None:
    connection.sendall(json.dumps(content).encode() + b"\n")


def _receive(connection: socket.socket, seconds: float) -> Any:
    connection.settimeout(seconds)
    with connection.makefile("rb") as stream:
        return json.loads(stream.readline(1 << 24))


def _listen(cluster: Cluster) -> socket.socket:
    _, port = cluster.host_and_port(cluster.index)
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    deadline = time.monotonic() + OWN_PORT_SECONDS
    while True:
        try:
            listener = socket.create_server(("", port), family=family, dualstack_ipv6=both)
            listener.settimeout(PAUSE)
            return listener
        except OSError as error:
            if time.monotonic() > deadline:
                raise WorkerError(
                    f"the port {port} of {cluster.name(cluster.index)}, this worker, can't be used "
                    f"({error.strerror}); end the program that uses it, or choose another port"
                ) from None
            time.sleep(PAUSE)


def _compare(name: str, ours: Settings, theirs: Settings) -> None:
    if pairs := differences(theirs, ours):
        raise ConfigurationError(
            f"{name} has other settings than this worker: "
            + "; ".join(in_words(pairs)[:5])
            + ". Start the same command with the same files on every node"
        )
