"""Streams: each sample a function of its number, each epoch new, and a run that goes on."""

import numpy as np
import pytest
import threadpoolctl

from diffkeras import train
from diffkeras.data import generate, mixed_dataset, raw_dataset
from diffkeras.data.batches import stream_batches
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.stored import dataset_status
from diffkeras.errors import ConfigurationError, DataError, PackingError
from tests.helpers.lean_runs import lean_training


@pytest.fixture(scope="module")
def stream(tiny):
    return tiny.with_overrides({"data.stream": True, "model.transform": "linear"})


def samples(batches, number):
    """The first samples: source images, and packed targets."""
    size = batches.element_spec[0].shape[0] or 4
    taken = list(batches.take(-(-number // size)).as_numpy_iterator())
    x, y = (np.concatenate(parts)[:number] for parts in zip(*taken, strict=True))
    return x, y


def blas():
    """The numbers of threads that BLAS uses."""
    libraries = threadpoolctl.threadpool_info()
    return {library["num_threads"] for library in libraries if library["user_api"] == "blas"}


def test_epochs_are_new_and_training_needs_no_dataset(stream, tmp_path, monkeypatch):
    x, _ = samples(
        mixed_dataset(stream.with_overrides({"data.sources": "2"}), "train", tmp_path), 48
    )
    assert len({image.tobytes() for image in x}) == 48
    config = stream.with_overrides({"training.epochs": 1})
    seen = []

    solved = DatasetConfig.example

    def spy(*arguments):
        seen.append(blas())
        return solved(*arguments)

    with threadpoolctl.threadpool_limits(2, user_api="blas"), lean_training():
        samples(stream_batches(stream), 1)
        assert blas() == {2}  # as before
        monkeypatch.setattr(DatasetConfig, "example", spy)
        assert train(config, tmp_path / "none", tmp_path / "run").weights_file.exists()
        assert blas() == {2}
    used = config.steps * config.training.batch_size
    assert seen[:used] == [{1}] * used  # more are made ahead, and perhaps after the end
    assert not (tmp_path / "none").exists()


def test_test_examples_are_never_solved_on_the_fly(stream, tmp_path):
    with pytest.raises(DataError, match="diffkeras generate"):
        raw_dataset(stream, 1, "test", tmp_path)


def test_generate_makes_no_training_examples(stream, tmp_path, log):
    generate(stream, tmp_path)
    assert dataset_status(stream, 1, tmp_path).examples == {"validation": 4, "test": 5}
    log.clear()
    generate(stream, tmp_path)
    assert log.messages
    assert all("skipped" in message for message in log.messages)
    stored = raw_dataset(stream, 1, "validation", tmp_path)
    assert len(stored) == 4


def test_generate_keeps_training_examples_that_are_there(stream, tiny, own_data):
    before = dataset_status(tiny, 1, own_data)
    generate(stream, own_data)
    assert dataset_status(tiny, 1, own_data) == before


def test_what_the_solver_cannot_take_is_refused(stream, tmp_path):
    crowded = stream.with_overrides({"data.sources": 20})
    with pytest.raises(PackingError):
        stream_batches(crowded)
    with pytest.raises(ConfigurationError, match=r"^data\.stream: "):
        raw_dataset(stream, 1, "train", tmp_path)


def test_the_flag_makes_a_stream(refused, tiny_file, tmp_path):
    words = ["train", "--config", tiny_file, "--data-dir", tmp_path, "--set", "data.cache=true"]
    assert "cache: is of stored examples, and a stream" in refused(*words, "--stream")
    assert "has no dataset" in refused(*words)
