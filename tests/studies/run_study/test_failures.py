"""Runs that fail, and directories that a study must not use."""

import shutil
from typing import Any

import pytest

from diffkeras.errors import ConvergenceError, OutputError, RunError
from diffkeras.studies import one_run
from diffkeras.studies import study_run as module
from diffkeras.studies.one_run import Outcome
from diffkeras.studies.plan import plan
from diffkeras.studies.study_run import run_study
from tests.helpers.tables import read_csv


def test_one_failed_run_does_not_end_the_others(study, own, monkeypatch):
    data, runs, directory = own
    planned = plan(study, runs)
    shutil.rmtree(planned[2].run_dir)
    shutil.rmtree(planned[3].run_dir)
    function = one_run.evaluate

    def fails(*args: Any, **options: Any) -> Any:
        if planned[2].run_dir in args:
            raise ConvergenceError("the loss\nis not finite")
        return function(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(one_run, "evaluate", fails)
        with pytest.raises(RunError, match=r"1 of 4 runs failed.*: the loss is not finite"):
            run_study(study, data, directory, runs_dir=runs)
    assert [run.done for run in plan(study, runs)] == [True, True, False, True]
    assert read_csv(directory / "failed.csv") == [
        {"title": planned[2].title, "run": planned[2].identity, "error": "the loss is not finite"}
    ]
    assert {row["run"] for row in read_csv(directory / "runs.csv")} == {
        run.identity for run in planned if run is not planned[2]
    }
    assert run_study(study, data, directory, runs_dir=runs) == directory
    assert all(run.done for run in plan(study, runs))
    assert not (directory / "failed.csv").exists()


def test_failed_baselines_leave_the_report(study, own, monkeypatch):
    data, runs, directory = own
    shutil.rmtree(runs / "baselines")
    (directory / "runs.csv").unlink()

    def fails(*args: Any, **options: Any) -> None:
        raise ConvergenceError("no convergence")

    monkeypatch.setattr(module, "evaluate_baselines", fails)
    with pytest.raises(RunError, match="baselines on test: no convergence"):
        run_study(study, data, directory, runs_dir=runs)
    assert len(read_csv(directory / "runs.csv")) == 4 * len(("all", "1", "2", "3"))
    assert read_csv(directory / "baselines.csv") == []


def test_what_is_missing_without_shards_is_named(study, own, monkeypatch):
    data, runs, directory = own
    planned = plan(study, runs)
    for run in planned:
        shutil.rmtree(run.run_dir / "tests")
    monkeypatch.setattr(module, "do_run", lambda *_, **__: Outcome("done"))
    with pytest.raises(RunError, match=f"evaluation on test of .* {planned[0].run_dir}; run the"):
        run_study(study, data, directory, runs_dir=runs)


def test_other_directories_are_refused_before_any_work(study, own, write_other, tmp_path):
    data, runs, directory = own
    empty = tmp_path / "empty"
    for changed, message in (
        ({"name: small": "name: other"}, "another study, whose name is 'small', not 'other'"),
        ({"[0.5, 1.0]": "[0.25, 0.5]"}, r"has runs of data\.train_fraction 1\.0, .*can grow"),
    ):
        with pytest.raises(RunError, match=message):
            run_study(write_other(**changed), data, directory, runs_dir=empty)
    with pytest.raises(OutputError, match="is the directory of all runs"):
        run_study(study, data, runs, runs_dir=runs / ".." / "runs")
    with pytest.raises(OutputError, match="no file of an earlier result"):
        run_study(study, data, runs, runs_dir=empty)
    for content, message in (
        ("{", r"study\.json is missing or damaged: .*; choose another --run-dir"),
        ("[]", r"study\.json is damaged, .*; choose another --run-dir"),
        ('{"name": "small", "factors": {"a": 3}}', r"study\.json is damaged \(TypeError"),
    ):
        (directory / "study.json").write_text(content)
        with pytest.raises(RunError, match=message):
            run_study(study, data, directory, runs_dir=empty)
    assert not empty.exists()
