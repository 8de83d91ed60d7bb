from pathlib import Path

import pytest
import tensorflow as tf
from synthetic_study import synthetic_study
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from diffkeras.studies.output.hparams import write_hparams


def _read(directory: Path) -> tuple[dict[str, plugin_data_pb2.HParamsPluginData], dict[str, float]]:
    """HParams' records by tag, and the last value of each scalar."""
    events = EventAccumulator(str(directory))
    events.Reload()
    plugin = events.summary_metadata
    records = {}
    for tag, metadata in plugin.items():
        if metadata.plugin_data.plugin_name == "hparams":
            records[tag] = plugin_data_pb2.HParamsPluginData.FromString(
                metadata.plugin_data.content
            )
    scalars = {
        tag: float(tf.make_ndarray(events.Tensors(tag)[-1].tensor_proto))
        for tag in events.Tags()["tensors"]
        if tag.startswith("test/")
    }
    return records, scalars


def test_tensorboard_reads_a_session_for_each_run(tmp_path: Path) -> None:
    data = synthetic_study(fractions=(0.05, 1.0), seeds=1, images=2)
    write_hparams(tmp_path, data)
    experiment, _ = _read(tmp_path)
    declared = experiment["_hparams_/experiment"].experiment
    assert {info.name for info in declared.hparam_infos} == {*data.factors, "training_examples"}
    assert "test/mae" in {info.name.tag for info in declared.metric_infos}
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == len(data.overall) == 6
    for row in data.overall.to_dict("records"):
        records, scalars = _read(tmp_path / row["run"])
        start = records["_hparams_/session_start_info"].session_start_info
        assert start.hparams["training.loss"].string_value == row["training.loss"]
        fraction = start.hparams["data.train_fraction"].number_value
        assert fraction == pytest.approx(float(row["data.train_fraction"]))
        assert start.hparams["training_examples"].number_value == row["training_examples"]
        assert scalars["test/mae"] == pytest.approx(row["mae"], rel=1e-6)
