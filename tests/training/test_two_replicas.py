"""Two replicas do what one does."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.new_process import NewProcess
from tests.helpers.tables import read_csv

SCRIPT = Path(__file__).with_name("two_replicas.py")


def check(config, data_dir, run, *names):
    NewProcess(SCRIPT, config, data_dir, run, *names, output=run.with_name("output")).succeed()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_two_replicas_take_the_steps_of_one_with_any_optimizer(name, tiny_file, data_dir, tmp_path):
    check(tiny_file, data_dir, tmp_path / "run", name)


def test_two_replicas_train_and_validate_on_all_examples(
    tiny_file, tiny, data_dir, tmp_path, validation_errors
):
    run = tmp_path / "run"
    check(tiny_file, data_dir, run, "trains")
    errors = validation_errors(run, tiny, data_dir)
    best = min(read_csv(run / "history.csv"), key=lambda row: float(row["val_mae"]))
    assert np.mean(errors) == pytest.approx(float(best["val_mae"]), rel=1e-4)
    assert np.max(errors) == pytest.approx(float(best["val_max_error"]), rel=1e-4)
