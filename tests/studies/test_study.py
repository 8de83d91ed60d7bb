import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tables import read_csv

from diffkeras.config import Config
from diffkeras.errors import ConvergenceError, OutputError, RunError
from diffkeras.studies.config import Study
from diffkeras.studies.evaluations import check_evaluation, without_baselines
from diffkeras.studies.plan import Cell, data_needed, plan, time_left
from diffkeras.studies.shard import Shard
from diffkeras.studies.study_data import StudyData
from diffkeras.studies.study_file import load_study
from diffkeras.studies.tables import write_tables
from diffkeras.surrogates.run_directory import END, Run
from diffkeras.system.file_lock import locked
from diffkeras.workflows import run_study as module
from diffkeras.workflows.run_study import run_study
from diffkeras.workflows.study_runs import one_run, queue

Paths = tuple[Path, Path, Path]  # data, pool of runs, directory of the study


@pytest.fixture(scope="module")
def interrupted(
    study_file: Path, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Paths:
    """A study that Ctrl-C ended in the third of four runs."""
    data = Path(shutil.copytree(data_dir, tmp_path_factory.mktemp("study_data") / "data"))
    folder = tmp_path_factory.mktemp("studies")
    train, calls = one_run.train, []

    def third_is_interrupted(*args: Any, **kwargs: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return train(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(one_run, "train", third_is_interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_study(
                str(study_file), str(data), str(folder / "small"), runs_dir=str(folder / "runs")
            )
    return data, folder / "runs", folder / "small"


@pytest.fixture(scope="module")
def finished(study_file: Path, interrupted: Paths) -> tuple[Path, Path, Path, list[str]]:
    """The same study run to its end, with what it reported."""
    data, runs, directory = interrupted
    study = load_study(str(study_file))
    # the longest come first
    assert [cell.done for cell in plan(study, runs)] == [False, False, True, True]
    assert not (directory / "runs.csv").exists()
    with _captured() as lines:
        run_study(study, data, directory, runs_dir=runs)
    return data, runs, directory, lines


@pytest.fixture(autouse=True)
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the fixtures above draw figures."""

    def write_tables_only(
        directory: Path, study: Study, data: StudyData, *_: Any, **__: Any
    ) -> None:
        write_tables(directory, data)

    monkeypatch.setattr(module, "write_study", write_tables_only)


@pytest.fixture(autouse=True)
def no_training(
    finished: tuple[Path, Path, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the fixtures above train: afterwards, a run is a copy under another configuration."""
    trained = next(path for path in finished[1].iterdir() if path.is_dir())

    def copy(config: Config, data_dir: Path, run_dir: Path, **options: Any) -> None:
        assert not run_dir.exists()
        shutil.copytree(trained, run_dir, ignore=shutil.ignore_patterns("tests"))
        (run_dir / "config.yaml").write_text(f"{config.to_yaml()}{END}\n")

    monkeypatch.setattr(one_run, "train", copy)


@pytest.fixture
def own(finished: tuple[Path, Path, Path, list[str]], tmp_path: Path) -> Paths:
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


@contextlib.contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[str]]]:
    """The names of the runs that are trained and of the directories of evaluations."""
    calls: dict[str, list[str]] = {"train": [], "evaluate": []}
    train, evaluate = one_run.train, one_run.evaluate

    def counting_train(config: Any, data_dir: Any, run_dir: Path, **options: Any) -> Any:
        calls["train"].append(run_dir.name)
        return train(config, data_dir, run_dir, **options)

    def counting_evaluate(run_dir: Path, *args: Any, **options: Any) -> Any:
        calls["evaluate"].append(run_dir.name)
        return evaluate(run_dir, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(one_run, "train", counting_train)
        patched.setattr(one_run, "evaluate", counting_evaluate)
        yield calls


def metrics_of(cell: Cell) -> Any:
    [path] = cell.tests.values()
    return json.loads((path / "metrics.json").read_text())


def test_an_interrupted_study_goes_on(finished: tuple[Path, Path, Path, list[str]]) -> None:
    *_, lines = finished
    assert "4 runs, 2 of them done already" in lines[0]
    assert [line[:10] for line in lines[1:]] == ["run 1 of 2", "run 2 of 2"]


def test_a_finished_study_runs_nothing(
    study: Study,
    finished: tuple[Path, Path, Path, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    log: pytest.LogCaptureFixture,
) -> None:
    data, runs, directory, _ = finished

    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("trained or evaluated again")

    monkeypatch.setattr(one_run, "train", never)
    monkeypatch.setattr(one_run, "evaluate", never)
    monkeypatch.setattr(module, "generate", never)
    before = (directory / "runs.csv").read_bytes()
    assert run_study(study, data, directory, runs_dir=runs) == directory
    assert "4 runs, 4 of them done already" in log.messages[0]
    assert (directory / "runs.csv").read_bytes() == before
    assert data_needed(study, plan(study, runs)) == []


def test_evaluations_are_tables_only(
    study: Study, finished: tuple[Path, Path, Path, list[str]]
) -> None:
    _, runs, directory, _ = finished
    [path] = plan(study, runs)[0].tests.values()
    assert {file.name for file in path.iterdir()} == {"metrics.json", "examples.csv"}
    assert not (runs / "evaluation").exists()
    assert json.loads((directory / "study.json").read_text())["factors"] == {
        "data.train_fraction": ["0.5", "1.0"],
        "training.loss": ["absolute", "huber(delta=0.1)"],
    }


def test_baselines_are_measured_once(
    study: Study, finished: tuple[Path, Path, Path, list[str]]
) -> None:
    _, runs, directory, _ = finished
    methods = [list(metrics_of(cell)["methods"]) for cell in plan(study, runs)]
    assert [len(names) for names in methods] == [2, 2, 12, 2]  # with the first that was trained
    html = (directory / "report.html").read_text()
    for name in methods[2][2:]:
        assert f"<td>{name}</td>" in html


def test_runs_are_shared_between_studies(
    study: Study,
    own: Paths,
    write_other: Callable[..., Study],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    data, runs, _ = own
    other = write_other(**{"name: small": "name: other", "absolute, {": "squared, absolute, {"})
    cells = plan(other, runs)
    new = [cell.identity for cell in cells if cell.values["training.loss"] == "squared"]
    with counted(monkeypatch) as calls:
        run_study(other, data, tmp_path / "other", runs_dir=runs)
    assert calls == {"train": new[::-1], "evaluate": new[::-1]}
    assert all(cell.done for cell in plan(study, runs))


def test_another_test_set_needs_no_training(
    own: Paths, write_other: Callable[..., Study], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data, runs, _ = own
    other = write_other(**{"{test: {data.sources: 1-3}}": "{test: {data.sources: 1-3}, two: {}}"})
    cells = plan(other, runs)
    assert [(cell.trained, cell.done) for cell in cells] == [(True, False)] * 4
    with pytest.raises(RunError, match="missing"):
        check_evaluation(cells[0].tests["two"], other.test_sets["two"], cells[0].identity)
    with counted(monkeypatch) as calls:
        run_study(other, data, tmp_path / "other", runs_dir=runs)
    assert calls == {"train": [], "evaluate": [cell.identity for cell in cells]}
    wanted = [{"all", "1", "2", "3"}, {"all", "1", "2"}]
    for cell in plan(other, runs):
        found = [json.loads((path / "metrics.json").read_text()) for path in cell.tests.values()]
        assert [set(content["methods"]["surrogate"]) for content in found] == wanted


def test_baselines_that_no_run_has_are_measured_with_the_first(
    study: Study, own: Paths, monkeypatch: pytest.MonkeyPatch
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


def test_damaged_runs_are_made_again(
    study: Study, own: Paths, log: pytest.LogCaptureFixture
) -> None:
    data, runs, directory = own
    cells = plan(study, runs)
    (next(iter(cells[0].tests.values())) / "metrics.json").write_text('{"methods": []}')
    (cells[1].run_dir / "model.keras").unlink()
    (next(iter(cells[3].tests.values())) / "examples.csv").unlink()
    assert [cell.done for cell in plan(study, runs)] == [False, False, True, False]
    examples = next(iter(cells[2].tests.values())) / "examples.csv"
    examples.write_bytes(b"".join(examples.read_bytes().splitlines(keepends=True)[:4]))
    (examples.parent / "metrics.json").unlink()  # an evaluation ended before its last file
    assert not any(cell.done for cell in plan(study, runs))
    run_study(study, data, directory, runs_dir=runs)
    assert all(cell.done for cell in plan(study, runs))
    said = [line for line in log.messages if "measuring it again" in line]
    for cell, name in ((cells[0], "metrics"), (cells[2], "metrics"), (cells[3], "examples")):
        assert sum(cell.identity in line and f"{name}." in line for line in said) == 1
    assert len(said) == 3


def test_runs_that_cannot_be_read_are_kept_and_trained_again(
    own: Paths, write_other: Callable[..., Study], tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    data, runs, _ = own
    # a new test set, because the report alone needs neither the model nor the configuration
    other = write_other(**{"{test: {data.sources: 1-3}}": "{test: {data.sources: 1-2}}"})
    damaged = {}
    for cell, name in zip(
        plan(other, runs), ("run.json", "config.yaml", "history.csv", "model.keras"), strict=True
    ):
        file = cell.run_dir / name
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 0x81  # no text any more, and a weight that no header shows
        file.write_bytes(content)
        damaged[file] = content
    run_study(other, data, tmp_path / "other", runs_dir=runs)
    for file, content in damaged.items():
        kept = file.parent.with_name(f"{file.parent.name}.previous") / file.name
        assert kept.read_bytes() == content
        said = [line for line in log.messages if str(file) in line and "trai" in line]
        assert [f"renamed to {kept.parent.name}" in line for line in said] == [True]
    assert all(cell.done for cell in plan(other, runs))


def test_a_run_under_the_name_of_another_one_is_trained_again(
    study: Study, own: Paths, log: pytest.LogCaptureFixture
) -> None:
    data, runs, directory = own
    first, second = (cell.run_dir for cell in plan(study, runs)[:2])
    shutil.rmtree(second)
    shutil.copytree(first, second)
    assert [cell.done for cell in plan(study, runs)] == [True, False, True, True]
    run_study(study, data, directory, runs_dir=runs)
    assert any("holds another run than its name says" in line for line in log.messages)
    assert Run(second).config().training.loss == {"error": "huber", "delta": 0.1}
    assert all(cell.done for cell in plan(study, runs))


def test_errors_of_another_test_set_are_not_used(
    study: Study, finished: tuple[Path, Path, Path, list[str]], write_other: Callable[..., Study]
) -> None:
    _, runs, _, _ = finished
    cell = plan(study, runs)[0]
    [path] = cell.tests.values()
    for changed in ("{data.sources: 1-2}", "{data.sources: 1-4}", "{data.test_examples: 4}"):
        other = write_other(**{"{data.sources: 1-3}": changed})
        assert [cell.done for cell in plan(other, runs)] == [False] * 4
        with pytest.raises(RunError, match="another test set"):
            check_evaluation(path, without_baselines(other.test), cell.identity)


def test_a_run_that_saw_test_images_is_not_done(study: Study, own: Paths) -> None:
    _, runs, _ = own
    file = plan(study, runs)[1].run_dir / "run.json"
    content = json.loads(file.read_text())
    del content["dataset_versions"]  # as runs of earlier versions
    file.write_text(json.dumps(content))
    assert [cell.done for cell in plan(study, runs)] == [True, False, True, True]


@pytest.mark.parametrize("place", ["train", "evaluate"])
def test_one_failed_run_does_not_end_the_others(
    study: Study,
    own: Paths,
    place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data, runs, directory = own
    cells = plan(study, runs)
    shutil.rmtree(cells[2].run_dir)  # the one that measured the baselines
    shutil.rmtree(cells[3].run_dir)
    function = getattr(one_run, place)

    def fails(*args: Any, **options: Any) -> Any:
        if cells[2].run_dir in args:
            raise ConvergenceError("the loss\nis not finite")
        return function(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(one_run, place, fails)
        with pytest.raises(RunError, match=r"1 of 4 runs failed.*: the loss is not finite"):
            run_study(study, data, directory, runs_dir=runs)
    assert [cell.done for cell in plan(study, runs)] == [True, True, False, True]
    assert len(metrics_of(cells[3])["methods"]) == 12
    assert read_csv(directory / "failed.csv") == [
        {"title": cells[2].title, "run": cells[2].identity, "error": "the loss is not finite"}
    ]
    assert {row["run"] for row in read_csv(directory / "runs.csv")} == {
        cell.identity for cell in cells if cell is not cells[2]
    }
    assert run_study(study, data, directory, runs_dir=runs) == directory
    assert all(cell.done for cell in plan(study, runs))
    assert not (directory / "failed.csv").exists()


def test_no_report_without_a_run(
    study: Study, own: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: Any, **options: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(one_run, "train", fails)
    with pytest.raises(RunError, match=r"4 of 4 runs failed.*ValueError: a bug; .*…"):
        run_study(study, own[0], tmp_path / "new", runs_dir=tmp_path / "empty")
    assert {file.name for file in (tmp_path / "new").iterdir()} == {"study.json", "failed.csv"}


def test_shards_merge_by_copying(
    study: Study,
    own: Paths,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    log: pytest.LogCaptureFixture,
) -> None:
    data, done, _ = own
    machines = [tmp_path / "first", tmp_path / "second"]
    for part, machine in enumerate(machines, 1):
        directory, runs = machine / "study", machine / "runs"
        shard = Shard(part, 2)
        assert run_study(study, data, directory, runs_dir=runs, shard=shard) is None
        own_runs = [cell.identity for cell in plan(study, done)[part - 1 :: 2]]
        assert sorted(path.name for path in runs.iterdir() if path.is_dir()) == sorted(own_runs)
        assert {file.name for file in directory.iterdir()} == {"study.json"}
        assert "Copy the folders of all shards" in log.messages[-1]
    shutil.copytree(machines[1] / "runs", machines[0] / "runs", dirs_exist_ok=True)
    with counted(monkeypatch) as calls:
        assert run_study(study, data, tmp_path / "merged", runs_dir=machines[0] / "runs")
    assert calls == {"train": [], "evaluate": []}
    rows = read_csv(tmp_path / "merged" / "runs.csv")
    assert {row["run"] for row in rows} == {cell.identity for cell in plan(study, done)}
    assert len(read_csv(tmp_path / "merged" / "baselines.csv")) == 10 * 4


def test_what_another_process_trains_is_left_to_it(
    study: Study, own: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, runs, directory = own
    cells = plan(study, runs)
    for cell in cells[2:]:
        shutil.rmtree(cell.run_dir)
    monkeypatch.setattr(queue, "RETRY", 0.1)
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    copy, trained = one_run.train, []
    # another process has claimed the first run, and ends when this one has done the second
    lock = locked(cells[2].run_dir.with_name(f".{cells[2].identity}.study.lock"), "the run")
    lock.__enter__()

    def train(config: Config, data_dir: Path, run_dir: Path, **options: Any) -> None:
        trained.append(run_dir)
        copy(config, data_dir, run_dir, **options)
        if run_dir == cells[3].run_dir:
            copy(cells[2].config, data_dir, cells[2].run_dir)
            lock.__exit__(None, None, None)

    monkeypatch.setattr(one_run, "train", train)
    run_study(study, data, directory, runs_dir=runs)
    assert trained == [cells[3].run_dir]
    assert all(cell.done for cell in plan(study, runs))


def test_results_are_written_by_one_process_at_a_time(
    study: Study, own: Paths, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data, runs, _ = own
    directory = tmp_path / "new"
    lock = locked(directory / ".study.lock", "it")
    lock.__enter__()
    waited: list[float] = []
    write = module.write_study

    def wait(seconds: float) -> None:
        waited.append(seconds)
        lock.__exit__(None, None, None)

    def write_alone(*args: Any, **options: Any) -> None:
        assert waited
        assert (directory / ".study.lock").exists()
        write(*args, **options)

    (directory / "study.json").write_text((own[2] / "study.json").read_text())
    monkeypatch.setattr(module, "time", SimpleNamespace(sleep=wait))
    monkeypatch.setattr(module, "write_study", write_alone)
    run_study(study, data, directory, runs_dir=runs)
    assert len(waited) == 1
    assert (directory / "runs.csv").is_file()
    assert not (directory / ".study.lock").exists()


def test_other_directories_are_refused_before_any_work(
    study: Study, own: Paths, write_other: Callable[..., Study], tmp_path: Path
) -> None:
    data, runs, directory = own
    empty = tmp_path / "empty"
    for changed, message in (
        ({"name: small": "name: other"}, "another study, whose name is 'small', not 'other'"),
        ({"[0.5, 1.0]": "[0.25, 0.5]"}, r"whose factors is data.train_fraction: 0\.5, 1\.0"),
    ):
        with pytest.raises(RunError, match=message):
            run_study(write_other(**changed), data, directory, runs_dir=empty)
    with pytest.raises(OutputError, match="is the directory of all runs"):
        run_study(study, data, runs, runs_dir=runs / ".." / "runs")
    with pytest.raises(OutputError, match=r"holds files but no study\.json"):
        run_study(study, data, runs, runs_dir=empty)
    for content, message in (
        ("{", r"study\.json is missing or damaged: .*; choose another --run-dir"),
        ("[]", r"study\.json is damaged, .*; choose another --run-dir"),
        ('{"name": "small", "factors": {"a": 3}}', "another study, whose factors is {'a': 3}"),
    ):
        (directory / "study.json").write_text(content)
        with pytest.raises(RunError, match=message):
            run_study(study, data, directory, runs_dir=empty)
    assert not empty.exists()


def test_the_time_left_is_that_of_finished_runs(study: Study, own: Paths, tmp_path: Path) -> None:
    _, runs, _ = own
    assert time_left(plan(study, tmp_path / "none")) is None
    cells = plan(study, runs)
    assert time_left(cells) is None
    for cell, seconds in zip(cells, (2, 2, 6, 6), strict=True):
        file = cell.run_dir / "run.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "seconds": seconds}))
    assert [cell.steps for cell in cells] == [3, 3, 6, 6]
    shutil.rmtree(cells[3].run_dir)
    assert time_left(plan(study, runs)) == pytest.approx(10 / 12 * 6)
    assert time_left(plan(study, runs), jobs=2) == pytest.approx(10 / 12 * 3)


def test_a_change_of_the_base_makes_other_runs(
    study_file: Path, finished: tuple[Path, Path, Path, list[str]]
) -> None:
    other = load_study(str(study_file), {"training.learning_rate": 0.02})
    assert not any(cell.trained for cell in plan(other, finished[1]))
