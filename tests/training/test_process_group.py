"""Which processes train one network, the strategy of a single one, and the messages of several."""

import json
import logging
from types import SimpleNamespace
from typing import Any

import pytest
import tensorflow as tf

from diffkeras.errors import ConfigurationError, WorkerError
from diffkeras.training import process_group
from diffkeras.training.process_group import (
    Cluster,
    ProcessGroup,
    check_single_process,
    find_cluster,
    join_process_group,
)

TWO = Cluster(("a:1000", "b:2000"), 1)
SLURM = {
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NODELIST": "n[2,10]",
    "SLURM_STEP_TASKS_PER_NODE": "1,2",
    "SLURM_JOB_ID": "100",
}


def of(cluster: Any, kind: str, index: Any) -> dict[str, str]:
    """The environment of a task."""
    task = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


CHIEF = {"chief": ["c:1"], "worker": ["a:1000"]}  # the first worker under either name


@pytest.mark.parametrize(
    ("environment", "cluster"),
    [
        ({}, None),
        ({"TF_CONFIG": "  "}, None),
        (of({"worker": ["a:1000"]}, "worker", 0), None),
        ({"SLURM_STEP_NUM_TASKS": "1"}, None),
        ({"TF_CONFIG": TWO.tf_config()}, TWO),
        (of(CHIEF, "chief", 0), Cluster(("c:1", "a:1000"), 0)),
        (of(CHIEF, "worker", 0), Cluster(("c:1", "a:1000"), 1)),
        (SLURM, Cluster(("n2:15700", "n10:15700", "n10:15701"), 2)),
        ({**SLURM, "TF_CONFIG": TWO.tf_config()}, TWO),
    ],
)
def test_the_cluster_is_the_one_of_the_environment(environment, cluster):
    assert find_cluster(environment) == cluster


@pytest.mark.parametrize(
    "environment",
    [
        {"TF_CONFIG": "{"},
        {"TF_CONFIG": '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}'},
        {"TF_CONFIG": '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}'},
        {"TF_CONFIG": TWO.tf_config().replace('"index": 1', '"index": 2')},
        {"TF_CONFIG": TWO.tf_config().replace('"index": 1', '"index": -1')},
        of(CHIEF, "worker", -1),
        {"SLURM_STEP_NUM_TASKS": "2"},
        {**SLURM, "SLURM_STEP_NUM_TASKS": "4"},
    ],
    ids=str,
)
def test_malformed_variables_are_refused_with_an_example(environment):
    with pytest.raises(ConfigurationError, match="an example of TF_CONFIG: "):
        find_cluster(environment)


@pytest.fixture
def strategy_of_process():
    process_group._strategy_over.cache_clear()
    yield process_group._strategy_over
    process_group._strategy_over.cache_clear()


@pytest.mark.parametrize(
    ("gpus", "cpus", "mirrored"), [(0, 1, None), (0, 2, 2), (1, 1, 1), (4, 1, 4)]
)
def test_every_gpu_is_mirrored_and_a_single_cpu_is_not(
    gpus, cpus, mirrored, strategy_of_process, monkeypatch
):
    number = {"GPU": gpus, "CPU": cpus}
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind: [SimpleNamespace(name=f"{kind}:{i}") for i in range(number[kind])],
    )
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda devices: devices)
    strategy = strategy_of_process(None)
    if mirrored is None:
        assert strategy is tf.distribute.get_strategy()
    else:
        assert strategy == [f"{'GPU' if gpus else 'CPU'}:{i}" for i in range(mirrored)]


def test_only_the_chief_logs_and_other_settings_are_refused(
    strategy_of_process, monkeypatch, caplog
):
    caplog.set_level(logging.INFO, "diffkeras")
    monkeypatch.setenv("TF_CONFIG", TWO.tf_config())
    monkeypatch.setattr(
        tf.distribute, "MultiWorkerMirroredStrategy", lambda: tf.distribute.get_strategy()
    )
    monkeypatch.setattr(ProcessGroup, "gather", lambda self, value: [value, value])
    with join_process_group(1).logs_of_chief():
        assert not logging.getLogger("diffkeras.training.train").isEnabledFor(logging.WARNING)
    assert logging.getLogger("diffkeras").level == logging.INFO
    monkeypatch.setattr(ProcessGroup, "gather", lambda self, value: [value + 1, value])
    with pytest.raises(ConfigurationError, match="have different settings"):
        join_process_group(1)


def test_a_lost_connection_is_an_error_that_says_what_to_do():
    group = ProcessGroup(tf.distribute.get_strategy(), TWO)
    with (
        pytest.raises(WorkerError, match=r"worker 1 \(b:2000\) lost .*closed.* same command"),
        group.connected(),
    ):
        raise tf.errors.UnavailableError(None, None, "Socket closed")


def test_commands_for_one_process_refuse_several(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    check_single_process("a study")
    monkeypatch.setenv("TF_CONFIG", TWO.tf_config())
    with pytest.raises(ConfigurationError, match="a study runs in one process"):
        check_single_process("a study")
