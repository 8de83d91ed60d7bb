import contextlib
import json
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tables import read_csv

from diffkeras.errors import RunError
from diffkeras.studies.plan import load_study, plan, read_methods, time_left
from diffkeras.workflows import run_study as module
from diffkeras.workflows.run_study import run_study


@pytest.fixture(scope="module")
def interrupted(
    study_file: Path, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The data and the directory of a study that Ctrl-C ended in the third of four runs."""
    data = Path(shutil.copytree(data_dir, tmp_path_factory.mktemp("study_data") / "data"))
    directory = tmp_path_factory.mktemp("study_runs") / "small"
    train, calls = module.train, []

    def third_is_interrupted(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "train", third_is_interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_study(str(study_file), str(data), str(directory))
    return data, directory


@pytest.fixture(scope="module")
def finished(study_file: Path, interrupted: tuple[Path, Path]) -> tuple[Path, Path, list[str]]:
    """The same study run to its end, with what it reported."""
    data, directory = interrupted
    study = load_study(str(study_file))
    assert [cell.done for cell in plan(study, directory)] == [True, True, False, False]
    assert not (directory / "runs.csv").exists()
    with _captured() as lines:
        run_study(study, data, directory)
    return data, directory, lines


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


def test_an_interrupted_study_goes_on(finished: tuple[Path, Path, list[str]]) -> None:
    _, _, lines = finished
    assert "4 runs, 2 of them done already" in lines[0]
    assert [line[:10] for line in lines[1:]] == ["run 1 of 2", "run 2 of 2"]


def test_a_finished_study_runs_nothing(
    study_file: Path,
    finished: tuple[Path, Path, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
) -> None:
    data, directory, _ = finished

    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("trained or evaluated again")

    for name in ("train", "evaluate", "generate"):
        monkeypatch.setattr(module, name, never)
    before = (directory / "runs.csv").read_bytes()
    run_study(str(study_file), str(data), str(directory))
    assert "4 runs, 4 of them done already" in log.messages[0]
    assert (directory / "runs.csv").read_bytes() == before


def test_the_table_is_tidy(finished: tuple[Path, Path, list[str]]) -> None:
    _, directory, _ = finished
    rows = read_csv(directory / "runs.csv")
    assert len(rows) == 4 * 4
    factors = [(row["data.train_fraction"], row["training.loss"]) for row in rows[::4]]
    assert factors == [
        ("0.5", "absolute"),
        ("0.5", "huber(delta=0.1)"),
        ("1.0", "absolute"),
        ("1.0", "huber(delta=0.1)"),
    ]
    assert [row["sources"] for row in rows[:4]] == ["all", "1", "2", "3"]
    assert {row["training_examples"] for row in rows} == {"12", "24"}
    for row in rows:
        metrics = json.loads((directory / row["run"] / "evaluation" / "metrics.json").read_text())
        expected = metrics["methods"]["surrogate"][row["sources"]]["mae"]
        assert float(row["mae"]) == pytest.approx(expected, rel=1e-12)


def test_baselines_are_measured_once(finished: tuple[Path, Path, list[str]]) -> None:
    _, directory, _ = finished
    runs = list(dict.fromkeys(row["run"] for row in read_csv(directory / "runs.csv")))
    methods = [
        list(json.loads((directory / run / "evaluation" / "metrics.json").read_text())["methods"])
        for run in runs
    ]
    assert [len(names) for names in methods] == [12, 2, 2, 2]
    html = (directory / "report.html").read_text()
    for name in methods[0][2:]:
        assert f"<td>{name}</td>" in html


def test_the_report_needs_no_other_file(finished: tuple[Path, Path, list[str]]) -> None:
    _, directory, _ = finished
    names = {file.stem for file in (directory / "figures").glob("*.png")}
    assert names == {"training_size", "losses", "source_counts"}
    html = (directory / "report.html").read_text()
    assert "sources set" not in html, "it is of one run, no baseline of all"
    sources = re.findall(r"<img[^>]*?src=[\"']([^\"']*)", html)
    assert len(sources) == 3
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "A small study" in html
    assert "{{" not in html


def test_damaged_runs_are_made_anew(
    study_file: Path, finished: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    data, directory, _ = finished
    copy = Path(shutil.copytree(directory, tmp_path / "small"))
    study = load_study(str(study_file))
    cells = plan(study, copy)
    (cells[0].run_dir / "evaluation" / "metrics.json").write_text('{"methods": []}')
    (cells[1].run_dir / "model.keras").unlink()
    assert [cell.done for cell in plan(study, copy)] == [False, False, True, True]
    run_study(study, data, copy)
    assert all(cell.done for cell in plan(study, copy))


def test_errors_on_another_test_set_are_not_used(
    study_file: Path, finished: tuple[Path, Path, list[str]]
) -> None:
    _, directory, _ = finished
    file = study_file.with_name("other.yaml")
    for change in ("{data.sources: 1-2}", "{data.sources: 1-4}"):
        file.write_text(study_file.read_text().replace("{data.sources: 1-3}", change))
        study = load_study(str(file))
        cells = plan(study, directory)
        assert [cell.done for cell in cells] == [False] * 4
        with pytest.raises(RunError, match="another test set"):
            read_methods(cells[0].run_dir, study.test)


def test_a_run_that_saw_test_images_is_not_done(
    study_file: Path, finished: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    _, directory, _ = finished
    copy = Path(shutil.copytree(directory, tmp_path / "small"))
    study = load_study(str(study_file))
    file = plan(study, copy)[1].run_dir / "run.json"
    content = json.loads(file.read_text())
    del content["dataset_versions"]  # as runs of earlier versions
    file.write_text(json.dumps(content))
    assert [cell.done for cell in plan(study, copy)] == [True, False, True, True]


def test_figures_that_stay_damaged_are_refused_by_name(
    study_file: Path,
    finished: tuple[Path, Path, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, directory, _ = finished
    copy = Path(shutil.copytree(directory, tmp_path / "small"))
    study = load_study(str(study_file))
    run_dir = plan(study, copy)[0].run_dir
    monkeypatch.setattr(module, "evaluate", lambda *args, **kwargs: None)
    (run_dir / "evaluation" / "metrics.json").write_text('{"methods": {"surrogate": 3}}')
    with pytest.raises(RunError, match=r"metrics\.json is damaged"):
        run_study(study, data, copy)


def test_the_time_left_is_that_of_finished_runs(
    study_file: Path, finished: tuple[Path, Path, list[str]], tmp_path: Path
) -> None:
    _, directory, _ = finished
    copy = Path(shutil.copytree(directory, tmp_path / "small"))
    study = load_study(str(study_file))
    assert time_left(plan(study, tmp_path / "none")) is None
    assert time_left(plan(study, copy)) is None
    cells = plan(study, copy)
    for cell, seconds in zip(cells, (2, 2, 6, 6), strict=True):
        file = cell.run_dir / "run.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": seconds}))
    assert [cell.steps for cell in cells] == [3, 3, 6, 6]
    shutil.rmtree(cells[3].run_dir)
    assert time_left(plan(study, copy)) == pytest.approx(10 / 12 * 6)


def test_a_change_of_the_base_is_another_study(study_file: Path, finished: Any) -> None:
    _, directory, _ = finished
    other = load_study(str(study_file), {"training.learning_rate": 0.02})
    assert not any(cell.done for cell in plan(other, directory))
