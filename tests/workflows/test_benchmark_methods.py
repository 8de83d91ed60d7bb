"""`diffkeras benchmark` and `diffkeras test-set`: what they write, or why not, in one line."""

import json
from typing import Any

import numpy as np
import pytest

from diffkeras.errors import ConfigurationError, OutputError, RunError
from diffkeras.evaluation.benchmark_data.problems import SHIFTS, get_problem
from diffkeras.evaluation.benchmark_data.splits import BENCHMARKS, PublicSplit, public_split
from diffkeras.evaluation.scoreboard.scores import Effort, ProblemScores
from diffkeras.system.result_folders import MANIFEST, claim
from diffkeras.workflows import benchmark, benchmark_methods, write_public_split


def test_a_scoreboard_without_surrogates(diffkeras, tmp_path):
    words = ["--problem", "production", "--side", 16, "--images", 1, "--rounds", 1, "--batch", 1]
    result = diffkeras("benchmark", *words, "--output", tmp_path / "board")
    assert result.exit_code == 0, result.output
    assert "| exact solver |" in result.output
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
    monkeypatch.setattr(benchmark_methods, "scoreboard_markdown", str)
    monkeypatch.setattr(benchmark_methods, "problem_figure", lambda problem: None)
    monkeypatch.setattr(benchmark_methods, "to_png", lambda figure: b"")

    def call(rounds: int) -> list[str]:
        effort = Effort(rounds=rounds)
        found = benchmark(tmp_path, problems=["production", "tissue"], effort=effort)
        return [problem["problem"] for problem in found.content["problems"]]

    with pytest.raises(KeyboardInterrupt):
        call(9)
    assert call(9) == ["production", "tissue"]
    assert measured == ["production", "interrupted", "tissue"]
    assert call(9) == call(3) == ["production", "tissue"]  # again: nothing was interrupted
    assert len(measured) == 7

    def stopped(path: object, content: bytes) -> None:
        raise KeyboardInterrupt

    for _ in range(2):  # each time at the first picture
        with monkeypatch.context() as patch:
            patch.setattr(benchmark_methods, "write_bytes", stopped)
            with pytest.raises(KeyboardInterrupt):
                call(5)
    assert call(5) == measured[7:] == ["production", "tissue"]
    assert (tmp_path / "scoreboard.md").exists()


@pytest.mark.parametrize("nothing", [{"problems": []}, {"sides": ()}])
def test_nothing_to_compare_is_refused(nothing, tmp_path):
    with pytest.raises(ConfigurationError, match="name at least one problem"):
        benchmark(tmp_path / "board", **nothing)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"problems": 3}', '{"problems": [{}]}'])
def test_a_scoreboard_of_another_program_is_refused(content, tmp_path):
    claim(tmp_path, "scoreboard.json", "scoreboard.md")
    (tmp_path / "scoreboard.json").write_text(content)
    with pytest.raises(RunError, match=r"scoreboard\.json is .*damaged"):
        benchmark(tmp_path, problems=["production"], sides=[16])
    assert (tmp_path / "scoreboard.json").read_text() == content


def test_what_cannot_be_compared_is_refused(refused, run_dir, tmp_path):
    output = ["--output", tmp_path / "board"]
    assert "there is no problem 'heat'" in refused("benchmark", "--problem", "heat", *output)
    run = ["--surrogate", run_dir, *output]
    assert "tiny was trained on other physics than" in refused("benchmark", *run)
    assert "two surrogates have the name tiny" in refused("benchmark", *run, *run)
    missing = ["--surrogate", tmp_path / "none", *output]
    assert "there is no run directory" in refused("benchmark", *missing)
    assert "call this first in a new process" in refused("benchmark", "--threads", 77, *output)
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "mine").write_text("")
    assert "no file of an earlier result" in refused("benchmark", *output)


def test_the_command_lists_benchmarks_with_their_hashes(diffkeras):
    output = diffkeras("benchmark-data").output
    for name in BENCHMARKS:
        assert f"{name}: " in output
        assert public_split(name).sha256 in output
    assert all(f"  {shift}: " in output for shift in SHIFTS)


@pytest.mark.usefixtures("quick_figures")
@pytest.mark.parametrize("shift", ["", "/more_sources"])
def test_predictions_of_a_public_test_set_are_judged(shift, diffkeras, tmp_path, monkeypatch):
    few = get_problem("fixed_values").config(32, images=4)
    monkeypatch.setattr(PublicSplit, "config", lambda self: few)
    monkeypatch.setattr(PublicSplit, "test_config", lambda self: few)
    drawn_hash = PublicSplit("fixed_values", 64, "test").drawn_hash()
    monkeypatch.setattr(PublicSplit, "sha256", drawn_hash)

    file = tmp_path / "set.npz"
    names = f"fixed_values_64{shift}".split("/")
    assert diffkeras("benchmark-data", *names, "-o", file).exit_code == 0
    with np.load(file) as stored:
        np.savez(tmp_path / "mine.npz", sources_01=0.5 * stored["fields_01"])
    words = ["--test-set", "/".join(names), "--predictions", tmp_path / "mine.npz"]
    words += ["--output", tmp_path / "out", "--data-dir", tmp_path / "data"]
    words += ["--set", "evaluation.baselines=[zero_field]", "--set", "evaluation.bounds=1"]
    result = diffkeras("evaluate", *words)
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["methods"]["surrogate"]
    assert found["all"]["images"] == 4
    assert found["all"]["max_error"] == pytest.approx(0.5)


def test_a_test_set_is_used_as_it_is(refused, tmp_path):
    file = tmp_path / "mine.npz"
    file.write_text("")
    words = ["--predictions", file, "--output", tmp_path / "out", "--data-dir", tmp_path / "data"]
    named = ["evaluate", "--test-set", "fixed_values_64", *words]
    assert "data.seed would change the test set" in refused(*named, "--set", "data.seed=2")
    assert "exclude each other" in refused(*named, "--config", "quickstart")
    assert "choose among fixed_values_64" in refused("evaluate", "--test-set", "x", *words)
    assert not (tmp_path / "data").exists()


def test_files_that_cannot_be_written_are_refused(refused, tmp_path):
    with pytest.raises(OutputError, match=r"written to a \.npz"):
        write_public_split("fixed_values_64", "test", tmp_path / "set.csv")
    assert "Missing option '-o'" in refused("benchmark-data", "fixed_values_64")
    assert "Missing argument 'NAME'" in refused("benchmark-data", "-o", tmp_path / "set.npz")
    assert "no benchmark 'x'" in refused("benchmark-data", "x", "-o", tmp_path / "set.npz")
