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


def test_it_is_told_to_tensorflow_as_it_was_read() -> None:
    cluster = Cluster(("a:1000", "b:2000"), 1)
    assert find_cluster({"TF_CONFIG": cluster.tf_config()}) == cluster


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "JSON: Input should be a valid dictionary"),
        ("{}", "cluster: Field required"),
        ('{"cluster": {"worker": ["a:1"]}}', "task: Field required"),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps"}}', "cluster.ps: Extra inputs"),
        ('{"cluster": {"worker": "a:1"}, "task": {"type": "worker"}}', "cluster.worker: .* list"),
    ],
)
def test_a_malformed_text_is_refused_with_an_example(text: str, part: str) -> None:
    with pytest.raises(ConfigurationError, match=f"TF_CONFIG: {part}.*; an example: "):
        find_cluster({"TF_CONFIG": text})


@pytest.mark.parametrize(
    ("cluster", "task", "part"),
    [
        ({"worker": ["a", "b:1"]}, FIRST, "cluster.worker.0: .* host:port .given: 'a'"),
        ({"worker": ["a:x", "b:1"]}, FIRST, "given: 'a:x'"),
        ({"worker": ["a:0", "b:1"]}, FIRST, "given: 'a:0'"),
        ({"worker": ["a:65536", "b:1"]}, FIRST, "given: 'a:65536'"),
        ({"worker": ["a:000080999999", "b:1"]}, FIRST, "given: 'a:000080999999'"),
        ({"worker": [":1", "b:1"]}, FIRST, "given: ':1'"),
        ({"worker": [7, "b:1"]}, FIRST, "cluster.worker.0: .*given: 7"),
        ({"worker": ["a:1", "a:1"]}, FIRST, "a:1 occurs twice"),
        (TWO, {"type": "worker"}, "task.index: Field required"),
        (TWO, {"type": "worker", "index": 2}, "task.index: 2, but cluster.worker lists 2"),
        (TWO, {"type": "worker", "index": -1}, "task.index: .*given: -1"),
        (TWO, {"type": "worker", "index": "0"}, "task.index: .*given: '0'"),
        (TWO, {"type": "worker", "index": True}, "task.index: .*given: True"),
        (TWO, {"type": "chief", "index": 0}, "task.index: 0, but cluster.chief lists 0"),
        (TWO, {"type": [], "index": 0}, r"task.type: .*given: \[\]"),
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
        ({"SLURM_STEP_NODELIST": "n[1-"}, "hostlist"),
        ({"SLURM_PROCID": "3"}, "SLURM_PROCID 3"),
        ({"SLURM_STEP_NODELIST": "n1,n1"}, "2 tasks by"),
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
