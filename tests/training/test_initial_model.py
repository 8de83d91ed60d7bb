"""Fine-tuning: a run that starts from the weights of another one."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffkeras import train
from diffkeras.config import Config
from diffkeras.errors import ConfigurationError, RunError
from diffkeras.surrogates.run_directory import Run
from diffkeras.surrogates.surrogate import load_surrogate
from diffkeras.training.checkpoints import digest
from tests.helpers.stopped_training import session_at_start, stop_at


def starting_from(run: object, config: Config, **changes: Any) -> Config:
    settings = {f"training.{key}": value for key, value in changes.items()}
    return config.with_overrides({"training.initial_model": str(run), **settings})


def test_training_begins_at_the_best_model(tiny, data_dir, run_dir, tmp_path):
    config = starting_from(run_dir, tiny, seed=7, ema=0.9)
    session = session_at_start(lambda: train(config, data_dir, tmp_path / "run"))
    weights = load_surrogate(run_dir).model.get_weights()
    for weight, best in zip(session.model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(weight, best)
    assert session.steps_done == 0
    assert int(session.model.optimizer.iterations.numpy()) == 0


def test_a_run_remembers_its_model_and_goes_on_without_it(tiny, data_dir, run_dir, tmp_path, log):
    first = Path(shutil.copytree(run_dir, tmp_path / "first"))
    config = starting_from(first, tiny, epochs=1, checkpoint_minutes=1e-6)
    stop_at(3, lambda: train(config, data_dir, tmp_path / "run"))
    shutil.rmtree(first)
    run = train(config, data_dir, tmp_path / "run")
    assert "resuming at epoch 1, step 2 of 6" in log.messages
    assert run.config().training.initial_model == str(first)
    assert run.state()["initial_model"] == digest(Run(run_dir).weights_file)
    assert "initial_model" not in Run(run_dir).state()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model.width": 4}, r"model\.width 2 there, 4 here"),
        ({"model.transform": "linear"}, r"model\.transform sqrt there, linear here"),
        (
            {"data.diffusion_length": [4, 40], "physics.decay": 1 / 400, "data.stream": True},
            r"none there, diffusion_length here",
        ),
    ],
)
def test_another_network_is_refused(tiny, data_dir, run_dir, tmp_path, changes, message):
    config = starting_from(run_dir, tiny).with_overrides(changes)
    with pytest.raises(ConfigurationError, match=rf"training\.initial_model: .*{message}"):
        train(config, data_dir, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_missing_or_not_finished_is_refused(tiny, data_dir, own_run, tmp_path):
    state = json.loads((own_run / "run.json").read_text())
    (own_run / "run.json").write_text(json.dumps(state | {"state": "failed"}))
    for place, message in ((tmp_path / "nowhere", "no run directory"), (own_run, "not finished")):
        with pytest.raises(RunError, match=message):
            train(starting_from(place, tiny), data_dir, tmp_path / "new")
    assert not (tmp_path / "new").exists()
