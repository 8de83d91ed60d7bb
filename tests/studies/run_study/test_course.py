"""What is done of a study, by which run, and how long the rest takes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from diffkeras.config import Config
from diffkeras.evaluation.methods import describe_methods
from diffkeras.studies import one_run
from diffkeras.studies import study_run as module
from diffkeras.studies.plan import baselines_of, data_needed, plan, time_left
from diffkeras.studies.study_run import run_study
from tests.helpers.studied_runs import counted
from tests.helpers.tables import read_csv


def test_a_finished_study_runs_nothing(study, study_file, own, monkeypatch, log):
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
    assert run_study(Path(study_file), data, directory, runs_dir=runs) == directory


def test_baselines_are_measured_once_for_each_test_set(
    study, own, write_other, monkeypatch, tmp_path
):
    data, runs, directory = own
    measured: list[Path] = []
    measure = module.evaluate_baselines

    def counting(config: Config, data_dir: Path, output: Path, **options: Any) -> Any:
        measured.append(output)
        return measure(config, data_dir, output, **options)

    monkeypatch.setattr(module, "evaluate_baselines", counting)
    [own_path] = baselines_of(study, runs, measured=True).values()
    two = write_other(**{"{test: {data.sources: 1-3}}": "{test: {data.sources: 1-3}, two: {}}"})
    run_study(two, data, tmp_path / "two", runs_dir=runs)
    assert measured == [baselines_of(two, runs, measured=True)["two"]]
    rows = read_csv(tmp_path / "two" / "baselines.csv")
    assert {row["test_set"] for row in rows} == {"test", "two"}
    assert {row["method"] for row in rows} == set(list(describe_methods(study.test))[2:])
    (own_path / "metrics.json").unlink()
    with counted(monkeypatch) as calls:
        run_study(study, data, directory, runs_dir=runs)
    assert calls == {"train": [], "evaluate": []}
    assert measured[1:] == [own_path]


def test_the_time_left_is_that_of_finished_runs(study, own, tmp_path):
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
