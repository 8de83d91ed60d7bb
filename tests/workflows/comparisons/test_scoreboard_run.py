"""`diffkeras benchmark` writes a page, data and pictures, or says in one line why not."""

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result


def test_a_scoreboard_without_surrogates(diffkeras: Callable[..., Result], tmp_path: Path) -> None:
    words = ["--problem", "production", "--side", 16, "--images", 1, "--rounds", 1, "--batch", 1]
    result = diffkeras("benchmark", *words, "--output", tmp_path / "board")
    assert result.exit_code == 0, result.output
    assert "| solve, float64 |" in result.output
    written = {file.name for file in (tmp_path / "board").iterdir()}
    assert written == {"scoreboard.md", "scoreboard.json", "production_16.png"}
    content = json.loads((tmp_path / "board" / "scoreboard.json").read_text())
    assert content["threads"] >= 1
    assert [problem["problem"] for problem in content["problems"]] == ["production"]


def test_what_cannot_be_compared_is_refused(
    refused: Callable[..., str], run_dir: Path, tmp_path: Path
) -> None:
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
    assert "holds other files" in refused("benchmark", *output)
