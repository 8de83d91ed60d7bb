"""The same records on Apache Beam, in two processes."""

import builtins

import pytest
from click.testing import CliRunner
from generation_tools import SHARD, dataset_hash, leftovers, records_hash, tiny_config

from diffkeras.cli import main
from diffkeras.config import SPLITS
from diffkeras.errors import DataError
from diffkeras.workflows import generate
from tfds_builders import Builder, DiffusionFieldsConfig

TWO = ["--runner=DirectRunner", "--direct_num_workers=2"]
TWO += ["--direct_running_mode=multi_processing"]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("diffkeras.data.shards.SHARD_EXAMPLES", SHARD)


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """The hash of what this process makes alone."""
    data_dir = tmp_path_factory.mktemp("here")
    generate(tiny_config(), data_dir)
    return dataset_hash(tiny_config(), data_dir)


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


def test_workers_are_beams(tmp_path):
    done = CliRunner().invoke(main, ["generate", "--beam", "--workers", "2"])
    assert done.exit_code == 2
    assert "--direct_num_workers" in done.output


def test_two_processes(tmp_path, here, log):
    pytest.importorskip("apache_beam")
    config = tiny_config()
    generate(config, tmp_path, beam_options=TWO)
    assert dataset_hash(config, tmp_path) == here
    assert leftovers(tmp_path) == []
    assert any("52 examples" in message for message in log.messages)


def test_a_failed_pipeline_keeps_whole_shards(tmp_path, here, monkeypatch):
    pytest.importorskip("apache_beam")
    record = Builder.record

    def fail(self, split, k):
        if (split, k) == ("test", 8):
            raise ArithmeticError("no luck")
        return record(self, split, k)

    monkeypatch.setattr(Builder, "record", fail)
    config = tiny_config()
    with pytest.raises(DataError, match=r"Beam pipeline failed: .*whole shards are kept"):
        generate(config, tmp_path, beam_options=["--runner=DirectRunner"])
    monkeypatch.setattr(Builder, "record", record)
    generate(config, tmp_path)
    assert dataset_hash(config, tmp_path) == here


def test_tfds_own_writer(tmp_path, here):
    """`download_and_prepare` with a Beam pipeline, as for a cluster without a common directory."""
    pytest.importorskip("apache_beam")
    import tensorflow_datasets as tfds
    from apache_beam.options.pipeline_options import PipelineOptions

    config = tiny_config()
    builder = Builder(
        config=DiffusionFieldsConfig.of_config(2, config),
        data_dir=str(tmp_path),
        examples={split: config.data.examples(split) for split in SPLITS},
        beam=True,
    )
    builder.download_and_prepare(
        download_config=tfds.download.DownloadConfig(beam_options=PipelineOptions(TWO))
    )
    assert records_hash(builder.data_path) == here
