"""Files of the user, and earlier results, survive what commands write, also on a full disk."""

import shutil
from pathlib import Path

import pytest

from tests.helpers.refusals import files_below, files_limited_to

FILES = ("figures/fig1.pdf", "metrics.json", "saved_model.pb", "weights.npz", "study.json")


def write(folder: Path, *names: str) -> dict[str, bytes]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("precious")
    return files_below(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["evaluate", "export", "train", "study"])
def test_a_folder_of_the_user_is_refused(
    refused, run_dir, data_dir, tiny_file, tmp_path, command, name
):
    words = {
        "evaluate": [run_dir, "--data-dir", data_dir, "-o"],
        "export": [run_dir, "-o"],
        "train": ["--config", tiny_file, "--data-dir", data_dir, "--run-dir"],
        "study": ["--config", "studies/seeds_reduced", "--data-dir", data_dir, "--run-dir"],
    }[command]
    before = write(tmp_path / "mine", name)
    assert "choose another" in refused(command, *words, tmp_path / "mine")
    assert files_below(tmp_path / "mine") == before


@pytest.mark.usefixtures("quick_figures")
def test_files_within_results_survive_the_next_results(diffkeras, run_dir, data_dir, tmp_path):
    words = {
        "evaluate": [run_dir, "--data-dir", data_dir, "-o", tmp_path / "evaluate"],
        "export": [run_dir, "-o", tmp_path / "export"],
    }
    for command, options in words.items():
        assert diffkeras(command, *options).exit_code == 0
        ours = files_below(tmp_path / command).keys()
        theirs = {"figures/mine.png", "assets/mine", "variables/mine", "notes.txt"}
        write(tmp_path / command, *theirs)
        (tmp_path / command / "link").symlink_to("notes.txt")
        assert diffkeras(command, *options).exit_code == 0
        after = files_below(tmp_path / command)
        assert after.keys() == ours | theirs | {"link"}
        assert all(after[name] == b"precious" for name in theirs)


LIMITS = (0, 1_000, 3_000, 100_000)  # bytes: nothing, half of the field, the field, all


@pytest.mark.parametrize(
    "suffix", [".npz", *(pytest.param(x, marks=pytest.mark.slow) for x in (".npy", ".tif"))]
)
def test_fields_and_plots(diffkeras, place, suffix):
    out = place / "out"
    words = ["solve", "sources.npy", "-o", out / f"field{suffix}", "--plot", out / "plot.png"]
    assert diffkeras(*words).exit_code == 0
    shutil.copytree(out, place / "earlier")
    refused = 0
    for limit in LIMITS:
        shutil.rmtree(out)
        shutil.copytree(place / "earlier", out)
        before = files_below(out)
        with files_limited_to(limit):
            result = diffkeras(*words)
        after = files_below(out)
        if result.exit_code:
            assert "File too large" in result.stderr.splitlines()[-1]
            assert {name: after.get(name) for name in before} == before
            assert set(after) <= {f"field{suffix}"} | set(before)
            refused += 1
    assert refused in (2, 3)


def test_an_export(refused, run_dir, tmp_path):
    words = ["export", run_dir, "--format", "saved_model", "-o", tmp_path / "saved_model"]
    shutil.copytree(run_dir / "saved_model", tmp_path / "saved_model")
    before = files_below(tmp_path)
    with files_limited_to(1_000):
        assert "File too large" in refused(*words)
    assert files_below(tmp_path) == before


def test_datasets(diffkeras, refused, tiny_file, tmp_path):
    words = ["generate", "--config", tiny_file, "--data-dir", tmp_path, "--processes", 1]
    for limit in (0, 1_000, 12_000):
        with files_limited_to(limit):
            assert "File too large" in refused(*words)
        assert not list(tmp_path.rglob(".partial*"))
        assert not list(tmp_path.rglob("dataset_info.json"))
    assert diffkeras(*words).exit_code == 0


@pytest.mark.usefixtures("lean_training")
@pytest.mark.parametrize(
    "limit", [5_000, *(pytest.param(x, marks=pytest.mark.slow) for x in (100, 10_000, 20_000))]
)
def test_a_training_run(diffkeras, refused, tiny_file, data_dir, tmp_path, limit):
    words = ["train", "--config", tiny_file, "--data-dir", data_dir, "--run-dir", tmp_path / "run"]
    with files_limited_to(limit):
        assert "File too large" in refused(*words, "--epochs", 1)
    done = diffkeras(*words, "--epochs", 1)
    assert done.exit_code == 0, done.output
