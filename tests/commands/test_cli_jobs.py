"""The commands' own work: what they take, what they print, and what they pass on."""

import pytest

from diffkeras.commands.options import collect_overrides, read_config
from diffkeras.surrogates.run_directory import SHIPPED, Run
from tests.helpers.refusals import files_below

pytestmark = pytest.mark.usefixtures("quick_figures")


def test_flags_win_over_settings_and_settings_over_the_file(tiny_file):
    given = ["training.epochs=4", "data.seed=8", "training.seed=2"]
    flags = {"epochs": 5, "sources": "3", "settings": given}
    config = read_config(str(tiny_file), flags)
    assert (config.training.epochs, config.data.sources) == (5, (3,))
    assert (config.data.seed, config.training.seed) == (8, 2)
    assert config.training.learning_rate == 0.01
    config = read_config(str(tiny_file), {**flags, "seed": 7})
    assert (config.data.seed, config.training.seed) == (7, 7)


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (["a.b = 1e-3"], {"a.b": 0.001}),  # text to YAML 1.1
        (["a.b={error: huber, delta: 1}"], {"a.b": {"error": "huber", "delta": 1}}),
        (["a.b=1-3"], {"a.b": "1-3"}),
        (["a.b=x=y"], {"a.b": "x=y"}),
        (["a.b="], {"a.b": None}),
        # sections add up, and the last one wins
        (
            ["training={epochs: 3, seed: 4}", "training={epochs: 5}", "training.seed=1e0"],
            {"training.epochs": 5, "training.seed": 1.0},
        ),
    ],
)
def test_settings_are_yaml(settings, values):
    found = collect_overrides({"settings": settings})
    assert [*found.items()] == [*values.items()]


@pytest.mark.usefixtures("lean_training")
def test_train_and_evaluate_print_where_things_are(diffkeras, tiny_file, data_dir, tmp_path):
    words = ["--config", tiny_file, "--data-dir", data_dir, "--run-dir", tmp_path / "run"]
    trained = diffkeras("train", *words, "--epochs", 1, "--set", "training.loss.weight=tanh")
    assert trained.exit_code == 0, trained.output
    assert trained.stdout.strip() == str(tmp_path / "run")
    config = Run.open(tmp_path / "run").config()
    assert config.training.epochs == 1
    assert config.training.loss == {"error": "absolute", "weight": "tanh"}
    words = [tmp_path / "run", "--data-dir", data_dir, "--sources", 2]
    baselines = "evaluation.baselines=[superposition, zero_field]"
    evaluated = diffkeras("evaluate", *words, "--set", baselines)
    assert evaluated.exit_code == 0, evaluated.output
    lines = evaluated.stdout.splitlines()
    methods = ["surrogate", "surrogate, sources set", "superposition", "zero field"]
    assert [line.split("  ")[0] for line in lines[2:6]] == methods
    report = tmp_path / "run" / "evaluation" / "report.html"
    assert "(R1)" in lines[-3]
    assert lines[-1] == f"report: {report}"
    assert report.is_file()


def test_a_study_is_listed_or_run_with_the_command_that_was_typed(
    diffkeras, tiny_file, tmp_path, monkeypatch
):
    study = tmp_path / "my study.yaml"
    study.write_text(f"name: s\nbase: {tiny_file}\nfactors: {{training.seed: [0, 1]}}\n")
    result = diffkeras(
        "study", "--config", study, "--run-dir", tmp_path / "s", "--dry-run", "--epochs", 3
    )
    assert result.exit_code == 0, result.output
    *runs, budget, to_train, to_test, disk, time = result.stdout.splitlines()
    assert to_train.startswith("to train: 2 runs of ")
    assert to_test.startswith("to test: ")
    assert "examples, including those that exist already" in disk
    lines = [line.split(maxsplit=3) for line in runs]
    assert [(*line[:2], line[3]) for line in lines] == [("to", "do", f"seed {k}") for k in (0, 1)]
    assert budget == "Equal steps: every run trains for 18 steps of 4 examples."
    assert time == "time: not known until a run has finished"
    assert result.stderr == ""
    assert not (tmp_path / "s").exists()
    given = []
    module = "diffkeras.studies.study_run"
    monkeypatch.setattr(f"{module}.run_study", lambda *_, command, **__: given.append(command))
    assert diffkeras("study", "--config", study).exit_code == 0
    assert given == [f"diffkeras study --config '{study}'"]


def test_a_lattice_larger_than_a_record_is_refused_first(refused, tiny_file, tmp_path):
    words = ["--config", tiny_file, "--data-dir", tmp_path / "data"]
    message = refused("generate", *words, "--set", "physics.lattice=[8192, 8200]")
    assert "8192×8200 are 67,174,400 nodes" in message
    assert not (tmp_path / "data").exists()


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
