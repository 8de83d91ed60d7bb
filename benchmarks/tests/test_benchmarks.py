"""What single benchmarks measure and refuse, and their processes."""

import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.shared import measures
from diffkeras.config import Config
from diffkeras.errors import PhysicsError, RunError
from diffkeras.physics import load_family
from diffkeras.surrogates.build import build_model
from diffkeras.system.yaml_io import read_yaml

ROOT = Path(__file__).parents[2]
HIDE_TORCH = """
import importlib.util, runpy, sys
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "torch" else found(name, *rest)
runpy.run_module("benchmarks.training", run_name="__main__")
"""


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


CASE = "**{'method': 'none', 'side': 16, 'count': 1, 'keep': None}"


@pytest.mark.parametrize(
    ("asked", "told", "printed"),
    [
        ("children.Child('shared.children', {}, threads=1).__enter__().ask('anything')", "", ""),
        (
            f"children.in_own_process('solver', 'measure', {CASE})",
            "KeyError: 'none'\n",
            "Traceback",
        ),
        (
            "children.in_own_process('solver', 'measure', limit=0.01, method='plain CG')",
            "given up after 0.01 s\n",
            "",
        ),
    ],
)
def test_children_tell_why_they_failed_or_that_they_took_too_long(asked, told, printed):
    done = run(
        "-c",
        f"from benchmarks.shared import children\ntry: {asked}\n"
        "except RuntimeError as error: print(f'told: {error}')\n",
    )
    assert done.stdout.startswith(f"told: {told}"), done.stderr
    assert done.stderr.startswith(printed)


def test_proofs_are_of_the_problems_that_are_solved():
    from benchmarks.proofs import rows_of, solved

    for kind, calls in solved(64):
        alone, bound, loose, certificate = (call() for call in calls.values())
        assert alone.problem.fixed.any() == kind.startswith("fixed")
        assert 0 < bound <= 1e-10
        assert 0 < loose <= 1e-3 < 1e-2 < certificate.error_bound
        assert [row[2] for row in rows_of(kind, 1, calls, 1)] == [*calls]


def test_more_numbers_a_disc_have_smaller_errors(tmp_path):
    from benchmarks.baselines import Case, measure

    rows = measure(Case("small", "quickstart", (3,)), 1, tmp_path)
    table: dict[str, list[Any]] = {row[1]: row[2:] for row in rows}
    order = ("superposition", "1 number per disc", "3 numbers per disc")
    errors = [float(table[name][0]) for name in order]
    assert errors == sorted(errors, reverse=True)
    assert table["exact solver"] == ["0", "0", "1"]


@pytest.fixture
def board(monkeypatch, tmp_path):
    """Makes a board of given times, whose networks are built and not trained."""
    from diffkeras_benchmark.rows import board

    monkeypatch.setattr(board, "train", lambda config, *rest: build_model(config))
    monkeypatch.setattr(board.Board, "split", lambda self, name: None)
    monkeypatch.setattr(board.Board, "validation_error", lambda self, model, config: 1.0)

    def make(**times: float) -> Any:
        options = {"seconds": 1.0, "trial_seconds": 1.0, "seeds": 1, **times}
        return board.Board("fixed_values_64", tmp_path, tmp_path, **options)

    return make


@pytest.mark.parametrize(
    ("times", "changes"),
    [
        ({"seconds": 2.0}, {}),
        ({"trial_seconds": 2.0}, {}),
        ({}, {"widths": (4,)}),
        ({}, {"learning_rates": (0.1,)}),
    ],
)
def test_a_leaderboard_takes_no_network_that_was_made_otherwise(board, times, changes):
    from diffkeras_benchmark.rows.networks import Network

    network = Network("U-Net", {"architecture": "u_net", "depth": 1}, (2,), (0.01,))
    made = board().surrogate(network, 0)
    again = board().surrogate(network, 0)
    assert all(map(np.array_equal, made.model.get_weights(), again.model.get_weights()))
    with pytest.raises(RunError, match="other times or settings of U-Net; give another --folder"):
        board(**times).surrogate(replace(network, **changes), 0)


def test_fields_of_methods_are_in_the_order_of_the_images(tmp_path, monkeypatch):
    from diffkeras.evaluation.methods import ComputedFields, Method
    from diffkeras_benchmark.archive import predictions_of
    from diffkeras_benchmark.rows import submissions as module
    from diffkeras_benchmark.rows.board import Board

    monkeypatch.setattr(module, "SPLITS", ("edges",))
    board = Board("fixed_values_64", tmp_path, tmp_path, 1.0, 1.0, 1)
    submissions = module.Submissions(board)
    images = Method("images", lambda batch: ComputedFields(batch.images), takes_batches=True)
    submissions.add_method("images", {}, [images])
    split = board.split("edges")
    found = predictions_of(submissions.file("images", "edges", 0), split)
    np.testing.assert_array_equal(found, split.inputs[..., 0])


def test_a_manifest_keeps_its_authors_and_hardware_when_times_are_measured(board):
    from diffkeras_benchmark.rows.submissions import Submissions

    submissions = Submissions(board())
    submissions.write_manifest("mine", authors="A. Author", hardware="a GPU")
    submissions.write_manifest("mine", milliseconds_per_field=0.5)
    made = read_yaml(submissions.folder / "mine" / "manifest.yaml")
    assert made == {"authors": "A. Author", "hardware": "a GPU", "milliseconds_per_field": 0.5}
    submissions.write_manifest("new")
    assert "diffkeras" in read_yaml(submissions.folder / "new" / "manifest.yaml")["authors"]


