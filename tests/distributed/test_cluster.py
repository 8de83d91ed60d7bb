import json
import socket
import threading
import time
from contextlib import suppress
from typing import Any

import pytest

from diffkeras.distributed import cluster
from diffkeras.distributed.cluster import Cluster, find_cluster, meet
from diffkeras.errors import ConfigurationError, DiffkerasError, WorkerError

TWO = {"worker": ["a:1000", "b:2000"]}
FIRST = {"type": "worker", "index": 0}


def of(cluster: Any, task: Any) -> Cluster | None:
    return find_cluster({"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})})


def test_no_variables_or_one_worker_are_a_process_alone():
    assert find_cluster({}) is None
    assert find_cluster({"TF_CONFIG": "  "}) is None
    assert of({"worker": ["a:1000"]}, FIRST) is None
    assert find_cluster({"SLURM_STEP_NUM_TASKS": "1"}) is None


def test_the_chief_is_the_first_worker_under_either_name():
    assert of(TWO, FIRST) == Cluster(("a:1000", "b:2000"), 0)
    assert of(TWO, {"type": "worker", "index": 1}) == Cluster(("a:1000", "b:2000"), 1)
    jobs = {"chief": ["c:1"], "worker": ["a:1000"]}
    assert of(jobs, {"type": "chief", "index": 0}) == Cluster(("c:1", "a:1000"), 0)
    assert of(jobs, FIRST) == Cluster(("c:1", "a:1000"), 1)


def test_tensorflow_gets_what_was_read():
    cluster = Cluster(("a:1000", "b:2000"), 1)
    assert find_cluster({"TF_CONFIG": cluster.tf_config()}) == cluster


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "JSON"),
        ("{}", "cluster"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps"}}', "cluster.ps"),
        ('{"cluster": {"worker": "a:1"}, "task": {"type": "worker"}}', "cluster.worker"),
    ],
)
def test_a_malformed_text_is_refused_with_an_example(text, key):
    with pytest.raises(ConfigurationError, match=f"TF_CONFIG: {key}.*; an example: "):
        find_cluster({"TF_CONFIG": text})


@pytest.mark.parametrize(
    "address", ["a", "a:x", "a:0", "a:65536", "a:000080999999", ":1", 7], ids=str
)
def test_a_bad_address_is_named(address):
    with pytest.raises(ConfigurationError, match=rf"cluster\.worker\.0: .*given: {address!r}"):
        of({"worker": [address, "b:1"]}, FIRST)
    with pytest.raises(ConfigurationError, match="a:1 occurs twice"):
        of({"worker": ["a:1", "a:1"]}, FIRST)


@pytest.mark.parametrize(
    ("task", "part"),
    [
        ({"type": "worker"}, "task.index: "),
        ({"type": "worker", "index": 2}, "task.index: 2, but cluster.worker lists 2"),
        ({"type": "worker", "index": -1}, "task.index: .*given: -1"),
        ({"type": "worker", "index": True}, "task.index: .*given: True"),
        ({"type": "chief", "index": 0}, "task.index: 0, but cluster.chief lists 0"),
        ({"type": [], "index": 0}, r"task.type: .*given: \[\]"),
    ],
)
def test_a_bad_task_is_named(task, part):
    with pytest.raises(ConfigurationError, match=part):
        of(TWO, task)


SLURM = {
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NODELIST": "n[1-2]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
    "SLURM_JOB_ID": "10",
}


def test_slurm_gives_the_tasks_of_a_step():
    cluster = find_cluster(SLURM)
    assert cluster == Cluster(("n1:12370", "n1:12371", "n2:12370"), 2)


def test_tf_config_wins_over_slurm():
    text = Cluster(("a:1", "b:1"), 1).tf_config()
    assert find_cluster(SLURM | {"TF_CONFIG": text}) == Cluster(("a:1", "b:1"), 1)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"SLURM_PROCID": "x"}, "invalid literal"),
        ({"SLURM_STEP_NODELIST": "n[1-"}, "hostlist"),
        ({"SLURM_PROCID": "3"}, "SLURM_PROCID 3"),
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x2)"}, "2 tasks by"),
        ({"SLURM_STEP_NUM_TASKS": "many"}, "'many'"),
    ],
)
def test_contradicting_slurm_variables_are_refused(change, part):
    with pytest.raises(ConfigurationError, match=part):
        find_cluster(SLURM | change)
    missing = {k: v for k, v in SLURM.items() if k != "SLURM_STEP_NODELIST"}
    with pytest.raises(ConfigurationError, match="SLURM_STEP_NODELIST"):
        find_cluster(missing)


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


