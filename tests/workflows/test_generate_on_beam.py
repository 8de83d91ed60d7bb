"""The same examples by an Apache Beam pipeline, in two processes."""

import builtins

import pytest
from click.testing import CliRunner

from diffkeras.cli import main
from diffkeras.data import mixed_dataset, raw_dataset
from diffkeras.data.storage import dataset_path
from diffkeras.errors import DataError
from diffkeras.workflows import generate, verify
from tests.helpers.generation_tools import (
    SHARD,
    dataset_hash,
    examples_hash,
    leftovers,
    tiny_config,
)

TWO = ["--runner=DirectRunner", "--direct_num_workers=2"]
TWO += ["--direct_running_mode=multi_processing"]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("diffkeras.data.shards.SHARD_EXAMPLES", SHARD)


def test_without_beam(tmp_path, monkeypatch):
    load = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("apache_beam"):
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    done = CliRunner().invoke(main, ["generate", "--beam", "--data-dir", str(tmp_path / "data")])
    assert done.exit_code == 1
    assert "Apache Beam isn't installed; install the extra: pip install" in done.output
    assert not (tmp_path / "data").exists()


def test_the_option_for_processes_is_not_for_beam():
    done = CliRunner().invoke(main, ["generate", "--beam", "--processes", "2"])
    assert done.exit_code == 2
    assert "--direct_num_workers" in done.output


@pytest.mark.slow
def test_two_processes_make_the_same_examples(tmp_path):
    pytest.importorskip("apache_beam")
    config = tiny_config()
    generate(config, tmp_path / "beam", beam_options=TWO)
    generate(config, tmp_path / "own")
    by_beam, own = (dataset_path(config, 2, tmp_path / name) for name in ("beam", "own"))
    assert examples_hash(by_beam) == examples_hash(own)
    assert leftovers(tmp_path / "beam") == []
    assert verify(config, tmp_path / "beam", share=1) == []
    assert len(raw_dataset(config, 2, "test", tmp_path / "beam")) == 9
    batches = mixed_dataset(config, "train", tmp_path / "beam")
    assert sum(len(x) for x, _ in batches) == 40
    # A dataset of the pipeline grows like any other.
    generate(tiny_config(50), tmp_path / "beam")
    generate(tiny_config(50), tmp_path / "own")
    assert examples_hash(by_beam) == examples_hash(own)


@pytest.mark.slow
def test_a_failed_pipeline_leaves_the_former_dataset(tmp_path, monkeypatch):
    pytest.importorskip("apache_beam")
    generate(tiny_config(8), tmp_path)
    before = dataset_hash(tiny_config(8), tmp_path)

    def fail(dataset, split, k):
        raise ArithmeticError("no luck")

    module = "tfds_builders.diffusion_fields.diffusion_fields_dataset_builder"
    monkeypatch.setattr(f"{module}.make_example", fail)
    with pytest.raises(DataError, match=r"the Beam pipeline failed: .*no luck"):
        generate(tiny_config(), tmp_path, beam_options=["--runner=DirectRunner"])
    assert dataset_hash(tiny_config(8), tmp_path) == before
