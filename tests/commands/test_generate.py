"""`diffkeras generate`: datasets, previews, and what keeps Beam from making datasets.

`tests/data/test_kinds.py` runs a pipeline of Beam.
"""

import sys
from pathlib import Path

import pytest

from diffkeras.data import generate
from diffkeras.data.dataset import DatasetConfig
from diffkeras.errors import ConfigurationError, DataError
from tests.helpers.generation_tools import SHARD, dataset_hash, tiny_config


def test_generate_prints_where_the_datasets_are(diffkeras, tiny_file, tmp_path):
    words = ["generate", "--config", tiny_file, "--data-dir", tmp_path, "--processes", 1]
    first = diffkeras(*words, "--sources", "1,3", "--train-examples", 2)
    assert first.exit_code == 0, first.output
    paths = first.stdout.split()
    assert len(paths) == 2
    assert all((Path(path) / "dataset_info.json").is_file() for path in paths)
    assert {Path(path).parent.name[:10] for path in paths} == {"sources_01", "sources_03"}
    again = diffkeras(*words, "--sources", "1,3", "--train-examples", 2)
    assert again.stdout.split() == paths
    assert again.stderr.count("skipped") == 2


def test_nothing_to_do_needs_no_tensorflow(tiny, data_dir, monkeypatch):
    def fail() -> None:
        raise AssertionError("TensorFlow is loaded")

    monkeypatch.setattr("diffkeras.system.tensorflow_setup.load_tensorflow", fail)
    paths = generate(tiny, str(data_dir))
    assert [path.is_dir() for path in paths] == [True, True]


@pytest.mark.parametrize("loss", ["magic", {"error": "huber", "delta": -1}])
def test_what_training_would_refuse_is_refused_before_anything_is_solved(tiny, tmp_path, loss):
    with pytest.raises(ConfigurationError, match=r"training\.loss"):
        generate(tiny.with_overrides({"training.loss": loss}), tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--preview", "a.png", "--beam"), "--preview excludes --beam; leave one out"),
        (("--preview", "data.html"), "name ends in .png, unlike"),
        (("--verify", "--processes", 2), "--verify excludes --processes"),
        (("--beam-options", "--runner=DirectRunner"), "--beam-options needs --beam"),
        (("--beam",), "Apache Beam isn't installed; install the extra: pip install"),
    ],
)
def test_what_does_not_go_together_is_refused(
    refused, tiny_file, tmp_path, monkeypatch, words, message
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    assert message in refused("generate", "--config", tiny_file, *words)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", [None, "mine.png"])
def test_the_preview_draws_fields_and_maps_of_tissues(
    diffkeras, tiny_file, tmp_path, monkeypatch, name
):
    monkeypatch.chdir(tmp_path)
    drawn: list = []
    monkeypatch.setattr(
        "diffkeras.reporting.style.to_png", lambda figure: drawn.append(figure) or b""
    )
    words = ["generate", "--config", tiny_file, "--preview", *([name] if name else [])]
    few = diffkeras(*words, "--train-examples", 2)
    assert few.exit_code == 0, few.output
    assert "solving 2 example(s) of each of 2 source counts" in few.stderr
    tissue = ("--sources", 2, "--set", "data.tissue={cells: [3, 5]}")
    assert diffkeras(*words, *tissue).exit_code == 0
    fields, maps = ([axes for axes in figure.axes if axes.images] for figure in drawn)
    assert len(fields) == 4, "both examples of two source counts"
    titles = [f"n = 2, {name}" for name in ("diffusivity D", "decay γ", "field u")]
    assert [axes.get_title() for axes in maps] == titles
    assert [path.name for path in tmp_path.iterdir()] == [name or "preview.png"]


@pytest.mark.slow
def test_a_failed_pipeline_leaves_the_former_dataset(tmp_path, monkeypatch):
    pytest.importorskip("apache_beam")
    monkeypatch.setattr("diffkeras.data.stored.SHARD_EXAMPLES", SHARD)
    generate(tiny_config(8), tmp_path)
    before = dataset_hash(tiny_config(8), tmp_path)

    example = DatasetConfig.example

    def fail(dataset, split, k):
        if split == "train":  # of which some are made before, for an estimate
            return example(dataset, split, k)
        raise ArithmeticError("no luck")

    monkeypatch.setattr(DatasetConfig, "example", fail)
    with pytest.raises(DataError, match=r"the Beam pipeline failed: .*no luck"):
        generate(tiny_config(), tmp_path, beam_options=["--runner=DirectRunner"])
    assert dataset_hash(tiny_config(8), tmp_path) == before
