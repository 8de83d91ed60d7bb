"""Configurations in files: the shipped ones, what a file may hold, what wins over it."""

from pathlib import Path

import pytest

from diffkeras.config import Config, find_config, load_config
from diffkeras.errors import ConfigurationError

KERAS_WEIGHTS = {"initial_weights": "keras"}
SHIPPED = sorted(path.stem for path in Path(__file__).parents[2].glob("configs/*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configurations_load_and_come_back_from_yaml(name, tmp_path):
    config = load_config(name)
    assert config.name == name
    copy = tmp_path / "copy.yaml"
    copy.write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(copy) == config


@pytest.mark.parametrize("name", ["paper", "quickstart", "reduced"])
def test_both_readings_differ_in_the_sources_alone(name):
    fixed, production = load_config(name), load_config(f"{name}_production")
    as_fixed = production.with_overrides(
        {
            "name": fixed.name,
            "physics.sources": "fixed_value",
            "data.placement.overlap": False,
            "data.values": "uniform",
            "data.divide_by_maximum": False,
            "model.initial_weights": fixed.model.initial_weights,
            "training.batch_size": fixed.training.batch_size,
        }
    )
    assert as_fixed == fixed


def test_the_paper_is_at_full_scale():
    paper = load_config("paper")
    assert paper.physics.lattice == (512, 512)
    assert paper.data.sources == tuple(range(1, 21))
    assert (paper.data.train_examples, paper.data.test_examples) == (16_000, 4_000)
    assert (paper.model.width, paper.model.depth, paper.training.learning_rate) == (64, 5, 1e-4)
    assert paper.physics == Config().physics


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("paperr", {}, r"'paperr'.* such as paper, "),
        ("sources", {}, r"such as (?!.*studies/)"),
        ("paper", {"data.seed": -1}, r"^configuration paper with data\.seed=-1: data\.seed: "),
        ({"training": {}}, {}, r"not {'training': {}}; to use values, make a Config"),
        (Path(__file__).parent, {}, "is a directory; give the file"),
        ("studies/seeds_reduced", {}, "by `diffkeras study --config studies/seeds"),
        ("quickstart", {"model.modes": 5}, r"model\.modes: the architecture encoder_decoder"),
        ("quickstart", {"model.modes": 12}, r"model\.modes: the architecture encoder_decoder"),
        *(("quickstart", wrong, "overrides must be a mapping") for wrong in (5, "x", ["a"])),
    ],
)
def test_what_cant_be_loaded_is_refused(name, overrides, message):
    with pytest.raises(ConfigurationError, match=message):
        load_config(name, overrides)


def test_keys_of_another_architecture_are_refused(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("model: {architecture: fourier_neural_operator, modes: 5, pad: true}\n")
    with pytest.raises(ConfigurationError, match=r"a\.yaml: model\.pad: the architecture fourier"):
        load_config(file)
    chosen = load_config(file, {"model.architecture": "encoder_decoder"})
    assert chosen.model.parameters == {"width": 64, "depth": 5, "pad": True, **KERAS_WEIGHTS}
    file.write_text(chosen.to_yaml())  # which lists the keys of all
    assert load_config(file) == chosen


def test_a_directory_of_a_shipped_name_hides_nothing(tmp_path, monkeypatch):
    (tmp_path / "quickstart").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_config("quickstart").name == "quickstart"


def test_shipped_files_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config("quickstart").name == "quickstart.yaml"
    assert find_config("studies/seeds_reduced").is_file()


@pytest.mark.parametrize("name", ["mine.yml", "mine", "mien.yaml"])
def test_a_name_that_is_like_a_file_beside_it_is_answered_with_that(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for there in ("mine.yaml", "tissue.yaml", "notes.txt"):
        Path(there).write_text("name: a\n")
    for path in (Path(name), tmp_path / name):
        with pytest.raises(ConfigurationError) as error:
            find_config(path)
        assert str(error.value).endswith(f"; do you mean {path.with_name('mine.yaml')}?")
    with pytest.raises(ConfigurationError, match="shipped ones"):
        find_config("other/mine.yml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1,\n b: }", "is no valid YAML"),
        ("# nothing\n", r"is empty; write \{\} for the default of every key"),
        ("- 1\n- 2", "must be a mapping of keys to values, not \\[1, 2\\]"),
        ("name: a\nname: b", 'line 2, column 1: found duplicate key "name"'),
        ("? [1]\n: 2", "unknown key; known here: name"),
        ("data: {radius: [" + "1," * 10**4 + "]}", r"data\.radius: "),
        ("3: 4", "3: unknown key; known here: name"),
        (b"\xff\xfe\x00", "can't be read"),
        ("training: 4", "training: must be a mapping of keys"),
        ("name: ete\nphysics: {decay: .nan}", r"physics\.decay: "),
    ],
)
def test_files_that_are_no_configuration_are_refused(tmp_path, content, message):
    file = tmp_path / "bad.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError, match=message) as caught:
        load_config(file)
    assert "bad.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["{}", "physics:\ndata:\n"])
def test_empty_mappings_and_sections_mean_the_defaults(tmp_path, content):
    file = tmp_path / "empty.yaml"
    file.write_text(content)
    assert load_config(file) == Config()
    assert load_config(file, {"data.seed": 5}).data.seed == 5


def test_numbers_deep_in_a_mapping_and_names_like_numbers(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("name: '1e3'\ntraining: {loss: {error: huber, delta: 1e-3}}\n")
    config = load_config(file)
    assert config.training.loss == {"error": "huber", "delta": 0.001}
    file.write_text(config.to_yaml())
    assert load_config(file) == config


def test_errors_of_a_file_and_of_an_override_differ(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("training: {epochs: 7}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_config(file, {"training.epochs": 0})
    assert str(caught.value).startswith(f"{file} with training.epochs=0: training.epochs: ")
    file.write_text("training: {epochs: -7}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_config(file, {"training.seed": -1})
    assert str(caught.value).startswith(f"{file}: training.epochs: ")
    assert load_config(file, {"training.epochs": 9}).training.epochs == 9
