"""Two replicas do what one does."""

import json
from pathlib import Path

import numpy as np
import pytest
from new_process import NewProcess
from tables import read_csv

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.surrogates.surrogate import load_surrogate

SCRIPT = Path(__file__).with_name("two_replicas.py")


@pytest.fixture(scope="module")
def two_replicas(tiny_file: Path, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of two replicas; next to it is a JSON file with the results of the checks."""
    run = tmp_path_factory.mktemp("replicas") / "run"
    words = (tiny_file, data_dir, run)
    NewProcess(SCRIPT, *words, output=run.with_name("output")).succeed()
    return run


@pytest.mark.parametrize("check", ["trains", "adamw", "muon", "adam overflow", "muon overflow"])
def test_two_replicas_do_what_one_does(check: str, two_replicas: Path) -> None:
    error = json.loads(two_replicas.with_suffix(".json").read_text())[check]
    assert not error, error


def test_two_replicas_validate_all_examples(
    two_replicas: Path, tiny: Config, data_dir: Path
) -> None:
    surrogate = load_surrogate(two_replicas)
    errors = [
        np.abs(
            surrogate.predict(example["source_image"][..., 0]).field - example["field"][..., 0]
        ).mean()
        for count in tiny.data.sources
        for example in raw_dataset(tiny, count, "validation", data_dir).as_numpy_iterator()
    ]
    best = min(float(row["val_mae"]) for row in read_csv(two_replicas / "history.csv"))
    assert np.mean(errors) == pytest.approx(best, rel=1e-4)
