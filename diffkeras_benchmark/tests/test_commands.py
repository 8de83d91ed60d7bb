"""`diffkeras-benchmark`: what it writes, or why not, in one line."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffkeras.errors import DataError, OutputError, RunError
from diffkeras.evaluation.evaluate import evaluate
from diffkeras.system.result_folders import MANIFEST, claiming
from diffkeras_benchmark import comparison
from diffkeras_benchmark.archive import read_archive
from diffkeras_benchmark.commands import main
from diffkeras_benchmark.comparison import compare
from diffkeras_benchmark.croissant import card_of
from diffkeras_benchmark.data import kept_file, load, write_split
from diffkeras_benchmark.problems import SHIFTS
from diffkeras_benchmark.scores import Effort, ProblemScores
from diffkeras_benchmark.splits import BENCHMARKS, public_split


def test_a_scoreboard_without_surrogates(benchmark, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    words = ["--problem", "production", "--side", 16, "--images", 1, "--rounds", 1, "--batch", 1]
    result = benchmark("compare", *words, "--output", tmp_path / "board")
    assert result.exit_code == 0, result.output
    assert "\nexact solver  " in result.stdout
    assert max(len(line) for line in result.stdout.splitlines() if "/" not in line) <= 80
    assert "compared methods on 1 problem(s)" in result.stderr
    written = {file.name for file in (tmp_path / "board").iterdir()}
    assert written == {"scoreboard.md", "scoreboard.json", "production_16.png", MANIFEST}
    content = json.loads((tmp_path / "board" / "scoreboard.json").read_text())
    assert content["threads"] >= 1
    assert [problem["problem"] for problem in content["problems"]] == ["production"]


def test_an_interrupted_scoreboard_goes_on_where_it_stopped(tmp_path, monkeypatch):
    measured: list[str] = []

    def measure(score: ProblemScores, on_steps: object) -> dict[str, Any]:
        if len(measured) == 1:
            measured.append("interrupted")
            raise KeyboardInterrupt
        measured.append(score.name)
        return {"problem": score.name, "side": score.side}

    monkeypatch.setattr(ProblemScores, "measure", measure)
    monkeypatch.setattr(ProblemScores, "steps", 1)
    stopped_at_pictures = []

    class Picture:
        """Of a problem."""

        def savefig(self, path: Path, **options: object) -> None:
            if stopped_at_pictures:
                raise KeyboardInterrupt
            path.write_text("")

    monkeypatch.setattr(comparison, "scoreboard_markdown", str)
    monkeypatch.setattr(comparison, "problem_figure", lambda problem: Picture())

    def call(rounds: int) -> list[str]:
        effort = Effort(rounds=rounds)
        found = compare(tmp_path, problems=["production", "tissue"], effort=effort)
        return [problem["problem"] for problem in found.content["problems"]]

    with pytest.raises(KeyboardInterrupt):
        call(9)
    assert call(9) == ["production", "tissue"]
    assert measured == ["production", "interrupted", "tissue"]
    assert call(9) == call(3) == ["production", "tissue"]  # again: nothing was interrupted
    assert len(measured) == 7

    stopped_at_pictures.append(True)
    with pytest.raises(KeyboardInterrupt):
        call(5)
    assert (tmp_path / "scoreboard.md").exists(), "the earlier result stays"
    stopped_at_pictures.clear()
    assert call(5) == ["production", "tissue"]


def test_a_damaged_scoreboard_is_refused(tmp_path):
    with claiming(tmp_path, "scoreboard.json", "scoreboard.md"):
        (tmp_path / "scoreboard.json").write_text("{")
    with pytest.raises(RunError, match=r"scoreboard\.json is .*damaged"):
        compare(tmp_path, problems=["production"], sides=[16])
    assert (tmp_path / "scoreboard.json").read_text() == "{"


def test_what_cannot_be_compared_is_refused(denied, run_dir, tmp_path):
    output = ["--output", tmp_path / "board"]
    assert "there is no problem 'heat'" in denied("compare", "--problem", "heat", *output)
    run = ["--surrogate", run_dir, *output]
    assert "tiny was trained on other physics than" in denied("compare", *run)
    assert "two surrogates have the name tiny" in denied("compare", *run, *run)
    missing = ["--surrogate", tmp_path / "none", *output]
    assert "there is no run directory" in denied("compare", *missing)
    assert "call this first in a new process" in denied("compare", "--threads", 77, *output)
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "mine").write_text("")
    assert "no file of an earlier result" in denied("compare", *output)


def test_the_command_lists_benchmarks_with_their_hashes(benchmark, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for words in (["data"], ["--help"], *([name, "--help"] for name in main.commands)):
        assert max(map(len, benchmark(*words).output.splitlines())) <= 80
    output = " ".join(benchmark("data").output.split())
    for name in BENCHMARKS:
        assert f"{name}: " in output
        assert public_split(name).sha256 in output
    assert all(f" {shift}: " in output for shift in SHIFTS)


def test_a_split_without_another_place_is_kept_where_load_reads_it(
    tiny_split, benchmark, tmp_path, monkeypatch
):
    tiny = tiny_split("production", "edges")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        result = benchmark("data", tiny.benchmark, "edges")
        assert result.exit_code == 0, result.output
    file = Path(result.stdout.splitlines()[-1])
    monkeypatch.setattr("diffkeras_benchmark.data.write_archive", None)  # nothing is solved again
    np.testing.assert_array_equal(load(tiny.benchmark, "edges").fields, read_archive(file).fields)


def test_a_split_is_solved_once_for_all_its_files(tiny_split, benchmark, tmp_path, monkeypatch):
    tiny = tiny_split("production", "edges")
    data = ["--data-dir", tmp_path / "data"]
    file, again = tmp_path / "new" / "edges.npz", tmp_path / "again.npz"
    result = benchmark("data", tiny.benchmark, "edges", *data, "-o", file)
    assert result.stdout == f"{file}\n"
    kept = kept_file(tiny.benchmark, "edges", tmp_path / "data")
    assert f"kept in {kept}" in result.stderr
    monkeypatch.setattr("diffkeras_benchmark.data.write_archive", None)  # nothing is solved again
    assert len(load(tiny.benchmark, "edges", data_dir=tmp_path / "data")) == 12
    for copy in (again, again, kept):
        result = benchmark("data", tiny.benchmark, "edges", *data, "-o", copy)
        assert result.stdout == f"{copy}\n"
    assert file.read_bytes() == again.read_bytes() == kept.read_bytes()
    for copy in (file, again, kept):
        (described,) = json.loads(card_of(copy).read_text())["distribution"]
        assert described["contentUrl"] == copy.name
        assert described["sha256"] == hashlib.sha256(copy.read_bytes()).hexdigest()


def test_a_damaged_split_is_not_copied(tiny_split, denied, tmp_path):
    tiny = tiny_split("production", "edges")
    kept = kept_file(tiny.benchmark, "edges", tmp_path / "data")
    kept.parent.mkdir(parents=True)
    kept.write_text("damaged")
    words = ["data", tiny.benchmark, "edges", "--data-dir", tmp_path / "data"]
    assert f"{kept} can't be read as public splits" in denied(*words, "-o", tmp_path / "copy.npz")
    assert not (tmp_path / "copy.npz").exists()


@pytest.mark.usefixtures("quick_figures")
@pytest.mark.parametrize(("problem", "split"), [("production", "test"), ("tissue", "edges")])
def test_a_split_in_a_file_is_a_test_set(
    problem, split, tiny_split, benchmark, diffkeras, refused, tmp_path
):
    """Nothing is drawn anew but the problems, and nothing is solved again."""
    tiny = tiny_split(problem, split)
    file = tmp_path / "set.npz"
    data = ["--data-dir", tmp_path / "data"]
    assert benchmark("data", tiny.benchmark, split, *data, "-o", file).exit_code == 0
    exact = read_archive(file)
    mine = exact.write_predictions(tmp_path / "mine.npz", 0.5 * exact.fields)
    file = file.rename(tmp_path / "SET.NPZ")
    words = ["evaluate", "--test-set", file, "--predictions", mine, "--output", tmp_path / "out"]
    words += ["--set", "evaluation.baselines=[zero_field]", "--set", "evaluation.bounds=1"]
    result = diffkeras(*words)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["methods"]["predictions"]
    assert found["all"]["images"] == len(exact)
    assert found["all"]["max_error"] == pytest.approx(0.5 * exact.fields.max(), rel=1e-6)
    assert diffkeras(*words, "--test-examples", 2).exit_code == 0  # a part of the set
    for option, message in (
        (("--set", "data.seed=2"), "data.seed would change the test set"),
        (("--test-examples", 99), f"{tiny.name} has {len(exact)} images of each source"),
        (("--config", "quickstart"), "--test-set excludes --config"),
    ):
        assert message in refused(*words, *option)


def test_other_files_are_no_test_sets(tiny_split, benchmark, refused, tmp_path):
    def refusal(file, mine=tmp_path / "mine.npz"):
        words = ["evaluate", "--test-set", file, "--predictions", mine]
        return refused(*words, "--output", tmp_path / "out")

    tiny, file = tiny_split("fixed_values"), tmp_path / "set.npz"
    (tmp_path / "mine.npz").write_text("")  # it is not reached
    (tmp_path / "set.csv").write_text("")
    for name in ("fixed_values_64", tmp_path / "set.csv"):
        assert f"{name} is no .npz of test images; `diffkeras-benchmark data" in refusal(name)
    with pytest.raises(DataError, match=r"set\.csv is no \.npz of test images"):
        evaluate(tmp_path / "mine.npz", tmp_path / "set.csv", output=tmp_path / "out")
    write_split(tiny.benchmark, "test", file, data_dir=tmp_path)
    exact = read_archive(file)
    exact.write_predictions(tmp_path / "mine.npz", exact.fields)
    with np.load(file) as stored:
        arrays = dict(stored)
    tiny_split("fixed_values", "edges")
    edges = load(tiny.benchmark, "edges", data_dir=tmp_path)
    other = edges.write_predictions(tmp_path / "other.npz", edges.fields)
    assert "has predictions of 'fixed_values_32/edges'" in refusal(file, other)
    for changes, message in (
        ({"source_images_01": arrays["source_images_01"][::-1]}, "source_images_01 holds other"),
        ({"fields_01": arrays["fields_01"][1:]}, "no array fields_01 of shape (4, 32, 32)"),
        ({"configuration": np.array("physics: {lattice: -1}")}, "physics.lattice"),
    ):
        np.savez(file, **arrays | changes)
        assert message in refusal(file)
    np.savez(file, fields_01=arrays["fields_01"])
    assert "has no configuration, name and sha256" in refusal(file)


def test_files_that_cannot_be_written_are_refused(denied, tmp_path):
    with pytest.raises(OutputError, match=r"written to a \.npz"):
        write_split("fixed_values_64", "test", tmp_path / "set.csv")
    assert "Missing argument 'NAME'" in denied("data", "-o", tmp_path / "set.npz")
    assert "no benchmark 'x'" in denied("data", "x", "-o", tmp_path / "set.npz")
