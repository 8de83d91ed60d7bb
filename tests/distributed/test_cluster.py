import json
import socket
import threading
from typing import Any

import pytest

from diffkeras.distributed.cluster import Cluster, find_cluster
from diffkeras.distributed.rendezvous import meet
from diffkeras.errors import ConfigurationError, DiffkerasError, WorkerError

TWO = {"worker": ["a:1000", "b:2000"]}
FIRST = {"type": "worker", "index": 0}


def of(cluster: Any, task: Any) -> Cluster | None:
    return find_cluster({"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})})


def test_no_variables_or_one_worker_are_a_process_alone() -> None:
    assert find_cluster({}) is None
    assert find_cluster({"TF_CONFIG": "  "}) is None
    assert of({"worker": ["a:1000"]}, FIRST) is None
    assert find_cluster({"SLURM_STEP_NUM_TASKS": "1"}) is None


def test_the_chief_is_the_first_worker_by_whatever_name() -> None:
    assert of(TWO, FIRST) == Cluster(("a:1000", "b:2000"), 0)
    assert of(TWO, {"type": "worker", "index": 1}) == Cluster(("a:1000", "b:2000"), 1)
    jobs = {"chief": ["c:1"], "worker": ["a:1000"]}
    assert of(jobs, {"type": "chief", "index": 0}) == Cluster(("c:1", "a:1000"), 0)
    assert of(jobs, FIRST) == Cluster(("c:1", "a:1000"), 1)


def test_it_is_told_to_tensorflow_as_it_was_read() -> None:
    cluster = Cluster(("a:1000", "b:2000"), 1)
    assert find_cluster({"TF_CONFIG": cluster.tf_config()}) == cluster


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "must be a JSON object"),
        ('{"cluster": {}}', 'lacks the object "cluster"'),
        ('{"cluster": {"worker": ["a:1"]}}', 'lacks the object "task"'),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps"}}', "has the job 'ps'"),
        ('{"cluster": {"worker": "a:1"}, "task": {"type": "worker"}}', "must list the addresses"),
    ],
)
def test_a_malformed_text_is_refused_with_an_example(text: str, part: str) -> None:
    with pytest.raises(ConfigurationError, match=f"TF_CONFIG {part}.*; e.g. "):
        find_cluster({"TF_CONFIG": text})


@pytest.mark.parametrize(
    ("cluster", "task", "part"),
    [
        ({"worker": ["a", "b:1"]}, FIRST, "address 'a'; write host:port"),
        ({"worker": ["a:x", "b:1"]}, FIRST, "address 'a:x'"),
        ({"worker": ["a:0", "b:1"]}, FIRST, "address 'a:0'"),
        ({"worker": ["a:65536", "b:1"]}, FIRST, "address 'a:65536'"),
        ({"worker": ["a:000080999999", "b:1"]}, FIRST, "address 'a:000080999999'"),
        ({"worker": [":1", "b:1"]}, FIRST, "address ':1'"),
        ({"worker": [7, "b:1"]}, FIRST, "address 7"),
        ({"worker": ["a:1", "a:1"]}, FIRST, "names a:1 twice"),
        (TWO, {"type": "worker"}, "task.index None; it must be a number from 0 to 1"),
        (TWO, {"type": "worker", "index": 2}, "task.index 2"),
        (TWO, {"type": "worker", "index": -1}, "task.index -1"),
        (TWO, {"type": "worker", "index": "0"}, "task.index '0'"),
        (TWO, {"type": "worker", "index": True}, "task.index True"),
        (TWO, {"type": "chief", "index": 0}, "task.type 'chief'"),
        (TWO, {"type": [], "index": 0}, r"task.type \[\]"),
    ],
)
def test_a_bad_value_is_named(cluster: Any, task: Any, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        of(cluster, task)


SLURM = {
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NODELIST": "n[1-2]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
    "SLURM_JOB_ID": "10",
}


def test_slurm_tells_of_its_tasks() -> None:
    cluster = find_cluster(SLURM)
    assert cluster == Cluster(("n1:12370", "n1:12371", "n2:12370"), 2)


def test_tf_config_wins_over_slurm() -> None:
    text = Cluster(("a:1", "b:1"), 1).tf_config()
    assert find_cluster(SLURM | {"TF_CONFIG": text}) == Cluster(("a:1", "b:1"), 1)


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"SLURM_PROCID": "x"}, "invalid literal"),
        ({"SLURM_STEP_NODELIST": "n[1-"}, "3 tasks"),
        ({"SLURM_PROCID": "3"}, "SLURM_PROCID 3"),
        ({"SLURM_STEP_NODELIST": "n1,n1"}, "2 tasks by"),
        ({"SLURM_STEP_TASKS_PER_NODE": "1(x2)"}, "2 tasks by"),
        ({"SLURM_STEP_NUM_TASKS": "many"}, "SLURM_STEP_NUM_TASKS is 'many'"),
    ],
)
def test_contradicting_slurm_variables_are_refused(change: dict[str, str], part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        find_cluster(SLURM | change)
    missing = {k: v for k, v in SLURM.items() if k != "SLURM_STEP_NODELIST"}
    with pytest.raises(ConfigurationError, match="SLURM_STEP_NODELIST"):
        find_cluster(missing)


@pytest.fixture
def addresses() -> tuple[str, ...]:
    """Three free ports of this machine."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    names = tuple(f"127.0.0.1:{listener.getsockname()[1]}" for listener in listeners)
    for listener in listeners:
        listener.close()
    return names


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


def test_a_host_that_cannot_be_a_name_does_not_answer(addresses: tuple[str, ...]) -> None:
    error = meet_all((addresses[0], ".a:1"), {0: {}}, timeout=1.0)[0]
    assert isinstance(error, WorkerError)
    assert "worker 1 (.a:1) didn't answer" in str(error)


def test_whoever_is_missing_is_named(addresses: tuple[str, ...]) -> None:
    errors = meet_all(addresses, {0: {}, 2: {}}, timeout=1.5)
    for error in errors.values():
        assert isinstance(error, WorkerError)
        assert str(error).startswith(f"worker 1 ({addresses[1]}) didn't answer within 1.5 s")


def test_a_port_in_use_is_named(addresses: tuple[str, ...]) -> None:
    host, _, port = addresses[0].partition(":")
    with socket.create_server((host, int(port))):
        error = meet_all(addresses[:2], {0: {}}, timeout=1.0)[0]
    assert isinstance(error, WorkerError)
    assert f"the port {port} of worker 0 ({addresses[0]}), this worker, can't be used" in str(error)


def test_another_program_at_the_address_is_no_worker(addresses: tuple[str, ...]) -> None:
    host, _, port = addresses[1].partition(":")
    with socket.create_server((host, int(port))) as server:

        def chatter() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    with connection:
                        connection.sendall(b'{"greeting": "something else"}\n')
            except OSError:
                return

        threading.Thread(target=chatter, daemon=True).start()
        error = meet_all(addresses[:2], {0: {}}, timeout=1.0)[0]
    assert isinstance(error, WorkerError)
