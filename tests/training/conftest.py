"""Tests of training write neither SavedModels nor pictures: they take longer than tiny runs."""

import numpy as np
import pytest

from tests.helpers import lean_runs


@pytest.fixture(autouse=True, scope="module")
def lean(run_dir):
    """From when the run that all tests share is complete."""
    with lean_runs.lean_training():
        yield


@pytest.fixture
def validation_errors():
    """`validation_errors(run_dir, config, data_dir)`: of the kept model, one array per example."""
    from diffkeras.data import raw_dataset
    from diffkeras.surrogates.surrogate import load_surrogate

    def compute(run_dir, config, data_dir) -> list[np.ndarray]:
        surrogate = load_surrogate(run_dir)
        return [
            np.abs(
                surrogate.predict(example["source_image"][..., 0]).field - example["field"][..., 0]
            )
            for count in config.data.sources
            for example in raw_dataset(config, count, "validation", data_dir).as_numpy_iterator()
        ]

    return compute
