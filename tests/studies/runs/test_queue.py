from pathlib import Path

from diffkeras.config import Config
from diffkeras.studies.runs.outcome import Outcome
from diffkeras.studies.runs.queue import RunQueue
from diffkeras.studies.study import PlannedRun


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
    assert queue.steps == 7 * 6
    taken = [queue.take() for _ in runs]
    assert [found and found.title for found in taken] == ["long", "also long", "short", "evaluate"]
    assert queue.empty
    assert queue.take() is None


def test_warnings_of_processes_name_the_run(tiny, log):
    queue = RunQueue([planned(tiny, "a", 1)])
    taken = queue.take()
    assert taken
    queue.note(taken, Outcome("done", warnings=("no better than zeros",)))
    assert log.messages == ["a: no better than zeros"]
