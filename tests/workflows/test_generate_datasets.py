"""`generate` and `--preview` from Python."""

import pytest

from diffkeras.errors import ConfigurationError
from diffkeras.workflows import generate, preview

pytestmark = pytest.mark.usefixtures("quick_figures")


def test_nothing_to_do_needs_no_tensorflow(tiny, data_dir, monkeypatch):
    def fail() -> None:
        raise AssertionError("TensorFlow is loaded")

    monkeypatch.setattr("diffkeras.system.tensorflow_setup.load_tensorflow", fail)
    paths = generate(tiny, str(data_dir))
    assert [path.is_dir() for path in paths] == [True, True]


def test_the_preview_solves_no_more_than_the_training_examples(tiny, tmp_path, log):
    few = tiny.with_overrides({"data.train_examples": 2})
    assert preview(few, tmp_path / "preview.html").stat().st_size
    assert "solving 2 examples of each of 2 source counts" in log.messages


@pytest.mark.slow
def test_the_preview_says_what_sources_do(tiny, tmp_path):
    few = tiny.with_overrides({"data.train_examples": 2})
    fixed = preview(few, tmp_path / "preview.html").read_text()
    assert "The field has the sources' values on their nodes." in fixed
    assert "feel each other" in fixed
    changes = {"physics.sources": "production", "data.placement.overlap": True}
    for divide in (False, True):
        config = few.with_overrides({**changes, "data.divide_by_maximum": divide})
        text = preview(config, tmp_path / "preview.html").read_text()
        assert "Sources produce the decay rate times their values" in text
        assert ("each field is divided by its maximum" in text) is divide
        assert "their values add" in text
        assert "fields of sources that produce add" in text


def test_the_preview_shows_tissues(tiny, tmp_path):
    changes = {"data.train_examples": 1, "data.sources": "2", "data.tissue": {"cells": [3, 5]}}
    text = preview(tiny.with_overrides(changes), tmp_path / "preview.html").read_text()
    assert "maps that vary from node to node" in text
    assert "The medium is a tissue of cells and regions." in text
    # from the slowest region and the largest uptake to the fastest region without cells
    assert "Diffusion length: 0.426 to 4.47 lattice steps." in text


@pytest.mark.parametrize("loss", ["magic", {"error": "huber", "delta": -1}])
def test_what_training_would_refuse_is_refused_before_anything_is_solved(tiny, tmp_path, loss):
    with pytest.raises(ConfigurationError, match=r"training\.loss"):
        generate(tiny.with_overrides({"training.loss": loss}), tmp_path / "data")
    assert not (tmp_path / "data").exists()