def test_a_surrogate_of_another_configuration_is_trained_again(tmp_path, monkeypatch):
    from benchmarks.shared import runs

    made = []

    def train(config: Config, data: Path, run: Path, overwrite: bool) -> None:
        run.mkdir(exist_ok=True)
        made.append(config.training.epochs)

    monkeypatch.setattr(runs, "train", train)
    monkeypatch.setattr(runs, "load_surrogate", lambda path: path)
    for epochs, now, versions in ((1, "a", "a"), (1, "b", "a, b"), (2, "c", "c")):
        monkeypatch.setattr(runs, "version", lambda now=now: now)
        config = Config().with_overrides({"training.epochs": epochs})
        assert runs.trained("U-Net", config, tmp_path, tmp_path).versions == versions
    assert made == [1, 2]
    monkeypatch.setattr(runs, "describe_machine", lambda packages: "another")
    runs.trained("U-Net", config, tmp_path, tmp_path)
    assert made == [1, 2, 2]


@pytest.mark.parametrize(
    ("measured", "ranks", "note"),
    [(True, ["2", ""], ""), (False, ["", ""], "without spsolve to compare with, not ranked")],
)
def test_solvers_have_no_ranks_without_a_field_to_compare_with(monkeypatch, measured, ranks, note):
    from benchmarks.solver import __main__ as solver

    def answer(module: str, name: str, *, keep: str, method: str, **rest: Any) -> dict[str, float]:
        if method == solver.REFERENCE and not measured:
            raise RuntimeError("out of memory")
        np.save(keep, np.full((2, 2), 1e-3 * (method == "explicit stepping")))
        # the reference takes longer, in a process in which all does
        fastest, pair = (2.0, 2.0) if method == solver.REFERENCE else (1.0, 0.5)
        times = {"fastest": fastest, "quartiles": (fastest, fastest), "first": 1.0, "pair": pair}
        return {**times, "memory": 1.0}

    monkeypatch.setattr(solver, "in_own_process", answer)
    monkeypatch.setattr(solver, "why_not", lambda method, side: "")
    names = ["plain CG", "explicit stepping"]
    rows = {row["method"]: row for row in solver._problem(8, 1, names)}
    assert [rows[name]["rank"] for name in names] == ranks
    assert rows["plain CG"]["note"] == note


def test_what_is_compared_with_a_method_is_measured_beside_it(monkeypatch):
    now, seconds = [0.0], {"method": [10.0, 4.0, 4.0], "pair": [3.0] + [1.0] * 7}

    def call(name: str) -> str:
        now[0] += seconds[name].pop(0)
        return name

    monkeypatch.setattr(measures.time, "process_time", lambda: now[0])
    calls = [partial(call, name) for name in seconds]
    found = measures.first_calls(calls[0], 50, 12.0, calls[1:])
    assert (found.result, found.first, found.fastest, found.others) == ("method", 10.0, 4.0, [1.0])
    assert seconds == {"method": [4.0], "pair": []}


@pytest.mark.skipif(measures.PEAK != "in the first call", reason="only Linux tells it")
def test_the_peak_memory_is_that_of_the_first_call():
    before = measures.resident_memory()
    assert measures.first_calls(lambda: np.ones(2**24).sum(), 1, 0.0).memory > before + 100
    assert measures.first_calls(lambda: None, 1, 0.0).memory < before + 100


def test_a_basis_pays_from_mean_times_and_only_where_it_is_right(monkeypatch):
    from benchmarks.families import __main__ as families
    from benchmarks.families.judged import ACCURACIES, COLUMNS

    def seconds(calls: list[Any], points: range) -> list[list[float]]:
        # one of the points takes the basis long, as where it falls back to `solve`
        return [[1.0] * len(points)] * (len(calls) - 1) + [[0.0] * (len(points) - 1) + [1.6]]

    monkeypatch.setattr(families, "cpu_seconds_in_turns", seconds)
    trained = families.train(families.family_of("cells", (32, 32), 3), 12)._replace(seconds=100.0)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in families.rows_of("", trained, 2)]
    found = {row["speed-up"]: row["pays from"] for row in rows}
    assert len(rows) == len(ACCURACIES)
    assert found == {"": "", "1.2×": "500"}


def test_a_solver_that_stagnates_ends_the_comparison_in_space(tmp_path, monkeypatch):
    from benchmarks import space

    def answer(module: str, name: str, **case: Any) -> Any:
        assert case.get("tolerance", 1.0) > 1e-30, "it goes on"
        return 1e-12 if name == "reference" else {"fastest": 1.0, "peak": 1.0, "error": 1e-7}

    monkeypatch.setattr(space, "in_own_process", answer)
    shown = CliRunner().invoke(space.main, ["--output", str(tmp_path / "space")])
    assert shown.exit_code == 1
    assert "diffkeras stagnates: with a tolerance of 1e-15, its largest error" in shown.stderr


def test_a_density_that_is_too_uncertain_ends_the_calibration(monkeypatch):
    pytest.importorskip("emcee")
    from benchmarks import calibration

    monkeypatch.setattr(calibration, "SLACK", 0.0)
    with pytest.raises(PhysicsError, match="a log-likelihood is uncertain by"):
        calibration.Posterior(load_family("tumour"), True)(np.log(calibration.TRUE))
