"""Two replicas do what one does."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from new_process import NewProcess
from tables import read_csv

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.surrogates.surrogate import load_surrogate

SCRIPT = Path(__file__).with_name("two_replicas.py")


QUICK, OTHERS = ("trains",), ("adamw", "muon", "adam overflow", "muon overflow")
Check = Callable[[Path, Sequence[str]], dict[str, str]]


@pytest.fixture(scope="module")
def check(tiny_file: Path, data_dir: Path) -> Check:
    """`check(run, names)`: the traceback of each check, or "" if it held."""

    def call(run: Path, names: Sequence[str]) -> dict[str, str]:
        words = (tiny_file, data_dir, run, *names)
        NewProcess(SCRIPT, *words, output=run.with_name("output")).succeed()
        return json.loads(run.with_suffix(".json").read_text())

    return call


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The place of the run of two replicas."""
    return tmp_path_factory.mktemp("replicas") / "run"


@pytest.fixture(scope="module")
def errors(run: Path, check: Check) -> dict[str, str]:
    return check(run, QUICK)


@pytest.mark.parametrize("name", QUICK)
def test_two_replicas_do_what_one_does(name: str, errors: dict[str, str]) -> None:
    assert not errors[name], errors[name]


@pytest.mark.slow
def test_two_replicas_do_what_one_does_with_other_optimizers(check: Check, tmp_path: Path) -> None:
    assert check(tmp_path / "run", OTHERS) == dict.fromkeys(OTHERS, "")


@pytest.mark.usefixtures("errors")
def test_two_replicas_validate_all_examples(run: Path, tiny: Config, data_dir: Path) -> None:
    surrogate = load_surrogate(run)
    errors = [
        np.abs(
            surrogate.predict(example["source_image"][..., 0]).field - example["field"][..., 0]
        ).mean()
        for count in tiny.data.sources
        for example in raw_dataset(tiny, count, "validation", data_dir).as_numpy_iterator()
    ]
    best = min(float(row["val_mae"]) for row in read_csv(run / "history.csv"))
    assert np.mean(errors) == pytest.approx(best, rel=1e-4)
