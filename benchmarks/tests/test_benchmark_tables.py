"""The programs of `benchmarks/`, their published tables, and how tables are written."""

import importlib
import re
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from benchmarks.shared import tables
from benchmarks.shared.command import command
from benchmarks.shared.tables import (
    CAPTION,
    table_text,
    with_versions,
    without_versions,
    write_table,
)
from diffkeras import __version__
from diffkeras.surrogates.run_directory import SHIPPED
from tests.helpers.tables import read_csv

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"

# programs, of which children of other programs have no command
PROGRAMS = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in sorted((ROOT / "benchmarks").rglob("*.py"))
    if '\nif __name__ == "__main__"' in file.read_text()
]
CHILDREN = ("benchmarks.training.in_keras", "benchmarks.training.in_pytorch")
# their options, at a size of seconds
CHEAP = {
    "families.__main__": "--side 32 --parameters 3 --snapshots 12 --points 2",
    "gradients": "--side 96 --rounds 1",
    "pipeline": "--sides 64 --seconds 0.01 --rounds 1 --examples 2",
    "solver.__main__": "--sides 64 --counts 1 --method spsolve",
    "space": "--side 16 --count 1",
    "tissue": "--side 96 --rounds 1",
    "varying_proofs": "--side 64 --rounds 1",
}


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in CHILDREN])
def test_each_program_has_a_command(name):
    if name == "benchmarks.calibration":
        pytest.importorskip("emcee")
    shown = CliRunner().invoke(importlib.import_module(name).main, ["--help"])
    assert shown.exit_code == 0, shown.output
    assert len(shown.output.splitlines()[2].split()) > 3  # what it measures, in a sentence


@pytest.mark.parametrize(
    ("words", "output"),
    [
        ("", "results/table"),
        ("--only one", "results/table"),
        ("--side 16", "benchmark_trials/table"),
        ("--only one --side 16", "benchmark_trials/table"),
        ("--output results/table --side 16", "results/table"),
        ("--output elsewhere/table", "elsewhere/table"),
    ],
)
def test_calls_with_other_options_leave_what_is_published(words, output, tmp_path, monkeypatch):
    @command("Measure nothing.", tmp_path / "results" / "table", published=("only",))
    @click.option("--only")
    @click.option("--side", default=8)
    def main(output: Path, **options: object) -> None:
        click.echo(output.resolve())

    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(main, words.split(), catch_exceptions=False)
    assert shown.stdout.split() == [str(tmp_path / output)]
    assert ("results go to" in shown.stderr) == (output == "benchmark_trials/table")


def test_the_readme_has_each_program_and_each_table_once():
    readme = ROOT / "benchmarks" / "README.md"
    text = readme.read_text()
    programs = {*PROGRAMS} - {*CHILDREN}
    names = [name.split(".", 1)[1].removesuffix(".__main__") for name in programs]
    assert sorted(re.findall(r"^\|[^|]*\| `([\w.]+)` \|", text, re.MULTILINE)) == sorted(names)
    links = re.findall(r"\]\((.+?)\)", text)
    assert [link for link in links if not (readme.parent / link).exists()] == []
    tables = sorted(f"results/{file.name}" for file in RESULTS.iterdir() if file.is_file())
    assert sorted(link for link in links if link.startswith("results/")) == tables


@pytest.mark.parametrize("name", CHEAP)
def test_cheap_benchmarks_write_the_published_tables(name, tmp_path):
    main = importlib.import_module(f"benchmarks.{name}").main
    options = [*CHEAP[name].split(), "--output", str(tmp_path / name.partition(".")[0])]
    shown = CliRunner().invoke(main, options, catch_exceptions=False)
    assert shown.exit_code == 0, shown.output
    published = {file.name for file in RESULTS.glob("*.csv")}
    tables = [file for file in tmp_path.glob("*.csv") if file.name in published]
    assert tables
    for made in tables:
        rows = read_csv(made)
        assert [*rows[0]] == [*read_csv(RESULTS / made.name)[0]]
        assert table_text(made).count("\n| ") == 1 + len(rows)


@pytest.mark.parametrize("name", sorted(file.stem for file in RESULTS.glob("*.csv")))
def test_published_tables_are_as_they_are_written_now(name, tmp_path):
    """A program that writes other columns needs a new measurement, or the figures moved over."""
    rows = read_csv(RESULTS / f"{name}.csv")
    captions, versions = zip(*(without_versions(row.pop(CAPTION)) for row in rows), strict=True)
    (caption,) = {*captions}
    write_table([[*row.values()] for row in rows], [*rows[0]], tmp_path / name, caption, versions)
    made = tmp_path / f"{name}.csv"
    assert made.read_text() == (RESULTS / made.name).read_text()


def test_the_published_verdicts_of_families_follow_from_the_published_times(tmp_path):
    from benchmarks.families.judged import write_verdicts

    shutil.copy(RESULTS / "families.csv", tmp_path)
    (caption,) = {without_versions(row[CAPTION])[0] for row in read_csv(RESULTS / "families.csv")}
    write_verdicts(tmp_path / "families", caption)
    made, published = (folder / "families_verdicts.csv" for folder in (tmp_path, RESULTS))
    assert made.read_text() == published.read_text()


def test_cards_of_surrogates_are_as_they_are_written_now(tmp_path):
    from benchmarks.model_cards import main

    shutil.copytree(SHIPPED, tmp_path, dirs_exist_ok=True)
    cards = {path: path.read_text() for path in tmp_path.glob("*/card.md")}
    assert cards
    for path, text in cards.items():
        purpose, _, *limits = text.split("\n\n")[:4]
        path.write_text("\n\n".join([purpose, *limits]))
    CliRunner().invoke(main, ["--texts", "--output", str(tmp_path)], catch_exceptions=False)
    assert {path: path.read_text() for path in cards} == cards


@pytest.mark.parametrize(
    ("commit", "words"),
    [
        ("1a2b3c4d5e", f"{__version__} (commit 1a2b3c4)"),
        ("1a2b3c4d5e-dirty", f"{__version__} (commit 1a2b3c4 and changes)"),
        (None, __version__),
    ],
)
def test_captions_end_with_version_and_commit(commit, words, monkeypatch):
    monkeypatch.setattr(tables, "source_commit", lambda: commit)
    caption = with_versions("Measured here")
    assert caption == f"Measured here. Made with diffkeras {words}"
    assert without_versions(caption) == ("Measured here", words)


def test_a_table_names_the_versions_of_its_rows(tmp_path):
    rows, versions = [["a", "1"], ["b", "2"], ["c", "3"]], ["", "0.3 (commit a)", "0.3 (commit b)"]
    write_table(rows, ["name", "error"], tmp_path / "table", "here", versions)
    captions = [row[CAPTION] for row in read_csv(tmp_path / "table.csv")]
    made = "here. Made with diffkeras 0.3 (commit"
    assert captions == ["here", f"{made} a)", f"{made} b)"]
    last = table_text(tmp_path / "table.csv").splitlines()[-1]
    assert last == "here. Made with diffkeras unknown version, 0.3 (commit a), 0.3 (commit b)."