def test_all_meet(addresses):
    assert meet_all(addresses, {index: {"a": 1} for index in range(3)}) == dict.fromkeys(range(3))


def test_different_settings_are_named_on_each(addresses):
    settings = {0: {"a": 1, "b": 2}, 1: {"a": 1, "b": 3}}
    errors = meet_all(addresses[:2], settings)
    assert all(isinstance(error, ConfigurationError) for error in errors.values())
    assert f"worker 1 ({addresses[1]}) has other settings" in str(errors[0])
    assert "b 3 there, 2 here" in str(errors[0])


@pytest.mark.parametrize("index", [0, 1])
def test_an_unknown_host_is_named_at_once(addresses, index):
    # .invalid never has an address (RFC 2606)
    for host in ("node7.invalid", ".a"):
        error = meet_all((addresses[0], f"{host}:1"), {index: {}}, timeout=60.0)[index]
        assert isinstance(error, WorkerError)
        assert f"the host {host} of worker 1" in str(error)


def test_the_missing_process_is_named(addresses):
    errors = meet_all(addresses, {0: {}, 2: {}}, timeout=1.5)
    for error in errors.values():
        assert isinstance(error, WorkerError)
        assert f"worker 1 ({addresses[1]}) didn't answer within 1.5 s" in str(error)


def test_a_port_in_use_is_named(addresses, monkeypatch):
    host, _, port = addresses[0].partition(":")
    with socket.create_server((host, int(port))):
        monkeypatch.setattr(cluster, "OWN_PORT_SECONDS", 0.5)
        error = meet_all(addresses[:2], {0: {}}, timeout=1.0)[0]
    assert isinstance(error, WorkerError)
    assert f"the port {port} of worker 0 ({addresses[0]}), this worker, can't be used" in str(error)


def test_what_is_no_message_of_a_worker_is_ignored_with_one_warning(addresses, log):
    """Also that of a worker of a larger cluster, which doesn't count as one that is missing."""
    beyond = {"index": 7, "addresses": addresses[:2], "settings": {}}
    others = (b"", b"hello", b"[" * 100_000, b'{"index": 1}', b"[1]", json.dumps(beyond).encode())

    def call() -> None:
        host, _, port = addresses[0].partition(":")
        chief, end = (host, int(port)), time.monotonic() + 20
        for text in others * 2:
            while time.monotonic() < end:
                with suppress(OSError), socket.create_connection(chief, 2) as connection:
                    connection.sendall(text + b"\n")
                    break
                time.sleep(0.05)  # the chief does not listen yet
        results.update(meet_all(addresses[:2], {1: {}}))

    results: dict[int, DiffkerasError | None] = {}
    caller = threading.Thread(target=call)
    caller.start()
    results.update(meet_all(addresses[:2], {0: {}}))
    caller.join()
    assert results == {0: None, 1: None}
    ignored = [text for text in log.messages if text.startswith("ignored a message")]
    assert len(ignored) == 3  # the others are no JSON
    assert "'index': 7" in ignored[2]


def test_a_process_that_starts_again_while_others_are_missing_is_counted_once(
    addresses, monkeypatch
):
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


def test_a_process_of_another_cluster_is_named_and_neither_counts_nor_is_answered(addresses, log):
    stranger = threading.Thread(target=meet_all, args=((addresses[0], "127.0.0.1:1"), {1: {}}, 1.0))
    stranger.start()
    error = meet_all(addresses[:2], {0: {}}, timeout=2.0)[0]
    stranger.join()
    assert f"worker 1 ({addresses[1]})" in str(error)
    (warning,) = [text for text in log.messages if text.startswith("ignored a message")]
    assert f"none of {addresses[0]}, {addresses[1]}: " in warning
    assert f"'addresses': ['{addresses[0]}', '127.0.0.1:1']" in warning
