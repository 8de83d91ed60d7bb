"""Commands that write into a folder leave alone what they haven't written."""

from pathlib import Path

import pytest

from tests.helpers.refusals import files_below

FILES = (
    "figures/fig1.pdf",
    "metrics.json",
    "assets/vocabulary.txt",
    "saved_model.pb",
    "weights.npz",
    "study.json",
)


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
