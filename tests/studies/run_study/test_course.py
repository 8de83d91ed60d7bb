"""A study from its first run to its report, over an interruption."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from studied_runs import FinishedStudy, StudyPaths, counted, metrics_of

from diffkeras.studies.config import Study
from diffkeras.studies.plan import data_needed, plan, time_left
from diffkeras.studies.study_file import load_study
from diffkeras.workflows.study_runs import one_run
from diffkeras.workflows.study_runs import run_study as module
from diffkeras.workflows.study_runs.run_study import run_study


def test_an_interrupted_study_goes_on(finished: FinishedStudy) -> None:
    *_, lines = finished
    assert "4 runs, 2 of them done already" in lines[0]
    assert [line[:10] for line in lines[1:]] == ["run 1 of 2", "run 2 of 2"]


def test_a_finished_study_runs_nothing(
    study: Study,
    finished: FinishedStudy,
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
) -> None:
    data, runs, directory, _ = finished

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


def test_evaluations_are_tables_only(study: Study, finished: FinishedStudy) -> None:
    _, runs, directory, _ = finished
    [path] = plan(study, runs)[0].tests.values()
    assert {file.name for file in path.iterdir()} == {"metrics.json", "examples.csv"}
    assert not (runs / "evaluation").exists()
    assert json.loads((directory / "study.json").read_text())["factors"] == {
        "data.train_fraction": ["0.5", "1.0"],
        "training.loss": ["absolute", "huber(delta=0.1)"],
    }


def test_baselines_are_measured_once(study: Study, finished: FinishedStudy) -> None:
    _, runs, directory, _ = finished
    methods = [list(metrics_of(cell)["methods"]) for cell in plan(study, runs)]
    assert [len(names) for names in methods] == [2, 2, 12, 2]  # with the first that was trained
    html = (directory / "report.html").read_text()
    for name in methods[2][2:]:
        assert f"<td>{name}</td>" in html


def test_baselines_that_no_run_has_are_measured_with_the_first(
    study: Study, own: StudyPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, runs, directory = own
    cells = plan(study, runs)
    [path] = cells[2].tests.values()
    shutil.copy(next(iter(cells[3].tests.values())) / "metrics.json", path / "metrics.json")
    content = json.loads((path / "metrics.json").read_text())
    (path / "metrics.json").write_text(json.dumps({**content, "run": cells[2].identity}))
    assert all(cell.done for cell in plan(study, runs))
    with counted(monkeypatch) as calls:
        run_study(study, data, directory, runs_dir=runs)
    assert calls == {"train": [], "evaluate": [cells[0].identity]}
    assert len(metrics_of(cells[0])["methods"]) == 12


def test_the_time_left_is_that_of_finished_runs(
    study: Study, own: StudyPaths, tmp_path: Path
) -> None:
    _, runs, _ = own
    assert time_left(plan(study, tmp_path / "none")) is None
    cells = plan(study, runs)
    assert time_left(cells) is None
    for cell, seconds in zip(cells, (2, 2, 6, 6), strict=True):
        file = cell.run_dir / "run.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": seconds}))
    assert [cell.config.steps for cell in cells] == [3, 3, 6, 6]
    shutil.rmtree(cells[3].run_dir)
    assert time_left(plan(study, runs)) == pytest.approx(10 / 12 * 6)
    assert time_left(plan(study, runs), jobs=2) == pytest.approx(10 / 12 * 3)


def test_a_change_of_the_base_makes_other_runs(study_file: Path, finished: FinishedStudy) -> None:
    other = load_study(str(study_file), {"training.learning_rate": 0.02})
    assert not any(cell.trained for cell in plan(other, finished[1]))
