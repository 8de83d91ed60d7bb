"""The processes meet before TensorFlow connects them: all are there, with the same settings.

As of TensorFlow 2.21, TensorFlow itself waits forever for a missing process, without naming it.
"""

import json
import logging
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any

from diffkeras.distributed.cluster import Cluster
from diffkeras.errors import ConfigurationError, WorkerError

logger = logging.getLogger(__name__)

PAUSE = 0.2  # seconds between two attempts
MESSAGE_SECONDS = 2.0  # a process that is running sends its message within this time
OWN_PORT_SECONDS = 10.0  # a process that restarts itself may take this long to free its port

Settings = Mapping[str, Any]


def meet(cluster: Cluster, settings: Settings, *, timeout: float) -> None:
    """Return once all processes have come within `timeout` seconds and have the same settings.

    The others report to the chief, which sends the settings of all back once all have come.
    """
    for index in range(cluster.size):
        _check_host(cluster, index)
    logger.info(f"waiting at most {timeout:g} s for {cluster.size - 1} other worker(s)")
    gathered = (_report if cluster.index else _gather)(cluster, settings, timeout)
    missing = [cluster.name(index) for index in range(cluster.size) if index not in gathered]
    if missing:
        raise WorkerError(
            f"{', '.join(missing)} didn't answer within {timeout:g} s; start the same command on "
            "every node, or increase --worker-timeout"
        )
    for index in range(cluster.size):
        _compare(cluster.name(index), settings, gathered[index])


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
    gathered = {cluster.index: settings}
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(cluster))
        connections = []
        while len(gathered) < cluster.size and time.monotonic() < deadline:
            # no connection within a pause, or another program sent something else
            with suppress(OSError, ValueError, KeyError, TypeError):
                connection = stack.enter_context(listener.accept()[0])
                message = _receive(connection, MESSAGE_SECONDS)
                if message["addresses"] == list(cluster.addresses):
                    gathered[message["index"]] = message["settings"]
                    connections.append(connection)
        for connection in connections:
            with suppress(OSError):  # a process may have ended, and started again
                _send(connection, {"gathered": list(gathered.items())})
    return gathered


def _report(cluster: Cluster, settings: Settings, timeout: float) -> dict[int, Settings]:
    """Send the settings of this process to the chief, which answers with those of all."""
    deadline = time.monotonic() + timeout
    message = {"index": cluster.index, "addresses": cluster.addresses, "settings": settings}
    while time.monotonic() < deadline:
        with (
            suppress(OSError, ValueError, KeyError, TypeError),
            socket.create_connection(cluster.host_and_port(0), MESSAGE_SECONDS) as connection,
        ):
            _send(connection, message)
            # the chief may have started later, and wait longer for a third process
            return dict(_receive(connection, timeout + MESSAGE_SECONDS)["gathered"])
        time.sleep(PAUSE)
    return dict.fromkeys(range(1, cluster.size), settings)


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
    keys = [key for key in dict.fromkeys([*ours, *theirs]) if ours.get(key) != theirs.get(key)]
    if keys:
        raise ConfigurationError(
            f"{name} has other settings than this worker: "
            + "; ".join(f"{key} {theirs.get(key)} there, {ours.get(key)} here" for key in keys[:5])
            + ". Start the same command with the same files on every node"
        )
