"""Bad input: an exit status that isn't 0, one line in plain words, and nothing lost."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diffkeras.config import Config
from diffkeras.data import dataset_status


def snapshot(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


@pytest.fixture
def words(tiny_file: Path, own_data: Path) -> list[Any]:
    return ["--config", tiny_file, "--data-dir", own_data]


@pytest.mark.parametrize("command", ["generate", "train"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("physics: {dcay: 1}", "physics.dcay: unknown key; do you mean decay?"),
        ("physics: {decay: -1}", "physics.decay: "),
        ("physics: {decay: fast}", "physics.decay: "),
        ("physics: {lattice: 100}", "multiple of 32, not 100"),
        ("- physics", "a configuration is a mapping, not list"),
        ("physics: {", "no valid YAML"),
        ("name: a\nname: b", "found duplicate key"),
    ],
)
def test_configurations(
    refused: Callable[..., str], tmp_path: Path, command: str, content: str, message: str
) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(content)
    assert message in refused(command, "--config", file, "--data-dir", tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--sources", "0"], "data.sources"),
        (["--sources", "all"], "'all' is no list of source counts"),
        (["--sources", "5-1"], "runs backwards"),
        (["--sources", "1-999999999"], "more than 100000 sources"),
        (["--epochs", "3"], "No such option"),
        (["--test-examples", "many"], "--test-examples"),
        (["--set", "training.epochs=0"], "training.epochs: "),
        (["--seed", "-1"], "data.seed: "),
        (["--seed", str(2**40)], "training.seed: "),
        (["--train-examples", "0"], "data.train_examples: "),
        (["--workers", "0"], "--workers"),
        (["--set", "physics.decay=nan"], "physics.decay: "),
        (["--set", "physics.decay=true"], "physics.decay: true is a truth value"),
        (["--set", "data.radius=[3,1]"], "data.radius: "),
        (["--set", "physics=3"], "physics: "),
        (["--set", "physics.decay.x=3"], "decay is a value"),
        (["--set", "name=../../etc"], "name: "),
        (["--config", "nosuch"], "there is no configuration file 'nosuch'"),
        (["--config", "/"], "no configuration file '/'"),
        (["--config", ""], "there is no configuration file ''"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_flags(
    refused: Callable[..., str], words: list[Any], own_data: Path, flags: list[str], message: str
) -> None:
    before = snapshot(own_data)
    assert message in refused("generate", *words, *flags)
    assert snapshot(own_data) == before


def test_too_many_discs(refused: Callable[..., str], words: list[Any]) -> None:
    many = ["--sources", 500, "--set", "data.radius=20", "--set", "physics.lattice=64"]
    message = refused("generate", *words, *many)
    assert "500 discs of radius 20 don't fit on 64×64" in message
    assert "holds more than" in message or "at most" in message


def test_a_lattice_larger_than_the_memory(refused: Callable[..., str], words: list[Any]) -> None:
    message = refused("generate", *words, "--set", "physics.lattice=2000000")
    assert "memory" in message


@pytest.mark.parametrize("place", ["file/data", "file", "/proc/diffkeras"])
def test_a_data_directory_that_cant_be_written(
    refused: Callable[..., str], tiny_file: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("precious")
    message = refused("generate", "--config", tiny_file, "--data-dir", tmp_path / place)
    assert "can't be written" in message
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize("command", ["train", "evaluate"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty"])
def test_damaged_records(
    refused: Callable[..., str],
    tiny: Config,
    words: list[Any],
    own_run: Path,
    own_data: Path,
    tmp_path: Path,
    command: str,
    damage: str,
) -> None:
    split = "validation" if command == "train" else "test"
    (file,) = dataset_status(tiny, 2, own_data).path.glob(f"*-{split}.tfrecord*")
    if damage == "missing":
        file.unlink()
    else:
        os.truncate(file, 0 if damage == "empty" else file.stat().st_size - 30)
    before = snapshot(own_run)
    run = own_run if command == "evaluate" else tmp_path / "new"
    message = refused(command, *words, "--run-dir", run)
    assert str(file) in message
    assert "diffkeras generate" in message
    assert snapshot(own_run) == before


def test_no_data(refused: Callable[..., str], tiny_file: Path, tmp_path: Path) -> None:
    words = ["--config", tiny_file, "--data-dir", tmp_path / "none", "--run-dir", tmp_path / "r"]
    assert "run `diffkeras generate`" in refused("train", *words)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("setting", ["physics.decay=0.1", "data.radius=1", "physics.lattice=32"])
def test_data_of_other_physics(
    refused: Callable[..., str], words: list[Any], tmp_path: Path, setting: str
) -> None:
    message = refused("train", *words, "--set", setting, "--run-dir", tmp_path / "new")
    assert "holds no dataset of 1 source(s) of this physics" in message
    assert "it holds sources_01-16x16" in message


def test_a_run_of_other_physics(refused: Callable[..., str], own_run: Path, own_data: Path) -> None:
    words = ["--run-dir", own_run, "--data-dir", own_data]
    message = refused("evaluate", *words, "--set", "physics.decay=0.1")
    assert "decay 0.05 there, 0.1 here" in message


FINISHED = '{"state": "finished", "versions": {}, "machine": "mine"}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no run directory"),
        ({}, "holds no diffkeras run"),
        ({"notes.txt": "mine"}, "holds no diffkeras run"),
        ({"run.json": "{"}, "run.json is missing or damaged"),
        ({"run.json": "[1]"}, "run.json is damaged"),
        ({"run.json": '{"state": "finished"}'}, "written by another program"),
        (
            {"run.json": '{"state": "running", "versions": {}, "machine": "mine"}'},
            "is not finished",
        ),
        ({"run.json": FINISHED}, "model.keras is missing"),
        ({"run.json": FINISHED, "model.keras": ""}, "config.yaml is missing"),
    ],
)
def test_run_directories(
    refused: Callable[..., str],
    own_data: Path,
    tmp_path: Path,
    content: dict[str, str] | None,
    message: str,
) -> None:
    run = tmp_path / "foreign"
    if content is not None:
        run.mkdir()
        for name, text in content.items():
            (run / name).write_text(text)
    assert message in refused("evaluate", run, "--data-dir", own_data)
    assert run.exists() is (content is not None)
    assert snapshot(run) == {k: v.encode() for k, v in (content or {}).items()}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.keras", "junk", "model.keras is damaged"),
        ("run.json", "", "run.json is missing or damaged"),
        ("config.yaml", "physics: {decay: -1}", "physics.decay: "),
        ("config.yaml", "", "config.yaml is cut off"),
    ],
)
def test_damaged_runs(
    refused: Callable[..., str],
    own_run: Path,
    own_data: Path,
    name: str,
    content: str,
    message: str,
) -> None:
    (own_run / name).write_text(content)
    assert message in refused("evaluate", own_run, "--data-dir", own_data)


@pytest.mark.parametrize("content", ["{", "[]", ""])
def test_training_over_a_damaged_run(
    refused: Callable[..., str], words: list[Any], own_run: Path, content: str
) -> None:
    (own_run / "run.json").write_text(content)
    before = snapshot(own_run)
    assert "run.json is" in refused("train", *words, "--run-dir", own_run)
    assert snapshot(own_run) == before


def test_training_where_other_things_are(
    refused: Callable[..., str], words: list[Any], own_run: Path, tmp_path: Path
) -> None:
    before = snapshot(own_run)
    assert "--overwrite" in refused("train", *words, "--run-dir", own_run)
    assert snapshot(own_run) == before
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("x")
    for flags in ([], ["--overwrite"]):
        assert "no diffkeras run" in refused("train", *words, *flags, "--run-dir", mine)
        assert "is a file" in refused("train", *words, *flags, "--run-dir", mine / "thesis.tex")
        assert "can't be written" in refused("train", *words, *flags, "--run-dir", "/proc/nowhere")
    assert snapshot(mine) == {"thesis.tex": b"x"}


def test_evaluating_into_other_things(
    refused: Callable[..., str], own_run: Path, own_data: Path, tmp_path: Path
) -> None:
    before = snapshot(own_run)
    words = ["--run-dir", own_run, "--data-dir", own_data]
    assert "holds other files" in refused("evaluate", *words, "--output", own_run)
    assert "is a file" in refused("evaluate", *words, "--output", own_run / "run.json")
    assert "can't be written" in refused("evaluate", *words, "--output", "/proc/nowhere")
    assert snapshot(own_run) == before


@pytest.mark.parametrize(
    "setting", ["foo", "{error: huber, delta: -1}", "{error: absolute, weight: foo}", "{}"]
)
def test_losses(
    refused: Callable[..., str], words: list[Any], tmp_path: Path, setting: str
) -> None:
    flags = ["--run-dir", tmp_path / "new", "--set", f"training.loss={setting}"]
    assert "training.loss: " in refused("train", *words, *flags)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: s\nbase: tiny", "has no `factors`"),
        ("name: s\nbase: nosuch\nfactors: {training.seed: [0]}", "'nosuch'"),
        ("name: s\nbase: quickstart\nfactors: {training.sed: [0]}", "sed: unknown key"),
        ("name: s\nbase: quickstart\nfactors: {training.loss: [foo]}", "training.loss: "),
        ("name: s\nbase: quickstart\nfactors: [1]", "factors: "),
        ("name: s\nbase: quickstart\nfactors: {physics.decay: [0.1]}", "can't be a factor"),
    ],
)
def test_studies(refused: Callable[..., str], tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(content)
    assert message in refused("study", "--config", file, "--run-dir", tmp_path / "study")
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize("shard", ["9/8", "0/8", "x"])
def test_shards_of_a_study(refused: Callable[..., str], shard: str) -> None:
    message = refused("study", "--config", "studies/seeds_reduced", "--shard", shard)
    assert f"'--shard': '{shard}' is no shard; write K/N" in message


def test_a_directory_of_another_study(
    refused: Callable[..., str], tiny_file: Path, tmp_path: Path
) -> None:
    file, directory = tmp_path / "study.yaml", tmp_path / "s"
    file.write_text(f"name: s\nbase: {tiny_file}\nfactors: {{training.seed: [0, 1]}}")
    flags = ["--config", file, "--runs-dir", tmp_path / "runs", "--run-dir", directory]
    directory.mkdir()
    (directory / "notes.txt").touch()
    assert "holds files but no study.json" in refused("study", *flags)
    (directory / "study.json").write_text('{"name": "t", "factors": {"training.seed": ["0"]}}')
    for options in ([], ["--dry-run"]):
        assert "another study, whose name is 't', not 's'" in refused("study", *flags, *options)
    assert not (tmp_path / "runs").exists()


def test_a_study_that_is_a_configuration(refused: Callable[..., str]) -> None:
    assert "is no study" in refused("study", "--config", "quickstart")


def test_a_study_where_a_file_is(
    refused: Callable[..., str], words: list[Any], tiny_file: Path, tmp_path: Path
) -> None:
    file = tmp_path / "study.yaml"
    file.write_text(f"name: s\nbase: {tiny_file}\nfactors: {{training.seed: [0]}}")
    flags = ["--config", file, "--data-dir", words[-1], "--run-dir", file]
    assert "can't be written" in refused("study", *flags)
    assert json.dumps(file.read_text())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["training.hard_examples={number: 99, epochs: 1}"],
            "number: 99 examples per source count",
        ),
        (["training.hard_examples={number: 1}"], "training.hard_examples: epochs is missing"),
        (["training.hard_examples=3"], "training.hard_examples: "),
        (["training.hard_examples={number: 1, epochs: 1}", "data.stream=true"], "a stream has no"),
    ],
)
def test_hard_examples(
    refused: Callable[..., str], words: list[Any], tmp_path: Path, flags: list[str], message: str
) -> None:
    sets = [word for flag in [*flags, "data.train_fraction=0.5"] for word in ("--set", flag)]
    if "data.stream=true" in flags:
        sets = sets[:-2]
    assert message in refused("train", *words, *sets, "--run-dir", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_first_stages(
    refused: Callable[..., str], words: list[Any], run_dir: Path, tmp_path: Path
) -> None:
    place = ["--run-dir", tmp_path / "new"]
    hard = ["--set", "data.train_fraction=0.5"]
    hard += ["--set", "training.hard_examples={number: 2, epochs: 1}"]
    missing = refused("train", *words, *hard, *place, "--first-stage", tmp_path / "none")
    assert f"there is no run directory {tmp_path / 'none'}" in missing
    other = refused("train", *words, *hard, *place, "--first-stage", run_dir)
    assert "data.train_fraction 1.0 there, 0.5 here" in other
    assert "hard_examples: it is null" in refused("train", *words, *place, "--first-stage", run_dir)
    assert not (tmp_path / "new").exists()
