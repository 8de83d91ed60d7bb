"""A study that was interrupted and then run to its end, and copies of it.

Only it trains, before the interruption and after it, and draws figures. All other runs are copies
of those, under another configuration.
"""

import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lean_runs import lean_training
from shared_results import shared
from studied_runs import FinishedStudy, StudyPaths

from diffkeras.config import Config
from diffkeras.studies.config import Study
from diffkeras.studies.plan import plan
from diffkeras.studies.results import without_baselines
from diffkeras.studies.study_data import StudyData, write_tables
from diffkeras.studies.study_file import load_study
from diffkeras.surrogates.run_directory import Run
from diffkeras.workflows import evaluate, train
from diffkeras.workflows.study_runs import one_run
from diffkeras.workflows.study_runs import run_study as module
from diffkeras.workflows.study_runs.run_study import run_study


@pytest.fixture(scope="session")
def interrupted(
    study_file: Path, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> StudyPaths:
    """A study that Ctrl-C ended in the third of four runs."""
    return shared(
        tmp_path_factory, "study", lambda folder: _interrupt(study_file, data_dir, folder)
    )


def copy_run(trained: Path, config: Config, run_dir: Path) -> None:
    """In place of training with this configuration."""
    assert not run_dir.exists()
    shutil.copytree(trained, run_dir, ignore=shutil.ignore_patterns("tests"))
    (run_dir / "config.yaml").write_text(config.to_yaml())
    Run(run_dir).seal()


def _interrupt(study_file: Path, data_dir: Path, folder: Path) -> StudyPaths:
    data = Path(shutil.copytree(data_dir, folder / "data"))
    calls: list[Path] = []

    def third_is_interrupted(config: Config, data_dir: Path, run_dir: Path, **options: Any) -> None:
        calls.append(run_dir)
        if len(calls) == 3:
            raise KeyboardInterrupt
        if len(calls) == 2:
            copy_run(calls[0], config, run_dir)
        else:
            train(config, data_dir, run_dir, **options)

    with pytest.MonkeyPatch.context() as patched, lean_training():
        patched.setattr(one_run, "train", third_is_interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_study(
                str(study_file), str(data), str(folder / "small"), runs_dir=str(folder / "runs")
            )
    return data, folder / "runs", folder / "small"


@pytest.fixture(scope="session")
def finished(
    study_file: Path, interrupted: StudyPaths, tmp_path_factory: pytest.TempPathFactory
) -> FinishedStudy:
    """The same study run to its end, with what it reported."""
    return shared(tmp_path_factory, "finished_study", lambda _: _finish(study_file, *interrupted))


def _finish(study_file: Path, data: Path, runs: Path, directory: Path) -> FinishedStudy:
    study = load_study(str(study_file))
    # the longest come first
    assert [run.done for run in plan(study, runs)] == [False, False, True, True]
    assert not (directory / "runs.csv").exists()
    with _captured() as lines, lean_training():
        run_study(study, data, directory, runs_dir=runs)
    return data, runs, directory, lines


@contextlib.contextmanager
def _captured() -> Iterator[list[str]]:
    """What the study logs: pytest's fixture for this belongs to single tests."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    module.logger.addHandler(handler)
    module.logger.setLevel(logging.INFO)
    yield lines
    module.logger.removeHandler(handler)
    module.logger.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the fixtures above draw figures."""

    def write_tables_only(
        directory: Path, study: Study, data: StudyData, *_: Any, **__: Any
    ) -> None:
        write_tables(directory, data)

    monkeypatch.setattr(module, "write_study", write_tables_only)


@pytest.fixture(autouse=True)
def no_training(finished: FinishedStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the fixtures above train: afterwards, a run is a copy under another configuration."""
    trained = next(path for path in finished[1].iterdir() if path.is_dir())

    def copy(config: Config, data_dir: Path, run_dir: Path, **options: Any) -> None:
        copy_run(trained, config, run_dir)

    monkeypatch.setattr(one_run, "train", copy)


@pytest.fixture(scope="session")
def measured(study_file: Path, finished: FinishedStudy) -> dict[str, Path]:
    """Test set and methods → an evaluation."""
    study = load_study(str(study_file))
    first, *_, with_baselines, _ = (
        path for run in plan(study, finished[1]) for path in run.tests.values()
    )
    return {_key(study.test): with_baselines, _key(without_baselines(study.test)): first}


def _key(test: Config) -> str:
    return f"{test.data} {test.evaluation}"


@pytest.fixture(autouse=True)
def few_evaluations(
    measured: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each test set is measured once: afterwards, an evaluation is a copy for another run."""

    def copy(run_dir: Path, data: Path, *, config: Config, output: Path, **options: Any) -> None:
        key = _key(config)
        if key not in measured:
            place = tmp_path_factory.mktemp("evaluations") / "evaluation"
            measured[key] = evaluate(run_dir, data, config=config, output=place, **options).path
        shutil.copytree(measured[key], output, dirs_exist_ok=True)
        file = output / "metrics.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "run": run_dir.name}))

    monkeypatch.setattr(one_run, "evaluate", copy)


@pytest.fixture
def own(finished: FinishedStudy, tmp_path: Path) -> StudyPaths:
    """A copy that a test may damage."""
    data, runs, directory, _ = finished
    copied = [Path(shutil.copytree(path, tmp_path / path.name)) for path in (runs, directory)]
    return data, copied[0], copied[1]


@pytest.fixture
def study(study_file: Path) -> Study:
    return load_study(str(study_file))


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
