"""What is done of a study, by which run; runs belong to all studies and all processes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from diffkeras.config import Config
from diffkeras.errors import RunError
from diffkeras.evaluation.methods import baselines
from diffkeras.studies import processes
from diffkeras.studies import study_run as module
from diffkeras.studies.evaluations import check_evaluation
from diffkeras.studies.plan import baselines_of, data_needed, of_shard, plan, time_left
from diffkeras.studies.study_run import run_study
from diffkeras.system.file_lock import locked
from diffkeras.system.result_folders import MANIFEST
from tests.helpers.tables import read_csv


def test_a_finished_study_runs_nothing(study, study_file, own, done, monkeypatch, log):
    data, runs, directory = own
    log.clear()
    calls: list[Path] = []
    monkeypatch.setattr(module, "plan", lambda *args: calls.append(args[1]) or plan(*args))
    before = (directory / "runs.csv").read_bytes()
    assert run_study(study, data, directory, runs_dir=runs) == directory
    assert "4 runs, 4 of them done already" in log.messages[0]
    assert calls == [runs]  # reading all runs takes long where there are many
    assert (directory / "runs.csv").read_bytes() == before
    assert data_needed(study, plan(study, runs)) == []
    assert run_study(Path(study_file), data, directory, runs_dir=runs) == directory
    assert not any(done.values())


def test_baselines_are_measured_once_for_each_test_set(study, own, write_other, tmp_path, done):
    data, runs, directory = own
    [own_path] = baselines_of(study, runs, measured=True).values()
    two = write_other(**{"{test: {data.sources: 1-3}}": "{test: {data.sources: 1-3}, two: {}}"})
    run_study(two, data, tmp_path / "two", runs_dir=runs)
    assert done["baselines"] == [baselines_of(two, runs, measured=True)["two"]]
    done["evaluate"].clear()
    rows = read_csv(tmp_path / "two" / "baselines.csv")
    assert {row["test_set"] for row in rows} == {"test", "two"}
    assert {row["method"] for row in rows} == {each.name for each in baselines(study.test)}
    (own_path / "metrics.json").unlink()
    run_study(study, data, directory, runs_dir=runs)
    assert done["train"] == done["evaluate"] == []
    assert done["baselines"][1:] == [own_path]


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


@pytest.mark.parametrize("seeds", ["[0]", "[0, 1]"])
def test_a_study_that_grows_trains_what_is_new(seeds, own, write_other, done):
    """In the same directory: another value of a factor, and another factor with the old value."""
    data, runs, directory = own
    larger = write_other(
        **{"[0.5, 1.0]": "[0.25, 0.5, 1.0]", "factors:": f"factors:\n  training.seed: {seeds}"}
    )
    planned = plan(larger, runs)
    new = {run.identity for run in planned if not run.done}
    assert len(planned) - len(new) == 4
    run_study(larger, data, directory, runs_dir=runs)
    assert sorted(path.name for path in done["train"]) == sorted(new)
    rows = read_csv(directory / "runs.csv")
    assert {row["run"] for row in rows} == {run.identity for run in planned}


def test_another_test_set_needs_no_training(own, write_other, done, tmp_path):
    data, runs, _ = own
    other = write_other(**{"{test: {data.sources: 1-3}}": "{test: {data.sources: 1-3}, two: {}}"})
    planned = plan(other, runs)
    assert [(run.trained, run.done) for run in planned] == [(True, False)] * 4
    with pytest.raises(RunError, match="missing"):
        check_evaluation(planned[0].tests["two"], other.test_sets["two"], planned[0].identity)
    run_study(other, data, tmp_path / "other", runs_dir=runs)
    assert (done["train"], done["evaluate"]) == ([], [run.run_dir for run in planned])
    wanted = [{"all", "1", "2", "3"}, {"all", "1", "2"}]
    for run in plan(other, runs):
        found = [json.loads((path / "metrics.json").read_text()) for path in run.tests.values()]
        assert [set(content["methods"]["surrogate"]) for content in found] == wanted


def test_shards_merge_by_copying(study, own, done, tmp_path, log):
    data, whole, _ = own
    machines = [tmp_path / "first", tmp_path / "second"]
    for part, machine in enumerate(machines, 1):
        directory, runs = machine / "study", machine / "runs"
        assert run_study(study, data, directory, runs_dir=runs, shard=(part, 2)) is None
        own_runs = [run.identity for run in of_shard(plan(study, whole), (part, 2))]
        found = {path.name for path in runs.iterdir() if path.is_dir()}
        assert found == {*own_runs, *({"baselines"} if part == 1 else ())}
        assert {file.name for file in directory.iterdir()} == {"study.json", MANIFEST}
        assert "Copy the folders of all shards" in log.messages[-1]
    shutil.copytree(machines[1] / "runs", machines[0] / "runs", dirs_exist_ok=True)
    assert len(done["train"]) == len(done["evaluate"]) == 4
    assert run_study(study, data, tmp_path / "merged", runs_dir=machines[0] / "runs")
    assert len(done["train"]) == len(done["evaluate"]) == 4
    rows = read_csv(tmp_path / "merged" / "runs.csv")
    assert {row["run"] for row in rows} == {run.identity for run in plan(study, whole)}
    rows = read_csv(tmp_path / "merged" / "baselines.csv")
    assert {row["method"] for row in rows} == {each.name for each in baselines(study.test)}


def test_what_another_process_trains_is_left_to_it(study, own, monkeypatch):
    data, runs, directory = own
    planned = plan(study, runs)
    for run in planned[2:]:
        shutil.rmtree(run.run_dir)
    for each in (processes, module):
        monkeypatch.setattr(each, "RETRY", 0.1)
    copy, trained = processes.train, []
    # another process has claimed the first run, and ends when this one has done the second
    lock = locked(planned[2].run_dir.with_name(f".{planned[2].identity}.study.lock"), "the run")
    lock.__enter__()

    def train(config: Config, data_dir: Path, run_dir: Path, **options: Any) -> None:
        trained.append(run_dir)
        copy(config, data_dir, run_dir, **options)
        if run_dir == planned[3].run_dir:
            copy(planned[2].config, data_dir, planned[2].run_dir)
            lock.__exit__(None, None, None)

    monkeypatch.setattr(processes, "train", train)
    run_study(study, data, directory, runs_dir=runs)
    assert trained == [planned[3].run_dir]
    assert all(run.done for run in plan(study, runs))
