"""An architecture of one's own: a function that a configuration names, used by the commands."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from diffkeras import train
from diffkeras.config import parse_config
from diffkeras.data import generate
from diffkeras.errors import ConfigurationError, PhysicsError, RunError
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system.yaml_io import from_yaml
from tests.helpers.stopped_training import stop_at

LAYER = """
class Double(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs
"""
NETWORK = f"""
import keras
{LAYER}
def build(channels, width=4, stride=1):
    layers = keras.layers
    image = keras.Input((None, None, channels))
    x = layers.Conv2D(width, 3, stride, padding="same", activation="relu")(Double()(image))
    x = layers.BatchNormalization()(x)
    return keras.Model(image, layers.Conv2DTranspose(1, 3, stride, padding="same")(x))

def stack(channels):
    return keras.Sequential(
        [keras.Input((None, None, channels)), keras.layers.Conv2D(1, 3, padding="same")]
    )

def fixed(channels):
    return keras.Sequential([keras.Input((16, 16, channels)), keras.layers.Dense(1)])

def two(channels):
    return keras.Sequential([keras.Input((None, None, channels)), keras.layers.Dense(2)])

def failing(channels):
    raise ZeroDivisionError("no such\\nluck")

nothing = lambda channels: None
number = 3
"""
BROKEN = {
    "broken": "import keras\n1 / 0",
    "hungry": "import absent_package",
    "leaving": "raise SystemExit(3)",
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current directory, with the module `own_network`."""
    (tmp_path / "own_network.py").write_text(NETWORK, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in ("own_network", "my_network", *BROKEN):
        sys.modules.pop(name, None)


def own(config, function="build", **arguments):
    return config.with_overrides(
        {
            "model.architecture": f"own_network:{function}",
            "model.arguments": arguments,
            "model.fixed_values": True,
        }
    )


@pytest.mark.usefixtures("lean_training", "quick_figures")
def test_the_commands_take_it_like_a_shipped_one(folder, tiny, data_dir, diffkeras, refused):
    config = own(tiny, width=3)
    file, run = folder / "own.yaml", folder / "run"
    file.write_text(config.to_yaml(), encoding="utf-8")
    words = ("train", "--config", file, "--data-dir", data_dir, "--run-dir", run)

    absent = refused(*words, "--set", "model.architecture=absent:build")
    assert "No module named 'absent'; modules are looked for" in absent
    assert not run.exists()
    stop_at(8, lambda: train(config, data_dir, run))  # in the second epoch
    resumed = diffkeras(*words)
    assert resumed.exit_code == 0, resumed.output
    assert "resuming at epoch 2" in resumed.output
    assert refused(*words, "--set", "model.arguments.width=5")
    evaluated = diffkeras("evaluate", run, "--data-dir", data_dir)
    assert evaluated.exit_code == 0, evaluated.output
    exported = diffkeras("export", run, "--output", "exported")
    assert exported.exit_code == 0, exported.output
    images = np.zeros((2, 20, 16), np.float32)  # another lattice than in the training
    images[:, 4:7, 5:9] = 1.0
    fields = load_surrogate(run).fields(images)
    loaded = tf.saved_model.load("exported")
    served = loaded.serve(tf.constant(images[..., None]))
    np.testing.assert_allclose(served[..., 0], fields, rtol=1e-4, atol=1e-6)
    assert fields[0, 5, 6] == 1.0

    module = folder / "own_network.py"
    module.write_text(NETWORK.replace("Normalization()", "Normalization(center=False)"))
    del sys.modules["own_network"]
    assert "another network than own_network:build builds now: " in refused("evaluate", run)
    module.unlink()
    del sys.modules["own_network"]
    assert "No module named 'own_network'; modules are looked for" in refused("evaluate", run)


@pytest.mark.usefixtures("lean_training")
def test_a_source_that_changes_does_not_resume(folder, tiny, data_dir):
    config, run = own(tiny), folder / "run"
    stop_at(8, lambda: train(config, data_dir, run))
    for old, new in (("width=4", "width=5"), ("Normalization()", "Normalization(center=False)")):
        Path("own_network.py").write_text(NETWORK.replace(old, new), encoding="utf-8")
        sys.modules.pop("own_network")
        with pytest.raises(RunError, match=r"fit the network, which may have changed since: ."):
            train(config, data_dir, run)


def test_networks_are_made_functional_and_their_fields_float32(folder, tiny):
    import keras

    model = build_model(own(tiny, "stack"))
    assert model.count_params() == 10
    in_training = Surrogate(keras.Model(model.inputs, model.outputs), own(tiny, "stack"))
    assert in_training.predict(np.zeros((16, 18))).field.shape == (16, 18)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert build_model(own(tiny)).output.dtype == "float32"
    finally:
        keras.config.set_dtype_policy(before)


def test_a_lattice_that_it_does_not_take(folder, tiny, tmp_path):
    config = own(tiny, stride=4).with_overrides({"model.fixed_values": False})
    surrogate = Surrogate(build_model(config), config)
    with pytest.raises(PhysicsError, match=r"no lattice of 18×16 nodes: .* \(None, 20, 16, 1\)"):
        surrogate.predict(np.zeros((18, 16)))
    with pytest.raises(ConfigurationError, match=r"own_network:build with .* no lattice of 18×18"):
        build_model(config.with_overrides({"physics.lattice": 18}))


@pytest.mark.parametrize(
    ("architecture", "arguments", "message"),
    [
        ("own_network:other", {}, "importing own_network:other raised AttributeError: .*'other'"),
        ("own_network:number", {}, "own_network:number is 3, not a function"),
        ("own_network:nothing", {}, "nothing with {'channels': 1} returned None, not a keras.M"),
        ("own_network:failing", {}, "raised ZeroDivisionError: no such$"),
        ("own_network:build", {"deep": 3}, "'deep': 3} raised TypeError: .*argument 'deep'"),
        ("own_network:fixed", {}, r"from one input of shape \(None, None, None, 1\) .* 16, 16"),
        ("own_network:two", {}, r"to one output of shape \(None, None, None, 1\); .* 2\)\]$"),
        ("absent:build", {}, "importing absent:build raised ModuleNotFoundError: .* on Python"),
        ("broken:build", {}, "importing broken:build raised ZeroDivision"),
        ("hungry:build", {}, "ModuleNotFoundError: .*absent_package"),
        ("leaving:build", {}, "importing leaving:build raised SystemExit: 3"),
    ],
)
def test_what_builds_no_network(architecture, arguments, message, folder, tiny):
    for name, text in BROKEN.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    network = {"architecture": architecture, "arguments": arguments}
    with pytest.raises(ConfigurationError, match=rf"model\.architecture: .*{message}"):
        build_model(tiny.with_overrides({"model": network}))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"architecture": "resnet"},
            "must be encoder_decoder, .* module:function .*, not 'resnet'",
        ),
        ({"architecture": "my net:build"}, "'my net:build' is not module:function"),
        ({"architecture": "my_net:"}, "'my_net:' is not module:function"),
        ({"architecture": "os.path:join"}, "os.path:join is part of Python"),
        ({"arguments": {"width": 3}}, "encoder_decoder has keys of its own"),
        ({"architecture": "a:b", "arguments": {"channels": 3}}, "channels follows from physics"),
        ({"architecture": "a:b", "arguments": [3]}, "model.arguments: must be a mapping"),
    ],
)
def test_what_a_configuration_refuses(model, message):
    with pytest.raises(ConfigurationError, match=message):
        parse_config({"model": model})


def test_reading_a_configuration_imports_nothing(folder, tiny):
    config = own(tiny, width=3)
    assert parse_config({**config.to_dict()}) == config
    assert {"architecture", "arguments"} <= {*config.model.keys_used}
    assert "width" not in config.model.keys_used
    assert config.model.lattices.takes((7, 9))
    assert "own_network" not in sys.modules


@pytest.mark.usefixtures("lean_training")
def test_the_example_of_the_page(folder):
    page = (Path(__file__).parents[2] / "docs" / "architectures.md").read_text(encoding="utf-8")
    section = page.partition("## An architecture of your own")[2]
    module = re.search(r"```python\n(# my_network\.py\n.*?)```", section, re.DOTALL)[1]
    settings = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)[1]
    (folder / "my_network.py").write_text(module, encoding="utf-8")
    config = parse_config(from_yaml(settings))  # as it stands
    generate(config, folder / "data")
    train(config, folder / "data", folder / "run")
    assert load_surrogate(folder / "run").config == config
