"""`generate` from Python, and the preview."""

import pytest

from diffkeras.commands.generate import draw_examples
from diffkeras.data import generate
from diffkeras.errors import ConfigurationError


def test_nothing_to_do_needs_no_tensorflow(tiny, data_dir, monkeypatch):
    def fail() -> None:
        raise AssertionError("TensorFlow is loaded")

    monkeypatch.setattr("diffkeras.system.tensorflow_setup.load_tensorflow", fail)
    paths = generate(tiny, str(data_dir))
    assert [path.is_dir() for path in paths] == [True, True]


def test_the_preview_draws_fields_and_maps_of_tissues(tiny, tmp_path, monkeypatch, log):
    drawn = []
    monkeypatch.setattr(
        "diffkeras.reporting.style.to_png", lambda figure: drawn.append(figure) or b""
    )
    changes = {"data.sources": "2", "data.tissue": {"cells": [3, 5]}}
    for config in (tiny.with_overrides({"data.train_examples": 2}), tiny.with_overrides(changes)):
        draw_examples(config, tmp_path / "preview.png")
    fields, maps = ([axes for axes in figure.axes if axes.images] for figure in drawn)
    assert len(fields) == 4, "all two examples of two source counts"
    assert [axes.get_title() for axes in maps] == ["diffusivity D", "decay γ", "field u"]
    assert "solving 2 example(s) of each of 2 source counts" in log.messages


@pytest.mark.parametrize("loss", ["magic", {"error": "huber", "delta": -1}])
def test_what_training_would_refuse_is_refused_before_anything_is_solved(tiny, tmp_path, loss):
    with pytest.raises(ConfigurationError, match=r"training\.loss"):
        generate(tiny.with_overrides({"training.loss": loss}), tmp_path / "data")
    assert not (tmp_path / "data").exists()
