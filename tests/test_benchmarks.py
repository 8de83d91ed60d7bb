import csv
import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from diffkeras.config import Config
from diffkeras.errors import RunError
from diffkeras.evaluation.benchmark_data.archive import BenchmarkSplit
from diffkeras.evaluation.benchmark_data.splits import public_split
from diffkeras.physics import Sources, load_family
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.shipped import SHIPPED
from tests.helpers.tables import read_csv

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
HIDE_TORCH = """
import importlib.util, runpy, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else found(name, *rest)
runpy.run_module("benchmarks.training", run_name="__main__")
"""


# programs, of which children of other programs have no command
PROGRAMS = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts): file
    for file in sorted((ROOT / "benchmarks").rglob("*.py"))
    if '__name__ == "__main__"' in file.read_text()
}
CHILDREN = ("benchmarks.training_keras", "benchmarks.training_torch")
# their options, at a size of seconds
CHEAP = {
    "families": "--side 32 --parameters 3 --snapshots 12 --points 2",
    "gradients": "--side 96 --rounds 1",
    "pipeline": "--sides 64 --seconds 0.01 --rounds 1 --examples 2",
    "space": "--side 16 --count 1",
    "tissue": "--side 96 --rounds 1",
    "two_readings": "--counts 1 --examples 1",
    "varying_proofs": "--side 64 --rounds 1",
}


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_training_says_in_one_line_that_it_needs_torch():
    done = run("-c", HIDE_TORCH)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "pip install --target" in line


def test_children_answer_and_tell_why_they_failed():
    done = run(
        "-c",
        "from benchmarks.children import Child\n"
        "with Child('children', {}, threads=1) as child:\n"
        "    try: child.ask('anything')\n"
        "    except RuntimeError as error: print(f'told: {error}')\n",
    )
    assert done.stdout.startswith("told: "), done.stderr


def test_children_that_take_too_long_are_ended():
    done = run(
        "-c",
        "from benchmarks.children import in_own_process\n"
        "try: in_own_process('solver', 'measure', limit=0.01, method='plain CG')\n"
        "except RuntimeError as error: print(f'told: {error}')\n",
    )
    assert done.stdout == "told: given up after 0.01 s\n", done.stderr


