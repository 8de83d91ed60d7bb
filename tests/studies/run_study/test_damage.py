"""Runs that fail or are damaged, and directories that a study must not use."""

import json
import shutil
from typing import Any

import pytest

from diffkeras.errors import ConvergenceError, OutputError, RunError
from diffkeras.evaluation.methods import SET, SURROGATE
from diffkeras.studies import processes
from diffkeras.studies import study_run as module
from diffkeras.studies.evaluations import check_evaluation
from diffkeras.studies.plan import plan
from diffkeras.studies.processes import Outcome
from diffkeras.studies.study_directory import FailedRun, write_failed
from diffkeras.studies.study_run import run_study
from diffkeras.surrogates.run_directory import Run
from tests.helpers.tables import read_csv


def test_one_failed_run_does_not_end_the_others(study, own, monkeypatch):
    data, runs, directory = own
    planned = plan(study, runs)
    shutil.rmtree(planned[2].run_dir)
    shutil.rmtree(planned[3].run_dir)
    function = processes.evaluate

    def fails(*args: Any, **options: Any) -> Any:
        if planned[2].run_dir in args:
            raise ConvergenceError("the loss\nis not finite")
        return function(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(processes, "evaluate", fails)
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
    with pytest.raises(RunError, match=f"{runs} has no whole run of this study; run the"):
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
        ("[]", r"study\.json is damaged .*; choose another --run-dir"),
        ('{"name": "small", "factors": {"a": 3}}', r"study\.json is damaged \(TypeError"),
    ):
        (directory / "study.json").write_text(content)
        with pytest.raises(RunError, match=message):
            run_study(study, data, directory, runs_dir=empty)
    assert not empty.exists()


def test_damaged_runs_are_made_again(study, own, log, tmp_path):
    data, runs, directory = own
    planned = plan(study, runs)
    (next(iter(planned[0].tests.values())) / "metrics.json").write_text('{"methods": []}')
    (planned[1].run_dir / "weights.npz").unlink()
    assert [run.done for run in plan(study, runs)] == [False, False, True, True]
    # an evaluation ended before its last file
    (next(iter(planned[2].tests.values())) / "metrics.json").rename(tmp_path / "gone")
    assert [run.done for run in plan(study, runs)] == [False, False, False, True]
    run_study(study, data, directory, runs_dir=runs)
    assert all(run.done for run in plan(study, runs))
    warned = [line for line in log.messages if "measuring it again" in line]
    for run in (planned[0], planned[2]):
        assert sum(run.identity in line and "metrics." in line for line in warned) == 1
    assert len(warned) == 2


def test_runs_that_cannot_be_read_are_kept_and_trained_again(own, write_other, tmp_path, log):
    data, runs, _ = own
    # a new test set, because the report alone needs neither the model nor the configuration
    other = write_other(**{"{test: {data.sources: 1-3}}": "{test: {data.sources: 1-2}}"})
    damaged = {}
    for run, name in zip(
        plan(other, runs), ("run.json", "config.yaml", "history.csv", "weights.npz"), strict=True
    ):
        file = run.run_dir / name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0x81  # no text any more, and a weight that no header shows
        file.write_bytes(content)
        damaged[file] = content
    run_study(other, data, tmp_path / "other", runs_dir=runs)
    for file, content in damaged.items():
        kept = file.parent.with_name(f"{file.parent.name}.previous") / file.name
        assert kept.read_bytes() == content
        warned = [line for line in log.messages if str(file) in line and "trai" in line]
        assert [f"renamed to {kept.parent.name}" in line for line in warned] == [True]
    assert all(run.done for run in plan(other, runs))


def test_a_run_under_the_name_of_another_one_is_trained_again(study, own, log):
    data, runs, directory = own
    first, second = (run.run_dir for run in plan(study, runs)[:2])
    shutil.rmtree(second)
    shutil.copytree(first, second)
    assert [run.done for run in plan(study, runs)] == [True, False, True, True]
    run_study(study, data, directory, runs_dir=runs)
    assert any("holds another run than its name says" in line for line in log.messages)
    assert Run(second).config().training.loss == {"error": "huber", "delta": 0.1}
    assert all(run.done for run in plan(study, runs))


def test_errors_of_another_test_set_are_not_used(study, own, write_other):
    _, runs, _ = own
    run = plan(study, runs)[0]
    [path] = run.tests.values()
    for changed in ("{data.sources: 1-2}", "{data.sources: 1-4}", "{data.test_examples: 4}"):
        other = write_other(**{"{data.sources: 1-3}": changed})
        assert [run.done for run in plan(other, runs)] == [False] * 4
        with pytest.raises(RunError, match="another test set"):
            check_evaluation(path, other.test, run.identity)


def test_networks_that_set_known_values_have_no_copy_that_sets_them(study, own):
    _, runs, _ = own
    run = plan(study, runs)[0]
    file = next(iter(run.tests.values())) / "metrics.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["methods"][SURROGATE + SET]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert plan(study, runs)[0].done


def test_a_list_of_failed_runs_of_the_user_stays(tmp_path):
    (tmp_path / "failed.csv").write_text("theirs")
    for failed in ([], [FailedRun("run", "0", "no memory")]):
        with pytest.raises(OutputError, match=r"failed\.csv is no file of an earlier result"):
            write_failed(tmp_path, failed)
    assert (tmp_path / "failed.csv").read_text() == "theirs"
