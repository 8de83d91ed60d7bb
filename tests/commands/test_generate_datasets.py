"""`generate` and `--preview` from Python."""

import pytest

from diffkeras.commands import preview_data
from diffkeras.commands.preview_data import preview
from diffkeras.data import generate
from diffkeras.errors import ConfigurationError

pytestmark = pytest.mark.usefixtures("quick_figures")


def test_nothing_to_do_needs_no_tensorflow(tiny, data_dir, monkeypatch):
    def fail() -> None:
        raise AssertionError("TensorFlow is loaded")

    monkeypatch.setattr("diffkeras.system.tensorflow_setup.load_tensorflow", fail)
    paths = generate(tiny, str(data_dir))
    assert [path.is_dir() for path in paths] == [True, True]


def test_the_preview_solves_no_more_than_the_training_examples(tiny, tmp_path, log):
    few = tiny.with_overrides({"data.train_examples": 2})
    assert preview(few, tmp_path / "preview.png").stat().st_size
    assert "solving 2 example(s) of each of 2 source counts" in log.messages


def test_the_preview_draws_fields_and_maps_of_tissues(tiny, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(preview_data, "to_png", lambda figure: drawn.append(figure) or b"")
    changes = {"data.sources": "2", "data.tissue": {"cells": [3, 5]}}
    for config in (tiny, tiny.with_overrides(changes)):
        preview(config, tmp_path / "preview.png")
    fields, maps = ([axes for axes in figure.axes if axes.images] for figure in drawn)
    assert len(fields) == 6, "three examples of two source counts"
    assert [axes.get_title() for axes in maps] == ["diffusivity D", "decay γ", "field u"]


@pytest.mark.parametrize("loss", ["magic", {"error": "huber", "delta": -1}])
def test_what_training_would_refuse_is_refused_before_anything_is_solved(tiny, tmp_path, loss):
    with pytest.raises(ConfigurationError, match=r"training\.loss"):
        generate(tiny.with_overrides({"training.loss": loss}), tmp_path / "data")
    assert not (tmp_path / "data").exists()