@pytest.fixture
def benchmarks(monkeypatch):
    """The folder of the benchmarks can be imported."""
    monkeypatch.syspath_prepend(str(ROOT))


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in CHILDREN])
def test_each_program_has_a_command(name):
    if name == "benchmarks.calibration":
        pytest.importorskip("emcee")
    shown = CliRunner().invoke(importlib.import_module(name).main, ["--help"])
    assert shown.exit_code == 0, shown.output
    assert len(shown.output.splitlines()[2].split()) > 3  # what it measures, in a sentence


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize("name", CHEAP)
def test_cheap_benchmarks_write_the_published_tables(name, tmp_path):
    main = importlib.import_module(f"benchmarks.{name}").main
    options = [*CHEAP[name].split(), "--output", str(tmp_path / name)]
    shown = CliRunner().invoke(main, options, catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    published = {file.name for file in RESULTS.glob("*.csv")}
    tables = [file for file in tmp_path.glob("*.csv") if file.name in published]
    assert tables
    for made in tables:
        rows = read_csv(made)
        assert [*rows[0]] == [*read_csv(RESULTS / made.name)[0]]
        assert made.with_suffix(".md").read_text().count("\n| ") == 2 + len(rows)


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize(
    "name",  # rows of runs, which rules read, have no table
    sorted(file.stem for file in RESULTS.glob("*.csv") if file.with_suffix(".md").exists()),
)
def test_published_tables_are_as_they_are_written_now(name, tmp_path):
    """A program that writes other columns needs a new measurement, or the figures moved over."""
    from benchmarks.tables import CAPTION, write_table

    rows = read_csv(RESULTS / f"{name}.csv")
    (caption,) = {row.pop(CAPTION) for row in rows}
    write_table([[*row.values()] for row in rows], [*rows[0]], tmp_path / name, caption)
    for suffix in (".md", ".csv"):
        made = tmp_path / f"{name}{suffix}"
        assert made.read_text() == (RESULTS / made.name).read_text()


@pytest.mark.usefixtures("benchmarks")
def test_cards_of_surrogates_are_as_they_are_written_now(tmp_path):
    from benchmarks.model_cards import main

    shutil.copytree(SHIPPED, tmp_path, dirs_exist_ok=True)
    cards = {path: path.read_text() for path in tmp_path.glob("*/card.md")}
    assert cards
    for path in cards:
        path.unlink()
    CliRunner().invoke(main, ["--texts", "--output", str(tmp_path)], catch_exceptions=False)
    assert {path: path.read_text() for path in cards} == cards


@pytest.mark.usefixtures("benchmarks")
def test_rows_survive_a_table_that_is_stopped_while_it_is_written(tmp_path, monkeypatch):
    from benchmarks.tables import write_rows

    def write(name):
        write_rows([[name, "1"]], ["name", "figure"], tmp_path / "table", "here", [])

    def stopped(file):
        raise KeyboardInterrupt

    write("first")
    with monkeypatch.context() as patch:
        patch.setattr(csv, "writer", stopped)
        with pytest.raises(KeyboardInterrupt):
            write("lost")
    write("second")
    assert [row["name"] for row in read_csv(tmp_path / "table.csv")] == ["first", "second"]


@pytest.mark.usefixtures("benchmarks")
def test_more_numbers_a_disc_have_smaller_errors(tmp_path):
    from benchmarks.baselines import Case, measure

    rows = measure(Case("small", "quickstart", (3,)), 1, tmp_path)
    table: dict[str, list[Any]] = {row[1]: row[2:] for row in rows}
    order = ("superposition", "1 number a disc", *(f"{n} numbers a disc" for n in (3, 5, 7)))
    errors = [float(table[name][0]) for name in order]
    assert errors == sorted(errors, reverse=True)
    assert table["exact solver"] == ["0", "0", "1"]


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize(("column", "touching"), [(30, True), (31, False)])
def test_discs_touch_where_their_radii_reach_each_other(column, touching):
    from benchmarks.two_readings import touch

    assert touch(Sources.from_lists([9, 50, 9], [20, 60, column], [5, 5, 5], [1, 1, 1])) == touching


@pytest.mark.usefixtures("benchmarks")
def test_columns_of_figures_are_to_the_right(tmp_path):
    from benchmarks.tables import write_table

    rows = [["64²", "a network", "1.2e-05", "20%"], ["64²", "a solver", "1,234", ""]]
    write_table(rows, ["nodes", "method", "error", "share"], tmp_path / "table", "Measured")
    lines = (tmp_path / "table.md").read_text().splitlines()
    assert lines[3] == "| --- | --- | ---: | ---: |"


@pytest.mark.usefixtures("benchmarks")
def test_new_rows_join_those_of_the_same_machine(tmp_path):
    from benchmarks.tables import write_rows

    def write(*rows: list[str], caption: str = "here") -> list[str]:
        write_rows(list(rows), ["name", "error"], tmp_path / "table", caption, ["a", "b"])
        lines = (tmp_path / "table.csv").read_text().splitlines()[1:]
        return [line.rpartition(",")[0] for line in lines]

    assert write(["solver", "0"], ["b", "2"]) == ["b,2", "solver,0"]
    assert write(["a", "1"], ["b", "3"]) == ["a,1", "b,3", "solver,0"]
    assert write(["a", "4"], caption="elsewhere") == ["a,4"]


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize(("problem", "side"), [("fixed", 64), ("production", 128)])
def test_each_architecture_has_a_configuration(problem, side):
    from benchmarks.architectures import VARIANTS, problem_config

    base = problem_config(problem, side)
    assert base.physics.lattice == (side, side)
    variants = [v for v in VARIANTS.values() if problem in v.problems]
    assert len(variants) >= 3
    for variant in variants:
        assert variant.config(base).data == base.data


@pytest.fixture
def board(benchmarks, monkeypatch, tmp_path):
    """Makes a board of given times, whose networks are built and not trained."""
    from benchmarks import leaderboard

    monkeypatch.setattr(leaderboard, "train", lambda config, *rest: build_model(config))
    monkeypatch.setattr(leaderboard.Board, "split", lambda self, name: None)
    monkeypatch.setattr(leaderboard.Board, "validation_error", lambda self, model, config: 1.0)

    def make(**times: float) -> Any:
        options = {"seconds": 1.0, "trial_seconds": 1.0, "seeds": 1, **times}
        return leaderboard.Board("fixed_values_64", tmp_path, tmp_path, tmp_path, **options)

    return make


@pytest.mark.parametrize(
    ("times", "changes", "message"),
    [
        ({"seconds": 2.0}, {}, "another --seconds; give --seconds 1 or another --folder"),
        ({"trial_seconds": 2.0}, {}, "another --trial-seconds; give --trial-seconds 1 or another"),
        ({}, {"widths": (4,)}, "another configuration or learning rate of U-Net on fixed_values"),
        ({}, {"learning_rates": (0.1,)}, "another configuration or learning rate of U-Net on"),
    ],
)
def test_a_leaderboard_takes_no_network_that_was_made_otherwise(board, times, changes, message):
    from benchmarks.leaderboard_networks import Network

    network = Network("U-Net", {"architecture": "u_net", "depth": 1}, (2,), (0.01,))
    made = board().surrogate(network, 0)
    again = board().surrogate(network, 0)
    assert all(map(np.array_equal, made.model.get_weights(), again.model.get_weights()))
    with pytest.raises(RunError, match=message):
        board(**times).surrogate(replace(network, **changes), 0)
    (board().folder / "made_with.json").unlink()
    with pytest.raises(RunError, match="another --folder"):
        board().surrogate(network, 0)


@pytest.mark.usefixtures("benchmarks")
def test_a_tissue_surrogate_of_another_configuration_is_trained_again(tmp_path, monkeypatch):
    from benchmarks import tissue_surrogates

    made = []

    def train(config: Config, data: Path, run: Path, overwrite: bool) -> None:
        run.mkdir()
        made.append(config.training.epochs)

    monkeypatch.setattr(tissue_surrogates, "train", train)
    monkeypatch.setattr(tissue_surrogates, "load_surrogate", lambda path: path)
    for epochs in (1, 1, 2):
        config = Config().with_overrides({"training.epochs": epochs})
        tissue_surrogates.trained("U-Net", config, tmp_path, tmp_path)
    assert made == [1, 2]


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize(
    ("measured", "ranks", "note"),
    [(True, ["2", ""], ""), (False, ["", ""], "without spsolve to compare with, not ranked")],
)
def test_solvers_have_no_ranks_without_a_field_to_compare_with(monkeypatch, measured, ranks, note):
    from benchmarks import solver

    def answer(module: str, name: str, *, keep: str, method: str, **rest: Any) -> dict[str, float]:
        if method == solver.REFERENCE and not measured:
            raise RuntimeError("out of memory")
        np.save(keep, np.full((2, 2), 1e-3 * (method == "explicit stepping")))
        return {"fastest": 1.0, "first": 1.0, "memory": 1.0}

    monkeypatch.setattr(solver, "in_own_process", answer)
    monkeypatch.setattr(solver, "why_not", lambda method, side: "")
    names = ["plain CG", "explicit stepping"]
    rows = {row["method"]: row for row in solver._problem(8, 1, names, 1.0)}
    assert [rows[name]["rank"] for name in names] == ranks
    assert rows["plain CG"]["note"] == note


@pytest.mark.usefixtures("benchmarks")
def test_a_solver_that_stagnates_ends_the_comparison_in_space(tmp_path, monkeypatch):
    from benchmarks import space

    def answer(module: str, name: str, **case: Any) -> Any:
        assert case.get("tolerance", 1.0) > 1e-30, "it goes on"
        return 1e-12 if name == "reference" else {"times": [1.0], "peak": 1.0, "error": 1e-7}

    monkeypatch.setattr(space, "in_own_process", answer)
    shown = CliRunner().invoke(space.main, ["--output", str(tmp_path / "space")])
    assert shown.exit_code == 1
    assert "diffkeras stagnates: with a tolerance of 1e-15, its largest error" in shown.stderr


@pytest.mark.usefixtures("benchmarks")
def test_few_validation_images_are_all_compared(monkeypatch, tmp_path):
    from benchmarks import leaderboard

    fields = np.ones((3, 64, 64, 1), np.float32)
    config = public_split("fixed_values_64").config()
    arrays = (np.zeros_like(fields), fields, np.zeros(3), np.ones(3, int), np.ones(3))
    split = BenchmarkSplit("fixed_values_64/validation", "", ("source_image",), *arrays, config)
    monkeypatch.setattr(leaderboard, "load_benchmark", lambda *names, data_dir: split)
    board = leaderboard.Board("fixed_values_64", tmp_path, tmp_path, tmp_path, 1.0, 1.0, 1)

    class Half:
        def predict(self, inputs: np.ndarray, **options: Any) -> np.ndarray:
            assert len(inputs) == 3
            return np.full_like(fields, 0.5)

    assert board.validation_error(Half(), config) == pytest.approx(0.5)


@pytest.mark.usefixtures("benchmarks")
def test_few_samples_of_a_chain_are_all_checked():
    pytest.importorskip("emcee")
    from benchmarks import calibration

    samples = np.log([[calibration.TRUE] * 2])
    chain = calibration.Chain(samples, 2, 2, 0.0, 1.0)
    found = calibration.differences(load_family("tumour"), chain)
    assert len(found) == 2
    assert found.max() <= calibration.SLACK
