import math
from typing import Any

import keras
import pytest
import tensorflow as tf

from diffkeras import train
from diffkeras.errors import OutOfMemoryError, OutputError
from diffkeras.surrogates.build import build_model
from diffkeras.training import memory
from diffkeras.training.memory import check_memory, kept_bytes

OTHERS: dict[str, dict[str, Any]] = {
    "padded": {"model.pad": True},
    "joined_pair": {"model.architecture": "joined_pair"},
    "corrections": {"model.transform": "linear", "model.corrections": 2},
    "fourier_neural_operator": {"model.architecture": "fourier_neural_operator", "model.modes": 4},
}


@pytest.mark.parametrize("overrides", OTHERS.values(), ids=OTHERS)
def test_every_architecture_is_counted(tiny, overrides):
    config = tiny.with_overrides(overrides)
    image = 4 * 16 * 16 * 4
    assert image <= kept_bytes(config) < 500 * image
    larger = config.with_overrides({"training.batch_size": 8, "physics.lattice": [16, 32]})
    assert kept_bytes(larger) == 4 * kept_bytes(config)


def test_inputs_of_layers_with_weights_are_counted_once(tiny):
    config = tiny.with_overrides({"model.width": 6, "model.depth": 1})
    model = build_model(config)
    inputs = {id(layer.input): layer.input for layer in model.layers if layer.trainable_weights}
    view = keras.Model(model.inputs, list(inputs.values()))
    shapes = view.compute_output_shape((config.training.batch_size, 16, 16, 1))
    kept = kept_bytes(config)
    assert kept == 4 * sum(map(math.prod, shapes))
    half = kept_bytes(config.with_overrides({"training.precision": "mixed_bfloat16"}))
    assert kept / 2 <= half < kept


def test_what_can_not_fit_is_refused_before_it_crashes(tiny, data_dir, tmp_path, monkeypatch):
    needed = kept_bytes(tiny)
    monkeypatch.setattr(memory, "available_memory", lambda: needed)
    check_memory(tiny)
    monkeypatch.setattr(memory, "available_memory", lambda: needed - 1)
    check_memory(tiny, processes=2)
    with pytest.raises(OutOfMemoryError, match=r"batches of 4 .* 16×16 .*training\.batch_size"):
        train(tiny, data_dir, tmp_path / "run")
    with pytest.raises(OutOfMemoryError, match=r"smaller training\.batch_size or network"):
        train(tiny.with_overrides({"model.width": 65_536}), data_dir, tmp_path / "wide")


@pytest.mark.parametrize(
    ("kind", "error", "text", "message"),
    [
        (
            tf.errors.ResourceExhaustedError,
            OutOfMemoryError,
            "OOM when allocating tensor",
            "batches of 4 examples of 16×16 nodes doesn't fit",
        ),
        (
            tf.errors.ResourceExhaustedError,
            OutputError,
            "logs/a.v2; No space left on device",
            "No s",
        ),
        (tf.errors.OutOfRangeError, OutputError, "a.v2; File too large\n\tFailed", "File too"),
    ],
)
def test_a_full_disk_is_not_taken_for_a_lack_of_memory(tiny, kind, error, text, message):
    with pytest.raises(error, match=message), memory.within_memory(tiny):
        raise kind(None, None, text)
