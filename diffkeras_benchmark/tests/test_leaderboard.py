"""Models compared by their predictions."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from diffkeras.errors import ConfigurationError, DataError
from diffkeras_benchmark.archive import BenchmarkSplit
from diffkeras_benchmark.leaderboard import (
    make_leaderboard,
    markdown,
    published_rows,
    rows_in,
)
from diffkeras_benchmark.problems import PROBLEMS
from diffkeras_benchmark.splits import public_split
from diffkeras_benchmark.submissions import Manifest, Submission

ROOT = Path(__file__).parents[2]
MANIFEST: dict[str, Any] = {
    "model": "half",
    "authors": "nobody",
    "parameters": 0,
    "training_seconds": 10,
    "hardware": "none",
    "training_images": 0,
    "seeds": [0, 1],
    "tuning": "none",
}


@pytest.fixture
def split(monkeypatch):
    """Images without sources and made-up fields, which a leaderboard loads."""
    config = public_split("fixed_values_64", "edges").config()
    config = config.with_overrides({"physics.lattice": 8, "data.radius": 1})
    fields = np.random.default_rng(0).random((4, 8, 8, 1)).astype(np.float32)
    made = BenchmarkSplit(
        "fixed_values_64/edges",
        "0" * 64,
        ("source_image",),
        np.zeros_like(fields),
        fields,
        np.zeros(4),
        np.array([1, 1, 2, 2]),
        np.ones(4),
        config,
    )
    monkeypatch.setattr("diffkeras_benchmark.leaderboard.load", lambda *names, **options: made)
    return made


def submit(path: Path, split: BenchmarkSplit, factors: dict[int, float], **manifest: Any) -> Path:
    """A submission whose predictions are multiples of the exact fields."""
    (path / "fixed_values_64").mkdir(parents=True)
    with (path / "manifest.yaml").open("w") as file:
        YAML(typ="safe").dump(MANIFEST | {"seeds": list(factors)} | manifest, file)
    for seed, factor in factors.items():
        file = path / "fixed_values_64" / f"edges_{seed}.npz"
        split.write_predictions(file, factor * split.fields)
    return path


def test_models_are_ranked_by_their_errors(split, tmp_path):
    times = {"milliseconds_per_field": 1.5, "solve_milliseconds_per_field": 2}
    half = submit(tmp_path / "half", split, {0: 0.5, 1: 0.7}, **times)
    near = submit(
        *(tmp_path / "near", split, {5: 0.9}),
        model="near|er",
        url="https://a.org",
        hardware="<b>",
    )
    made = make_leaderboard((half, near), tmp_path / "board", published=False)
    rows = made.rows.set_index("model")
    assert rows["relative_l2"].tolist() == pytest.approx([0.1, 0.4], rel=1e-5)
    assert rows["relative_l2_std"]["half"] == pytest.approx(0.1 * 2**0.5, rel=1e-5)
    assert rows["seeds"].tolist() == [1, 2]
    # the exact fields of these problems are 0, so a prediction is its own error
    largest = float(0.9 * split.fields.max(axis=(1, 2)).mean())
    assert rows["bound"]["near|er"] == pytest.approx(largest, rel=1e-5)
    text = made.text
    first, second = text.splitlines()[6:8]
    assert first.startswith("| near/er | 0.1 |")
    assert second.startswith("| half | 0.4 ± 0.1 |")
    assert "\n| [near/er](https://a.org) | nobody | 0 |" in text
    assert r"| \<b\> |" in text
    assert text.endswith("\n| half | 1.5 | 2 | 20,000 |  |  |  |\n")


def test_published_rows_and_those_of_others_are_merged(split, tmp_path):
    path = submit(tmp_path / "mine", split, {0: 0.5})
    theirs = submit(tmp_path / "theirs", split, {0: 0.6}, model="theirs")
    other = make_leaderboard([theirs], tmp_path / "other", published=False)
    made = make_leaderboard([path, other.path / "leaderboard.csv"], tmp_path / "board")
    models = made.rows["model"].tolist()
    assert {"half", "theirs", "Exact solver", "Zero field"} < set(models)
    assert set(made.rows["split"]) == {"edges"}
    assert made.rows["relative_l2"].is_monotonic_increasing
    assert "\n| **half** | 0.5 |" in made.text
    assert "\n| theirs | 0.4 |" in made.text
    again = make_leaderboard([made.path / "leaderboard.csv"], tmp_path / "again", published=False)
    assert again.text == made.text.replace("**", "")
    for content, message in (("a,b\n1,2\n", "can't be read as a leaderboard"), (None, "No such")):
        file = tmp_path / "file.csv"
        file.unlink(missing_ok=True)
        if content:
            file.write_text(content)
        with pytest.raises(DataError, match=message):
            make_leaderboard([file], tmp_path / "none")


def test_a_table_and_its_file_give_the_same_table(split, tmp_path):
    """So the files of two people are merged, both with the published rows."""
    mine = submit(tmp_path / "mine", split, {0: 0.7, 1: 0.51}, model="mine")
    theirs = submit(tmp_path / "theirs", split, {0: 0.6}, model="theirs")
    both = make_leaderboard([mine, theirs], tmp_path / "both").rows
    files = [
        make_leaderboard([path], tmp_path / f"{path.name}_board").path / "leaderboard.csv"
        for path in (mine, theirs)
    ]
    for submissions in (files, [*files, tmp_path / "both" / "leaderboard.csv"], [mine, *files]):
        rows = make_leaderboard(submissions, tmp_path / "again").rows
        pd.testing.assert_frame_equal(rows, both)


def test_rows_of_one_model_that_differ_are_refused(split, tmp_path):
    path = submit(tmp_path / "mine", split, {0: 0.5})
    file = make_leaderboard([path], tmp_path / "board").path / "leaderboard.csv"
    rows = rows_in(file)
    for model, message in (
        ("half", r"fixed_values_64, edges have the model 'half' and differ; leave one of them out"),
        ("Zero field", "one of them is published; .* if it is in a CSV file, delete it there"),
    ):
        changed = rows.assign(mae=rows["mae"] + 0.001 * (rows["model"] == model))
        changed.to_csv(tmp_path / "changed.csv", index=False)
        with pytest.raises(ConfigurationError, match=message):
            make_leaderboard([file, tmp_path / "changed.csv"], tmp_path / "refused")
        assert not (tmp_path / "refused").exists()


def test_the_published_rows_are_the_published_table(tmp_path):
    """Both are written by `python -m diffkeras_benchmark.rows`."""
    from diffkeras_benchmark.rows.__main__ import write_tables

    write_tables(published_rows(), tmp_path / "leaderboard")
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert len(made) == 2
    for name, text in made.items():
        assert (ROOT / "benchmarks" / "results" / name).read_text() == text


def test_published_rows_are_of_every_problem():
    rows = published_rows()
    assert {name.rpartition("_")[0] for name in rows["benchmark"]} == {*PROBLEMS}
    assert (rows["hardware"].str.len() > 0).all()


def test_what_is_known_of_a_model_stays_in_the_file(split, tmp_path):
    about = {"parameters": 7, "training_seconds": 1.5, "hardware": "a GPU", "url": "https://a.org"}
    about |= {"milliseconds_in_batches": 0.5, "solve_milliseconds_in_batches": 2.0}
    mine = submit(tmp_path / "mine", split, {3: 0.5, 4: 0.7}, model="NA", **about)
    made = make_leaderboard([mine], tmp_path / "board", published=False)
    read = rows_in(made.path / "leaderboard.csv")
    pd.testing.assert_frame_equal(read, made.rows)
    [row] = read.to_dict("records")
    assert {name: row[name] for name in about} == about
    assert markdown(read) == made.text
    assert "| [NA](https://a.org) | nobody | 7 | 0 | 2 | 2 | a GPU | none |" in made.text
    assert "| NA |  |  |  | 0.5 | 2 | 1,000 |" in made.text
    text = (made.path / "leaderboard.csv").read_text()
    for old, new in ((",7,", ",-7,"), ("https://a.org", "javascript:a"), (",1.5,", ",inf,")):
        (tmp_path / "wrong.csv").write_text(text.replace(old, new))
        with pytest.raises(DataError, match=r"wrong\.csv has a wrong row: "):
            rows_in(tmp_path / "wrong.csv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": -1}, "parameters: must be at least 0, not -1"),
        ({"training_seconds": float("nan")}, "training_seconds"),
        ({"colour": "red"}, "colour"),
        ({"model": "a\x1b[31mb"}, "model: must be text of 1 to 200 letters without control"),
        ({"url": "javascript:alert(1)"}, "url: must be an address that begins with https://"),
        ({"url": 3}, "url: must be text of 1 to 200 letters"),
        ({"seeds": [0, 0]}, "seeds: must be one or more different seeds"),
        ({"seeds": 3}, "seeds: must be a list, not 3"),
    ],
)
def test_a_wrong_manifest_names_its_field(changes, message, split, tmp_path):
    path = submit(tmp_path / "mine", split, {0: 1.0}, **changes)
    with pytest.raises(ConfigurationError, match=message):
        Submission.read(path)


def test_missing_and_unknown_predictions_are_named(split, tmp_path):
    path = submit(tmp_path / "mine", split, {0: 1.0, 1: 1.0})
    (path / "fixed_values_64" / "edges_1.npz").rename(path / "fixed_values_64" / "edges_2.npz")
    with pytest.raises(DataError, match=r"edges_2.npz is named after no benchmark, split and seed"):
        Submission.read(path)
    (path / "fixed_values_64" / "edges_2.npz").unlink()
    with pytest.raises(DataError, match=r"edges_1.npz is missing; the manifest has the seed 1"):
        Submission.read(path)
    (path / "fixed_values_64" / "edges_0.npz").unlink()
    with pytest.raises(DataError, match="has no predictions"):
        Submission.read(path)


@pytest.mark.parametrize(
    ("model", "solve", "fields"),
    [(1.0, 3.0, 6500), (3.0, 1.0, np.inf), (None, 1.0, np.nan)],
)
def test_a_model_pays_from_so_many_fields(model, solve, fields):
    """10 s of training on the solutions of 1,000 problems."""
    alone = {"milliseconds_per_field": model, "solve_milliseconds_per_field": solve}
    batched = {"milliseconds_in_batches": model, "solve_milliseconds_in_batches": solve}
    manifest = MANIFEST | {"training_images": 1000, "tuning": "20 trainings,\nby hand\n"}
    for times, batches in ((alone, False), (batched, True)):
        read = Manifest.read(manifest | times)
        np.testing.assert_equal(read.times(batches=batches), (model, solve, fields))
        assert np.isnan(read.times(batches=not batches)[2])
    assert read.tuning == "20 trainings, by hand", "in one line of the table"


def test_the_command_prints_and_writes_the_table(benchmark, split, tmp_path):
    path = submit(tmp_path / "mine", split, {0: 0.5})
    result = benchmark("leaderboard", path, "-o", tmp_path / "board")
    assert "\n*half*  " in result.output
    assert "| **half** | 0.5 |" in (tmp_path / "board" / "leaderboard.md").read_text()
    table = (tmp_path / "board" / "leaderboard.csv").read_text().splitlines()
    assert table[0].startswith("benchmark,split,model,seeds,relative_l2,relative_l2_std,max_error,")
    assert len(table) > 10, "with the published rows"
    assert "There is no server" in result.output


def test_the_help_names_the_keys_of_a_manifest():
    from diffkeras_benchmark.commands import leaderboard as command

    named = set(re.findall(r"\w+", command.help))
    assert {field.name for field in dataclasses.fields(Manifest)} <= named
