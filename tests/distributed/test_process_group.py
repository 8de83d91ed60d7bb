"""The strategy of a single process, and the messages of a group of processes."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import tensorflow as tf

from diffkeras.distributed import process_group
from diffkeras.distributed.cluster import Cluster
from diffkeras.distributed.process_group import (
    ProcessGroup,
    check_single_process,
    join_process_group,
)
from diffkeras.errors import ConfigurationError, DataError, WorkerError, WorkerLostError
from diffkeras.system.fingerprint import fingerprint

TWO = Cluster(("a:1000", "b:2000"), 1)


@pytest.mark.parametrize(
    ("gpus", "cpus", "mirrored"), [(0, 1, None), (0, 2, 2), (1, 1, 1), (4, 1, 4)]
)
def test_every_gpu_is_mirrored_and_a_single_cpu_is_not(gpus, cpus, mirrored, monkeypatch):
    number = {"GPU": gpus, "CPU": cpus}
    monkeypatch.setattr(
        tf.config,
        "list_logical_devices",
        lambda kind: [SimpleNamespace(name=f"{kind}:{i}") for i in range(number[kind])],
    )
    monkeypatch.setattr(tf.distribute, "MirroredStrategy", lambda devices: devices)
    process_group._strategy_of_this_process.cache_clear()
    try:
        strategy: Any = process_group._strategy_of_this_process()
    finally:
        process_group._strategy_of_this_process.cache_clear()
    if mirrored is None:
        assert strategy is tf.distribute.get_strategy()
    else:
        assert strategy == [f"{'GPU' if gpus else 'CPU'}:{i}" for i in range(mirrored)]


@pytest.fixture
def second(monkeypatch):
    """The second of two processes, of which the first has a problem."""
    group = ProcessGroup(tf.distribute.get_strategy(), TWO)
    monkeypatch.setattr(group, "gather", lambda value: [1, value])
    return group


def test_the_problem_of_one_process_ends_all(second):
    with pytest.raises(WorkerError, match=r"worker 0 \(a:1000\)"), second.all_stop_on_error():
        pass
    with pytest.raises(DataError, match="missing"), second.all_stop_on_error():
        raise DataError("missing")


def test_the_problem_of_one_process_is_told_though_another_one_is_lost(second, monkeypatch):
    def lose(value: int) -> list[int]:
        raise WorkerLostError("worker 0 is gone")

    monkeypatch.setattr(second, "gather", lose)
    with pytest.raises(DataError, match="missing"), second.all_stop_on_error():
        raise DataError("missing")
    with pytest.raises(WorkerLostError), second.all_stop_on_error():
        pass


def test_the_settings_of_a_second_run_are_compared_too(monkeypatch):
    strategy = tf.distribute.get_strategy()
    monkeypatch.setenv("TF_CONFIG", TWO.tf_config())
    monkeypatch.setattr(process_group, "_strategies", {TWO: strategy})
    other = int(fingerprint({"seed": 1}), 16)
    monkeypatch.setattr(ProcessGroup, "gather", lambda self, value: [other, value])
    assert join_process_group({"seed": 1}).strategy is strategy
    with pytest.raises(ConfigurationError, match=r"worker 0 \(a:1000\) has other settings"):
        join_process_group({"seed": 2})


def test_a_lost_connection_names_the_others(second):
    with (
        pytest.raises(WorkerLostError, match=r"worker 1 .* worker 0 \(a:1000\) .*closed"),
        second.connected(),
    ):
        raise tf.errors.UnavailableError(None, None, "Socket closed")


def test_only_the_chief_logs(second, log):
    logger = logging.getLogger("diffkeras.workflows.train_run")
    with second.only_chief_logs():
        logger.warning("of a process that is not the chief")
    logger.info("afterwards")
    assert log.messages[1:] == ["afterwards"]
    assert "worker 1 (b:2000) of 2" in log.messages[0]


def test_commands_for_one_process_refuse_several(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    check_single_process("a study")
    monkeypatch.setenv("TF_CONFIG", TWO.tf_config())
    with pytest.raises(ConfigurationError, match="a study runs in one process"):
        check_single_process("a study")
