import json
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest
from ports import free_addresses

from diffkeras.distributed import cluster
from diffkeras.distributed.cluster import Cluster, meet
from diffkeras.errors import ConfigurationError, DiffkerasError, WorkerError


@pytest.fixture
def addresses() -> tuple[str, ...]:
    """Three free ports of this machine."""
    return free_addresses(3)


def meet_all(
    addresses: tuple[str, ...], settings: dict[int, dict[str, Any]], timeout: float = 20.0
) -> dict[int, DiffkerasError | None]:
    results: dict[int, DiffkerasError | None] = {}

    def one(index: int) -> None:
        try:
            meet(Cluster(addresses, index), settings[index], timeout=timeout)
            results[index] = None
        except DiffkerasError as error:
            results[index] = error

    threads = [threading.Thread(target=one, args=(index,)) for index in settings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_all_meet(addresses: tuple[str, ...]) -> None:
    assert meet_all(addresses, {index: {"a": 1} for index in range(3)}) == dict.fromkeys(range(3))


def test_different_settings_are_named_on_each(addresses: tuple[str, ...]) -> None:
    settings = {0: {"a": 1, "b": 2}, 1: {"a": 1, "b": 3}}
    errors = meet_all(addresses[:2], settings)
    assert all(isinstance(error, ConfigurationError) for error in errors.values())
    assert f"worker 1 ({addresses[1]}) has other settings" in str(errors[0])
    assert "b 3 there, 2 here" in str(errors[0])


@pytest.mark.parametrize("index", [0, 1])
def test_an_unknown_host_is_named_at_once(addresses: tuple[str, ...], index: int) -> None:
    # .invalid never has an address (RFC 2606)
    for host in ("node7.invalid", ".a"):
        error = meet_all((addresses[0], f"{host}:1"), {index: {}}, timeout=60.0)[index]
        assert isinstance(error, WorkerError)
        assert f"the host {host} of worker 1" in str(error)


def test_the_missing_process_is_named(addresses: tuple[str, ...]) -> None:
    errors = meet_all(addresses, {0: {}, 2: {}}, timeout=1.5)
    for error in errors.values():
        assert isinstance(error, WorkerError)
        assert f"worker 1 ({addresses[1]}) didn't answer within 1.5 s" in str(error)


def test_a_port_in_use_is_named(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    host, _, port = addresses[0].partition(":")
    with socket.create_server((host, int(port))):
        monkeypatch.setattr(cluster, "OWN_PORT_SECONDS", 0.5)
        error = meet_all(addresses[:2], {0: {}}, timeout=1.0)[0]
    assert isinstance(error, WorkerError)
    assert f"the port {port} of worker 0 ({addresses[0]}), this worker, can't be used" in str(error)


def test_another_program_that_calls_is_no_worker(addresses: tuple[str, ...]) -> None:
    def call() -> None:
        host, _, port = addresses[0].partition(":")
        for text in (b"", b"hello\n", b'{"index": 1}\n', b"[1]\n"):
            with suppress(OSError), socket.create_connection((host, int(port)), 2) as connection:
                connection.sendall(text)

    caller = threading.Timer(0.3, call)
    caller.start()
    error = meet_all(addresses[:2], {0: {}}, timeout=1.5)[0]
    caller.join()
    assert isinstance(error, WorkerError)
    assert "worker 1" in str(error)


def test_a_process_that_starts_again_while_others_are_missing_is_counted_once(
    addresses: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first life of worker 1 reports and ends; the second one meets all."""
    host, _, port = addresses[0].partition(":")
    message = {"index": 1, "addresses": addresses, "settings": {"a": 2}}

    results: dict[int, DiffkerasError | None] = {}
    reported = threading.Event()
    send = cluster._send

    def send_and_tell(connection: socket.socket, content: Any) -> None:
        send(connection, content)
        if content.get("index") == 1:
            reported.set()

    monkeypatch.setattr(cluster, "_send", send_and_tell)

    def third() -> None:
        # the others are complete once worker 2 reports, so the second life of worker 1 goes first
        assert reported.wait(60)
        results.update(meet_all(addresses, {2: {}}))

    def both_lives() -> None:
        while True:
            try:
                with socket.create_connection((host, int(port)), 2) as connection:
                    connection.sendall(json.dumps(message).encode() + b"\n")
                break
            except OSError:  # the chief does not listen yet
                time.sleep(0.05)
        last = threading.Thread(target=third)
        last.start()
        results.update(meet_all(addresses, {1: {}}))
        last.join()

    thread = threading.Thread(target=both_lives)
    thread.start()
    results.update(meet_all(addresses, {0: {}}))
    thread.join()
    assert results == dict.fromkeys(range(3))


def test_a_process_of_another_cluster_neither_counts_nor_is_answered(
    addresses: tuple[str, ...],
) -> None:
    stranger = threading.Thread(target=meet_all, args=((addresses[0], "127.0.0.1:1"), {1: {}}, 1.0))
    stranger.start()
    error = meet_all(addresses[:2], {0: {}}, timeout=2.0)[0]
    stranger.join()
    assert f"worker 1 ({addresses[1]})" in str(error)
