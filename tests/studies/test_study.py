import contextlib
import json
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tables import read_csv

from diffkeras.config import Config
from diffkeras.errors import ConfigurationError, RunError
from diffkeras.reporting.figures import to_png
from diffkeras.studies import figures as study_figures
from diffkeras.studies.grouping import Result, group_results
from diffkeras.studies.plan import Cell, data_needed, load_study, plan, read_methods, time_left
from diffkeras.workflows import run_study as module
from diffkeras.workflows.run_study import run_study

STUDY = """
name: small
title: A small study
base: tiny.yaml
settings: {training.epochs: 1}
test_sources: 1-3
factors:
  data.train_fraction: [0.5, 1.0]
  training.loss: [absolute, {error: huber, delta: 0.1}]
"""


@pytest.fixture(scope="module")
def study_file(tiny: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "tiny.yaml").write_text(tiny.to_yaml())
    (folder / "small.yaml").write_text(STUDY)
    return folder / "small.yaml"


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
    for change in ("test_sources: 1-2", "test_sources: 1-4"):
        file.write_text(STUDY.replace("test_sources: 1-3", change))
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


def test_factors_that_change_the_data_are_tested_on_the_base_test_set(study_file: Path) -> None:
    file = study_file.with_name("seeds.yaml")
    file.write_text("name: s\nbase: tiny.yaml\nfactors: {data.seed: [0, 3]}\n")
    study = load_study(str(file))
    needed = data_needed(study, plan(study, Path()))
    assert {config.data.seed for config in needed} == {0, 3}
    assert study.test.data.seed == 3


