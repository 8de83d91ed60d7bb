"""Addresses of this machine that nobody uses."""

import contextlib
import itertools
import os
import socket

# Below the ports that the operating system gives to outgoing connections, and to servers that ask
# for any: no other program takes one between this check and its use. Each process starts elsewhere.
_PORTS = itertools.cycle(range(13_000, 32_000))
next(itertools.islice(_PORTS, os.getpid() * 97 % 19_000, None))


def free_addresses(number: int) -> tuple[str, ...]:
    found: list[str] = []
    while len(found) < number:
        address = "127.0.0.1", next(_PORTS)
        with contextlib.suppress(OSError), socket.create_server(address):
            found.append("{}:{}".format(*address))
    return tuple(found)
