from math import prod
from pathlib import Path

import keras

import diffkeras as dk
from diffkeras.nn import encoder_decoder
from paper import costs
from paper.study_files import names


def test_each_study_has_a_row(monkeypatch):
    """Building the networks of all takes long."""
    monkeypatch.setattr(costs, "names", lambda: ["optimizers_reduced"])
    (study, full, every) = costs.rows()
    assert study[:2] == ["`optimizers_reduced`", "8"]
    assert (full[1], every[1:]) == ("0", study[1:])
    assert "optimizers_reduced" in names()


def test_the_page_has_the_largest_run_as_the_command_prints_it():
    page = Path(__file__).parents[2] / "docs" / "full_scale.md"
    text = page.read_text(encoding="utf-8")
    for line in costs.lines():
        assert f"| {' | '.join(line)} |" in text


def test_the_largest_run_is_the_papers():
    config = dk.load_config("paper")
    examples = config.data.train_examples * len(config.data.sources)
    assert examples * config.training.epochs == costs.IMAGES
    side, found = config.physics.lattice[0], 0.0
    for layer in encoder_decoder(width=64, depth=5).layers:
        side //= 2 if isinstance(layer, keras.layers.AveragePooling2D) else 1
        side *= 2 if "Upsampled" in type(layer).__name__ else 1
        kernels = [w.shape for w in layer.trainable_variables if len(w.shape) == 4]
        found += sum(2 * prod(kernel) * side**2 for kernel in kernels)
    assert costs.operations() == found
