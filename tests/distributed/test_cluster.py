import json
from typing import Any

import pytest

from diffkeras.distributed.cluster import Cluster, find_cluster
from diffkeras.errors import ConfigurationError

TWO = {"worker": ["a:1000", "b:2000"]}
FIRST = {"type": "worker", "index": 0}


def of(cluster: Any, task: Any) -> Cluster | None:
    return find_cluster({"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})})


def test_no_variables_or_one_worker_are_a_process_alone() -> None:
    assert find_cluster({}) is None
    assert find_cluster({"TF_CONFIG": "  "}) is None
    assert of({"worker": ["a:1000"]}, FIRST) is None
    assert find_cluster({"SLURM_STEP_NUM_TASKS": "1"}) is None


def test_the_chief_is_the_first_worker_under_either_name() -> None:
    assert of(TWO, FIRST) == Cluster(("a:1000", "b:2000"), 0)
    assert of(TWO, {"type": "worker", "index": 1}) == Cluster(("a:1000", "b:2000"), 1)
    jobs = {"chief": ["c:1"], "worker": ["a:1000"]}
    assert of(jobs, {"type": "chief", "index": 0}) == Cluster(("c:1", "a:1000"), 0)
    assert of(jobs, FIRST) == Cluster(("c:1", "a:1000"), 1)


def test_tensorflow_gets_what_was_read() -> None:
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
def test_a_malformed_text_is_refused_with_an_example(text: str, key: str) -> None:
    with pytest.raises(ConfigurationError, match=f"TF_CONFIG: {key}.*; an example: "):
        find_cluster({"TF_CONFIG": text})


@pytest.mark.parametrize(
    "address", ["a", "a:x", "a:0", "a:65536", "a:000080999999", ":1", 7], ids=str
)
def test_a_bad_address_is_named(address: Any) -> None:
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
def test_a_bad_task_is_named(task: Any, part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        of(TWO, task)


SLURM = {
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NODELIST": "n[1-2]",
    "SLURM_STEP_TASKS_PER_NODE": "2,1",
    "SLURM_JOB_ID": "10",
}


def test_slurm_gives_the_tasks_of_a_step() -> None:
    cluster = find_cluster(SLURM)
    assert cluster == Cluster(("n1:12370", "n1:12371", "n2:12370"), 2)


def test_tf_config_wins_over_slurm() -> None:
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
def test_contradicting_slurm_variables_are_refused(change: dict[str, str], part: str) -> None:
    with pytest.raises(ConfigurationError, match=part):
        find_cluster(SLURM | change)
    missing = {k: v for k, v in SLURM.items() if k != "SLURM_STEP_NODELIST"}
    with pytest.raises(ConfigurationError, match="SLURM_STEP_NODELIST"):
        find_cluster(missing)
