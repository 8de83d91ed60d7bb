"""What is done of a study, by which run, and how long the rest takes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from studied_runs import StudyPaths, counted, metrics_of

from diffkeras.evaluation.methods import describe_methods
from diffkeras.studies.config import Study
from diffkeras.studies.plan import data_needed, plan, time_left
from diffkeras.workflows.study_runs import one_run
from diffkeras.workflows.study_runs import run_study as module
from diffkeras.workflows.study_runs.run_study import run_study


def test_a_finished_study_runs_nothing(
    study: Study,
    own: StudyPaths,
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
) -> None:
    data, runs, directory = own
    log.clear()

    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("trained or evaluated again")

    monkeypatch.setattr(one_run, "train", never)
    monkeypatch.setattr(one_run, "evaluate", never)
    monkeypatch.setattr(module, "generate", never)
    calls: list[Path] = []
    monkeypatch.setattr(module, "plan", lambda *args: calls.append(args[1]) or plan(*args))
    before = (directory / "runs.csv").read_bytes()
    assert run_study(study, data, directory, runs_dir=runs) == directory
    assert "4 runs, 4 of them done already" in log.messages[0]
    assert calls == [runs]  # reading all runs takes long where there are many
    assert (directory / "runs.csv").read_bytes() == before
    assert data_needed(study, plan(study, runs)) == []


def test_the_first_run_that_is_trained_measures_the_baselines(
    study: Study, own: StudyPaths
) -> None:
    methods = [list(metrics_of(run)["methods"]) for run in plan(study, own[1])]
    every = [*describe_methods(study.test)]
    assert methods == [every[:2], every[:2], every, every[:2]]


def test_baselines_that_no_run_has_are_measured_with_the_first(
    study: Study, own: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, runs, directory = own
    planned = plan(study, runs)
    [path] = planned[2].tests.values()
    shutil.copy(next(iter(planned[3].tests.values())) / "metrics.json", path / "metrics.json")
    content = json.loads((path / "metrics.json").read_text())
    (path / "metrics.json").write_text(json.dumps({**content, "run": planned[2].identity}))
    assert all(run.done for run in plan(study, runs))
    with counted(monkeypatch) as calls:
        run_study(study, data, directory, runs_dir=runs)
    assert calls == {"train": [], "evaluate": [planned[0].identity]}
    assert metrics_of(planned[0])["methods"].keys() == describe_methods(study.test).keys()


def test_the_time_left_is_that_of_finished_runs(
    study: Study, own: StudyPaths, tmp_path: Path
) -> None:
    _, runs, _ = own
    assert time_left(plan(study, tmp_path / "none")) is None
    planned = plan(study, runs)
    assert time_left(planned) is None
    for run, seconds in zip(planned, (2, 2, 6, 6), strict=True):
        file = run.run_dir / "run.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": seconds}))
    assert [run.config.steps for run in planned] == [3, 3, 6, 6]
    shutil.rmtree(planned[3].run_dir)
    assert time_left(plan(study, runs)) == pytest.approx(
        10 / 24 * 6
    )  # the runs are copies of one of two epochs
    assert time_left(plan(study, runs), jobs=2) == pytest.approx(10 / 24 * 3)
