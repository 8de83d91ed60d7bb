"""Workers meet before TensorFlow connects them: who is there, and do all want the same.

TensorFlow's own start waits without end for a worker that doesn't come, and doesn't say for which;
workers with different configurations would hang in their first exchange.
"""

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from diffkeras.distributed.cluster import Cluster
from diffkeras.errors import ConfigurationError, WorkerError

logger = logging.getLogger(__name__)

PAUSE = 0.2  # seconds between attempts
SECONDS = 2.0  # for a worker that is there to answer
OWN_PORT = 10.0  # seconds until this worker's port must be free
PATIENCE = 5.0  # seconds, after which it is said for whom we wait
GREETING = "diffkeras worker"


def meet(cluster: Cluster, settings: Mapping[str, Any], *, timeout: float) -> None:
    """Wait until every worker has answered this one and been answered by it.

    Args:
        cluster: the workers.
        settings: what must be equal on all, by name.
        timeout: seconds to wait.

    Raises:
        WorkerError: a worker didn't answer in time; its address is named. Or this worker's own
            port is in use.
        ConfigurationError: a worker wants something else; the differing settings are named.
    """
    deadline = time.monotonic() + timeout
    others = set(range(len(cluster.addresses))) - {cluster.index}
    heard: dict[int, Mapping[str, Any]] = {}
    stop = threading.Event()
    with _listen(cluster, deadline) as listener:
        answering = threading.Thread(
            target=_answer, args=(listener, cluster, settings, heard, stop), daemon=True
        )
        answering.start()
        try:
            reached: set[int] = set()
            told = time.monotonic() + PATIENCE
            while not reached == others == heard.keys():
                for index in sorted(others - reached):
                    if _reaches(cluster, index, settings):
                        reached.add(index)
                for index, theirs in list(heard.items()):
                    _compare(cluster, index, settings, theirs)
                now = time.monotonic()
                missing = sorted(others - (reached & heard.keys()))
                if now > deadline:
                    raise WorkerError(
                        f"{_list(cluster, missing)} didn't answer within {timeout:g} s; start the "
                        "same command on every node, or give --worker-timeout more"
                    )
                if now > told and missing:
                    told = float("inf")
                    logger.info(f"waiting for {_list(cluster, missing)}")
                time.sleep(PAUSE)
        finally:
            stop.set()
            answering.join()
    # whoever was heard last has been compared by nobody yet
    for index, theirs in heard.items():
        _compare(cluster, index, settings, theirs)


@contextlib.contextmanager
def _listen(cluster: Cluster, deadline: float) -> Iterator[socket.socket]:
    port = int(cluster.addresses[cluster.index].rpartition(":")[2])
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    began = time.monotonic()
    while True:
        try:
            listener = socket.create_server(("", port), family=family, dualstack_ipv6=both)
            break
        except OSError as error:
            # this worker's own former life may not have let go of it yet
            if time.monotonic() > min(deadline, began + OWN_PORT):
                raise WorkerError(
                    f"the port {port} of {cluster.name(cluster.index)}, this worker, can't be used "
                    f"({error.strerror}); end what uses it, or choose another port"
                ) from None
            time.sleep(PAUSE)
    with listener:
        listener.settimeout(PAUSE)
        yield listener


def _answer(
    listener: socket.socket,
    cluster: Cluster,
    settings: Mapping[str, Any],
    heard: dict[int, Mapping[str, Any]],
    stop: threading.Event,
) -> None:
    """Answer other workers, and note the settings of each."""
    while not stop.is_set():
        try:
            connection, _ = listener.accept()
        except OSError:
            continue
        with connection:
            theirs = _exchange(connection, cluster, settings)
            if theirs is not None and theirs["index"] != cluster.index:
                heard[theirs["index"]] = theirs["settings"]


def _reaches(cluster: Cluster, index: int, settings: Mapping[str, Any]) -> bool:
    """Whether a worker answers, and is the one that we look for."""
    host, _, port = cluster.addresses[index].rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS) as connection:
            theirs = _exchange(connection, cluster, settings)
    except (OSError, UnicodeError):  # nobody there, or no such name
        return False
    return theirs is not None and theirs["index"] == index


def _exchange(
    connection: socket.socket, cluster: Cluster, settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Say who we are, and hear who they are; None if they are no worker of this cluster."""
    ours: dict[str, Any] = {
        "greeting": GREETING,
        "index": cluster.index,
        "addresses": list(cluster.addresses),
        "settings": settings,
    }
    try:
        connection.settimeout(SECONDS)
        connection.sendall(json.dumps(ours).encode() + b"\n")
        with connection.makefile("rb") as stream:
            theirs = json.loads(stream.readline(1 << 20))
    except (OSError, ValueError):
        return None
    known = ("greeting", "addresses")
    if not isinstance(theirs, dict) or any(theirs.get(key) != ours[key] for key in known):
        return None
    return theirs if theirs.keys() == ours.keys() else None


def _compare(
    cluster: Cluster, index: int, ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> None:
    names = [n for n in dict.fromkeys([*ours, *theirs]) if ours.get(n) != theirs.get(n)]
    if names:
        raise ConfigurationError(
            f"{cluster.name(index)} has other settings than this worker: "
            + "; ".join(f"{n} {theirs.get(n)} there, {ours.get(n)} here" for n in names[:5])
            + ". Start the same command with the same files on every node"
        )


def _list(cluster: Cluster, indices: list[int]) -> str:
    return ", ".join(cluster.name(index) for index in indices)
