"""Data and runs that are damaged or others than they should be: one line, and nothing lost.

Bad values of options are in `test_bad_values.py`, and of keys in `tests/config/`.
"""

import pytest

from diffkeras.surrogates.run_directory import SHIPPED
from diffkeras.system.result_folders import claim
from tests.helpers.refusals import files_below


@pytest.fixture
def words(tiny_file, own_data):
    return ["--config", tiny_file, "--data-dir", own_data]


def test_a_lattice_larger_than_a_record(refused, words, monkeypatch):
    monkeypatch.setattr("diffkeras.data.generate_datasets.DatasetConfig", None)
    message = refused("generate", *words, "--set", "physics.lattice=[8192, 8200]")
    assert "physics.lattice: 8192×8200 are 67,174,400 nodes" in message
    assert "at most 67,108,864" in message


@pytest.mark.parametrize("command", ["export", "solve"])
def test_a_lattice_larger_than_the_memory(refused, tmp_path, monkeypatch, command):
    words = {"export": ["--solver"], "solve": ["--side", "top=value:1"]}[command]
    monkeypatch.setattr("diffkeras.system.environment.available_memory", lambda: 10**6)
    message = refused(command, *words, "--lattice", "500x600", "-o", tmp_path / "out.npy")
    assert "'--lattice': 500x600 has 300,000 nodes, which take at least 0.0048 GB" in message
    assert "0.001 GB are available" in message


@pytest.mark.parametrize("option", [[], ["--dry-run"]])
def test_a_directory_of_another_study(refused, tiny_file, tmp_path, option):
    file, directory = tmp_path / "study.yaml", tmp_path / "s"
    file.write_text(f"name: s\nbase: {tiny_file}\nfactors: {{training.seed: [0, 1]}}")
    words = ["--config", file, "--runs-dir", tmp_path / "runs", "--run-dir", directory, *option]
    directory.mkdir()
    (directory / "notes.txt").touch()
    assert "notes.txt is no file of an earlier result" in refused("study", *words)
    (directory / "notes.txt").unlink()
    claim(directory, "study.json", "report.html")
    (directory / "study.json").write_text('{"name": "t", "factors": {"training.seed": ["0"]}}')
    assert "another study" in refused("study", *words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("command", ["evaluate", "export"])
def test_results_of_a_shipped_surrogate_need_a_place(refused, command):
    before = files_below(SHIPPED)
    assert "--output" in refused(command, "default")
    assert files_below(SHIPPED) == before


@pytest.mark.parametrize(
    ("name", "config"), [("default", "models/default"), ("quickstart", "quickstart")]
)
def test_an_evaluation_without_data_names_the_configuration(
    refused, name, config, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = ["evaluate", name, "--output", "here"]
    assert f"run `diffkeras generate --config {config}`" in refused(*words)
    other = refused(*words, "--set", "data.radius=3")
    assert "run `diffkeras generate` with the same configuration" in other
