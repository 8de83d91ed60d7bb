"""A study that trains and evaluates, from its first run over an interruption to its report."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from diffkeras.evaluation.methods import baselines
from diffkeras.studies import processes
from diffkeras.studies.plan import plan
from diffkeras.studies.study_file import load_study
from diffkeras.studies.study_run import run_study
from diffkeras.system.result_folders import MANIFEST
from tests.helpers.lean_runs import lean_training


def test_an_interrupted_study_goes_on_to_its_report(
    study_file, data_dir, tmp_path, monkeypatch, log
):
    file = study_file.with_name("whole.yaml")
    settings = "settings: {training.epochs: 1}\nfactors: {data.train_fraction: [0.5, 1]}"
    settings += "\ntest_sets: {more: {data.sources: 3}}"
    file.write_text(f"name: whole\nquestion: How large?\nbase: tiny.yaml\n{settings}\n")
    study, runs, directory = load_study(str(file)), tmp_path / "runs", tmp_path / "whole"
    data = Path(shutil.copytree(data_dir, tmp_path / "data"))
    train, calls = processes.train, []

    def second_is_interrupted(*arguments: Any, **options: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        train(*arguments, **options)

    with lean_training(), monkeypatch.context() as patched:
        patched.setattr(processes, "train", second_is_interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_study(study, data, directory, runs_dir=runs)
    assert [run.done for run in plan(study, runs)] == [False, True], "the longest comes first"
    assert {path.name for path in directory.iterdir()} == {"study.json", MANIFEST}
    log.clear()
    with lean_training():
        assert run_study(study, data, directory, runs_dir=runs) == directory
    lines = [line for line in log.messages if line.startswith(("whole", "run "))]
    assert "2 runs, 1 of them done already" in lines[0]
    assert [line[:10] for line in lines[1:-1]] == ["run 1 of 1"]
    assert lines[-1].startswith("whole: 2 of 2 runs finished. The lattice MAE ")
    assert "trained on images of 1 to 2" not in log.text, "other counts are tested on purpose"
    html = (directory / "report.html").read_text()
    for name in ("How large?", *(f"<td>{each.name}</td>" for each in baselines(study.test))):
        assert name in html
    [path] = plan(study, runs)[0].tests.values()
    assert {file.name for file in path.iterdir()} == {"metrics.json", "examples.csv", MANIFEST}
    factors = json.loads((directory / "study.json").read_text())["factors"]
    assert factors == {"data.train_fraction": ["0.5", "1"]}