def test_runs_are_named_after_their_factors(study_file: Path) -> None:
    cells = plan(load_study(str(study_file)), Path("there"))
    names = [cell.run_dir.name for cell in cells]
    assert len(set(names)) == 4
    assert names[0].startswith("train-fraction-0.5_loss-absolute-")
    assert [cell.title for cell in cells][3] == "train fraction 1.0, huber(delta=0.1)"
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is no study"),
        ("- 1", "is no study"),
        ("name: a\nbase: tiny.yaml", "has no `factors`"),
        ("name: a\nbase: tiny.yaml\nfactors: 3", "factors: "),
        ("name: a\nbase: tiny.yaml\nfactors: {}", "at least one factor"),
        ("name: a\nbase: tiny.yaml\nfactors: {training.seed: []}", "has no values"),
        ("name: a\nbase: tiny.yaml\nfactors: {training.seed: 3}", r"factors\.training\.seed: "),
        ("name: a\nbase: tiny.yaml\nfactors: {training.seed: [1, 1]}", "names a value twice"),
        ("name: a\nbase: tiny.yaml\nfactors: {training.sed: [1]}", "sed: unknown key; do you mean"),
        ("name: a\nbase: tiny.yaml\nfactors: {training.epochs: [-1]}", r"training\.epochs: "),
        ("name: a\nbase: tiny.yaml\nfactors: {training.loss: [cubic]}", r"training\.loss: "),
        ("name: a\nbase: tiny.yaml\nfactors: {physics.decay: [0.1]}", "can't be a factor"),
        *(
            (f"name: a\nbase: tiny.yaml\nfactors: {factors}", message)
            for factors, message in (
                ("{physics: [{decay: 0.1}]}", r"physics is a section; name dotted keys"),
                ("{data: [{test_examples: 3}]}", "data is a section; name dotted keys"),
                ("{data.placement: [{kind: edge}]}", r"data\.placement is a section"),
                ("{name: [a, b]}", "name can't be a factor"),
                ("{evaluation.bounds: [1, 2]}", "can't be a factor"),
                ("{data.diffusion_length: [[1, 2], [3, 4]]}", "can't be a factor"),
                ("{training.learning_rate: [1e-3, 0.001]}", "names a value twice"),
                ("{training.learning_rate: ['1e-3', 0.001]}", "are the same run"),
                ("{training.loss: [absolute, {error: absolute}]}", "are the same run"),
                ("{training.loss: [mae, absolute]}", "are the same run"),
                ("{data.sources: [1-2, '1,2']}", "are the same run"),
                ("{training.seed: [0, 1], training: [{epochs: 3}]}", "training is a section"),
            )
        ),
        ("name: a\nbase: nosuch\nfactors: {training.seed: [1]}", "no configuration file 'nosuch'"),
        ("base: tiny.yaml\nfactors: {training.seed: [1]}", "name is missing"),
        ("name: ../a\nbase: tiny.yaml\nfactors: {training.seed: [1]}", "name: "),
        ("name: a\nbase: tiny.yaml\nextra: 1\nfactors: {training.seed: [1]}", "extra: unknown key"),
        ("name: a\nbase: tiny.yaml\nsettings: 5\nfactors: {training.seed: [1]}", "settings: "),
        (
            "name: a\nbase: tiny.yaml\nsettings: {training.x: 5}\nfactors: {training.seed: [1]}",
            r"training\.x: unknown key",
        ),
        (
            "name: a\nbase: tiny.yaml\ntest_sources: x\nfactors: {training.seed: [1]}",
            "test_sources",
        ),
    ],
)
def test_malformed_studies_are_refused(study_file: Path, content: str, message: str) -> None:
    file = study_file.with_name("malformed.yaml")
    file.write_text(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_study(str(file))
    assert "\n" not in str(caught.value)


SHIPPED = sorted(path.stem for path in Path(__file__).parents[2].glob("configs/studies/*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_studies_load(name: str) -> None:
    study = load_study(f"studies/{name}")
    assert study.name == name
    assert len(plan(study, Path())) == np.prod([len(values) for values in study.factors.values()])
    assert study.base.physics.lattice == ((64, 64) if name.endswith("_reduced") else (512, 512))
    assert study.base.physics.sources == ("production" if "production" in name else "fixed_value")


def result(config: Config, values: dict[str, Any], mae: float) -> Result:
    figures = {"mae": mae, **{f"mae_{r}": mae for r in ("sources", "field", "r1", "r2")}}
    by_count = {sources: {**figures, "mae_r3": None} for sources in ("all", "1", "2")}
    methods = {"surrogate": by_count, "zero field": by_count}
    cell = Cell("", values, config.with_overrides(values), Path(), True)
    return Result(cell, methods, {})


def test_seeds_are_gathered_and_their_spread_is_drawn(tiny: Config) -> None:
    factors = {
        "data.train_fraction": [0.5, 1.0],
        "training.loss": ["absolute", "squared"],
        "training.seed": [0, 1, 2],
    }
    results = [
        result(
            tiny,
            {"data.train_fraction": f, "training.loss": loss, "training.seed": seed},
            0.1 / f + seed / 100,
        )
        for f in (0.5, 1.0)
        for loss in ("absolute", "squared")
        for seed in (0, 1, 2)
    ]
    groups = group_results(results, factors)
    assert [(g.label, len(g.results)) for g in groups] == [
        ("train fraction 0.5, absolute", 3),
        ("train fraction 0.5, squared", 3),
        ("train fraction 1.0, absolute", 3),
        ("train fraction 1.0, squared", 3),
    ]
    assert groups[0].errors() == pytest.approx([0.2, 0.21, 0.22])
    assert groups[0].errors("mae_r3") == []
    figure = study_figures.size_figure(groups, "data.train_fraction", {"zero field": 0.3})
    left, right = figure.axes
    absolute = next(line for line in left.lines if line.get_label() == "absolute")
    assert list(absolute.get_xdata()) == [12, 24]
    np.testing.assert_allclose(absolute.get_ydata(), [0.21, 0.11])
    np.testing.assert_allclose(right.lines[0].get_ydata(), [0.01] * 2)
    for drawn in (
        figure,
        study_figures.loss_figure(groups),
        study_figures.counts_figure(groups, ["1", "2"], results[0].metrics),
    ):
        assert to_png(drawn, dpi=30).startswith(b"\x89PNG")
