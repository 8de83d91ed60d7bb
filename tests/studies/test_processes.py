"""The runs of a study in several processes, and their order."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from diffkeras.config import Config
from diffkeras.errors import Interrupted
from diffkeras.studies import processes
from diffkeras.studies.plan import PlannedRun
from diffkeras.studies.processes import Outcome, RunQueue
from tests.helpers import worker_tools


@pytest.fixture
def queue(tiny, tmp_path, monkeypatch):
    """`queue("die done")`: runs that do this, in this order."""
    monkeypatch.setattr(processes, "do_run_in_child", worker_tools.pretend_run)

    def make(actions: str) -> RunQueue:
        return RunQueue(
            [
                PlannedRun(action, {}, tiny, tmp_path / f"{number}-{action}", trained=False)
                for number, action in enumerate(actions.split())
            ],
        )

    return make


@pytest.fixture
def run(tmp_path):
    """`run(queue, jobs, cores)`: what ran, in which process, and on how many threads."""

    def call(queue: RunQueue, jobs: int, threads: int | None) -> list[tuple[str, int, int]]:
        notes = tmp_path / "notes"
        processes.run_in_processes(
            queue, lambda run, _: (run.title, str(notes)), jobs, threads, show_progress=False
        )
        return read_notes(notes)

    return call


def read_notes(file: Path) -> list[tuple[str, int, int]]:
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return [(action, int(process), int(threads)) for action, process, threads in lines]


@pytest.fixture
def signal_when_ready(tmp_path):
    """`signal_when_ready(n)`: once n runs wait, Ctrl-C, which reaches all processes."""
    threads: list[threading.Thread] = []

    def watch(number: int) -> None:
        end = time.monotonic() + 100
        while time.monotonic() < end:
            waiting = [p for action, p, _ in read_notes(tmp_path / "notes") if action == "ready"]
            if len(waiting) == number:
                for process in (*waiting, os.getpid()):
                    os.kill(process, signal.SIGINT)
                return
            time.sleep(0.05)

    def start(number: int) -> None:
        threads.append(threading.Thread(target=watch, args=(number,)))
        threads[-1].start()

    yield start
    for thread in threads:
        thread.join()


def test_a_process_that_dies_loses_its_run_only_and_is_replaced(queue, run):
    runs = queue("done die die fail done")
    notes = run(runs, 1, 6)
    assert [action for action, *_ in notes] == ["done", "die", "die", "fail", "done"]
    numbers = [process for _, process, _ in notes]
    assert numbers[0] == numbers[1] != numbers[2] != numbers[3] == numbers[4]
    assert [(failed.title, failed.error.split(";")[0]) for failed in runs.failed] == [
        *[("die", "the process that trained it died")] * 2,
        ("fail", "no luck"),
    ]
    assert runs.finished == runs.total == 5


def test_the_cores_are_divided(queue, run, monkeypatch):
    module = "diffkeras.studies.processes"
    monkeypatch.setattr(f"{module}.available_cores", lambda: 7)
    assert {threads for *_, threads in run(queue("done done done"), 2, None)} == {3}
    # no more processes than runs
    assert {threads for *_, threads in run(queue("fail"), 8, None)} == {3, 7}


def test_processes_share_a_gpu_only_if_there_are_too_few(queue, run, monkeypatch):
    monkeypatch.setattr(processes, "visible_gpus", lambda: ["4", "7"])
    notes = run(queue("gpu gpu gpu"), 3, 2)
    assert sorted(action for action, *_ in notes) == ["gpu4", "gpu4", "gpu7"]


def test_an_interrupt_reaches_the_runs_once_and_starts_no_others(
    queue, run, signal_when_ready, tmp_path
):
    runs = queue("wait wait done")
    signal_when_ready(2)
    with pytest.raises(Interrupted) as caught:
        run(runs, 2, 2)
    assert caught.value.exit_code == 130
    notes = read_notes(tmp_path / "notes")
    once = f"got{int(signal.SIGTERM)}"  # a second one would end training without a checkpoint
    assert sorted(action for action, *_ in notes) == [once] * 2 + ["ready"] * 2 + ["wait"] * 2
    assert runs.failed == []
    for _, process, _ in notes:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_a_run_that_a_signal_ended_alone_has_failed(queue, run):
    runs = queue("stop done")
    run(runs, 2, 2)
    [failed] = runs.failed
    assert "a signal" in failed.error


def planned(config: Config, name: str, epochs: int, *, trained: bool = False) -> PlannedRun:
    config = config.with_overrides({"training.epochs": epochs})
    return PlannedRun(name, {}, config, Path(name), trained, {"test": Path(name) / "tests"})


def test_the_longest_run_comes_first(tiny):
    runs = [
        planned(tiny, "evaluate", 9, trained=True),
        planned(tiny, "short", 1),
        planned(tiny, "long", 3),
        planned(tiny, "also long", 3),
    ]
    queue = RunQueue(runs)
    taken = [queue.take() for _ in runs]
    assert [found and found.title for found in taken] == ["long", "also long", "short", "evaluate"]
    assert not queue.left
    assert queue.take() is None


def test_warnings_of_processes_name_the_run(tiny, log):
    queue = RunQueue([planned(tiny, "a", 1)])
    taken = queue.take()
    assert taken
    queue.note(taken, Outcome("done", warnings=("no better than zeros",)))
    assert log.messages == ["a: no better than zeros"]
