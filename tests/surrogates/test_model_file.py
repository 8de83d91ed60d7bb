"""Models that are not those of their runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.errors import RunError
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.surrogate import load_surrogate


def test_a_run_json_of_another_program_is_told_apart(own_run: Path) -> None:
    file = own_run / "run.json"
    content = json.loads(file.read_text())
    for wrong in ({"state": 3}, {"versions": []}, {"versions": None}):
        file.write_text(json.dumps({**content, **wrong}))
        with pytest.raises(RunError, match=r"run\.json is damaged, or written by another"):
            load_surrogate(own_run)


def spoilt(config: Config) -> keras.Model:
    model = build_model(config)
    model.trainable_variables[0].assign(np.full(model.trainable_variables[0].shape, np.nan))
    return model


def two_outputs(config: Config) -> keras.Model:
    model = build_model(config)
    return keras.Model(model.inputs, [*model.outputs, *model.outputs])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (spoilt, "weights are not finite"),
        (two_outputs, "inputs and outputs"),
        (lambda config: keras.Sequential([keras.layers.Dense(1)]), "inputs and outputs"),
        (
            lambda config: build_model(
                config.with_overrides({"data.diffusion_length": [1, 20], "physics.decay": 1 / 400})
            ),
            "inputs and outputs",
        ),
        (lambda config: build_model(config.with_overrides({"model.width": 4})), "parameters"),
    ],
    ids=["nan", "outputs", "unbuilt", "channels", "width"],
)
def test_another_model_raises_an_error(
    tiny: Config, own_run: Path, make: Callable[[Config], keras.Model], message: str
) -> None:
    model = make(tiny)
    keras.saving.save_model(model, own_run / "model.keras")
    with pytest.raises(RunError, match=message):
        load_surrogate(own_run)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trainable_parameters", "many"),
        ("seconds", -1),
        ("best_epoch", True),
        ("epochs", float("nan")),
    ],
)
def test_a_run_json_of_other_types_is_damaged(own_run: Path, key: str, value: Any) -> None:
    file = own_run / "run.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(RunError, match=rf"run\.json is damaged: {key} is"):
        load_surrogate(own_run)
