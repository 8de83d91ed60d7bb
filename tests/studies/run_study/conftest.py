"""A finished study whose runs are copies of one, with errors that nobody measured."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from studied_runs import StudyPaths

from diffkeras.config import Config
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.methods import SURROGATE, describe_methods
from diffkeras.studies.config import Study
from diffkeras.studies.study_data import ALL, StudyData, write_tables
from diffkeras.studies.study_file import load_study
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import write_csv, write_json
from diffkeras.workflows.study_runs import one_run
from diffkeras.workflows.study_runs import run_study as module
from diffkeras.workflows.study_runs.run_study import run_study


def write_evaluation(
    run_dir: Path, data_dir: Path, *, config: Config, output: Path, **options: Any
) -> None:
    """In place of evaluating: equal errors of all methods and images of a source count."""
    counts, images = config.data.sources, config.data.test_examples
    errors = {str(n): {"images": images, **dict.fromkeys(ERRORS, 0.1 * n)} for n in counts}
    errors[ALL] = {"images": images * len(counts), **dict.fromkeys(ERRORS, 0.1)}
    rows = [[SURROGATE, n, k, *([0.1 * n] * len(ERRORS))] for n in counts for k in range(images)]
    write_csv(output / "examples.csv", ["method", "sources", "example", *ERRORS], rows)
    methods = dict.fromkeys(describe_methods(config), errors)
    write_json(output / "metrics.json", {"run": run_dir.name, "methods": methods})


@pytest.fixture(autouse=True)
def pretended_work(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training copies a run under another configuration, and no figures are drawn."""

    def copy_run(config: Config, data_dir: Path, path: Path, **options: Any) -> None:
        assert not path.exists()
        shutil.copytree(run_dir, path, ignore=shutil.ignore_patterns("saved_model", "logs"))
        (path / "config.yaml").write_text(config.to_yaml())
        Run(path).seal()

    def write(directory: Path, study: Study, data: StudyData, *_: Any, **__: Any) -> None:
        write_tables(directory, data)

    monkeypatch.setattr(one_run, "train", copy_run)
    monkeypatch.setattr(one_run, "evaluate", write_evaluation)
    monkeypatch.setattr(module, "generate", lambda *_, **__: [])
    monkeypatch.setattr(module, "write_study", write)


@pytest.fixture
def study(study_file: Path) -> Study:
    return load_study(str(study_file))


@pytest.fixture
def own(study: Study, tmp_path: Path) -> StudyPaths:
    """The finished study: data, pool of runs, and its directory."""
    data, runs, directory = (tmp_path / name for name in ("data", "runs", "small"))
    run_study(study, data, directory, runs_dir=runs)
    return data, runs, directory


@pytest.fixture
def write_other(study_file: Path, tmp_path: Path) -> Callable[..., Study]:
    """`write_other(old=new)`: the same study with words of its file replaced."""

    def write(**replaced: str) -> Study:
        text = study_file.read_text()
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        file = study_file.with_name("other.yaml")
        file.write_text(text)
        return load_study(str(file))

    return write
