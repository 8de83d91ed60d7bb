"""Refusals and failures of Apache Beam pipelines; `tests/data/test_kinds.py` runs one."""

import builtins

import pytest
from click.testing import CliRunner

from diffkeras.commands import main
from diffkeras.data import generate
from diffkeras.errors import DataError
from tests.helpers.generation_tools import (
    SHARD,
    dataset_hash,
    tiny_config,
)


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
    assert done.exit_code == 1
    assert "--direct_num_workers" in done.output


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
