import math
from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.errors import OutOfMemoryError, OutputError
from diffkeras.surrogates.build import build_model
from diffkeras.training import memory
from diffkeras.training.memory import COPIES, SINGLE, check_memory, least_memory
from diffkeras.workflows import train

LINEAR = {"model.transform": "linear"}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "encoder_decoder": {},
    "padded": {"model.pad": True},
    "u_net": {"model.architecture": "u_net"},
    "joined_pair": {"model.architecture": "joined_pair"},
    "corrections": {**LINEAR, "model.corrections": 2},
    "fourier_neural_operator": {"model.architecture": "fourier_neural_operator", "model.modes": 4},
    "unrolled_cg": {**LINEAR, "model.architecture": "unrolled_cg", "model.corrections": 2},
}


@pytest.mark.parametrize("overrides", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_weights_are_counted_without_being_made(tiny: Config, overrides: dict[str, Any]) -> None:
    config = tiny.with_overrides(overrides)
    keras.utils.set_random_seed(0)
    weights, features = least_memory(config)
    model = build_model(config)
    assert weights == SINGLE * COPIES * sum(math.prod(w.shape) for w in model.trainable_weights)
    image = SINGLE * config.training.batch_size * math.prod(config.physics.lattice)
    assert features >= image  # every network has weights that multiply the image
    # a run with the check has the same initial weights as one without
    keras.utils.set_random_seed(0)
    for weight, expected in zip(model.weights, build_model(config).weights, strict=True):
        assert (weight.numpy() == expected.numpy()).all()


def test_what_goes_into_layers_with_weights_is_counted_once(tiny: Config) -> None:
    config = tiny.with_overrides({"model.width": 6, "model.depth": 1})
    model = build_model(config)
    inputs = {id(layer.input): layer.input for layer in model.layers if layer.trainable_weights}
    view = keras.Model(model.inputs, list(inputs.values()))
    shapes = view.compute_output_shape((config.training.batch_size, 16, 16, 1))
    assert least_memory(config)[1] == SINGLE * sum(map(math.prod, shapes))


def test_half_precision_halves_the_features(tiny: Config) -> None:
    half = least_memory(tiny.with_overrides({"training.precision": "mixed_bfloat16"}))
    weights, features = least_memory(tiny)
    assert half[0] == weights
    assert features / 2 <= half[1] < features


@pytest.mark.parametrize(
    "overrides",
    [
        {"model.architecture": "fourier_neural_operator", "model.width": 32, "model.modes": 8},
        {**ARCHITECTURES["unrolled_cg"], "model.width": 64},
    ],
)
def test_depth_costs_no_memory_where_nothing_is_pooled(
    tiny: Config, overrides: dict[str, Any]
) -> None:
    config = tiny.with_overrides({**overrides, "model.depth": 10, "physics.lattice": 64})
    assert sum(least_memory(config)) < 1e9


def test_the_weights_of_the_paper_are_counted(tiny: Config) -> None:
    weights, _ = least_memory(
        tiny.with_overrides({"physics.lattice": 32, "model.width": 64, "model.depth": 5})
    )
    assert weights == SINGLE * COPIES * 50_307_969


def test_the_error_names_only_what_the_architecture_uses(tiny: Config) -> None:
    config = tiny.with_overrides(ARCHITECTURES["unrolled_cg"])
    with (
        pytest.raises(OutOfMemoryError, match=r"a network on .* smaller training\.batch_size$"),
        memory.within_memory(config),
    ):
        raise MemoryError


def test_a_batch_that_can_not_fit_is_refused_before_it_crashes(
    tiny: Config, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    least = sum(least_memory(tiny))
    monkeypatch.setattr(memory, "available_memory", lambda: least)
    check_memory(tiny)
    monkeypatch.setattr(memory, "available_memory", lambda: least - 1)
    check_memory(tiny, processes=2)
    with pytest.raises(OutOfMemoryError, match=r"batches of 4 .* 16×16 .*training\.batch_size"):
        train(tiny, data_dir, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_that_can_not_fit_are_refused_before_they_are_made(
    tiny: Config, data_dir: Path, tmp_path: Path
) -> None:
    wide = tiny.with_overrides({"model.width": 65_536})
    with pytest.raises(OutOfMemoryError, match=r"width 65536 and depth 1 .*smaller model\.width"):
        train(wide, data_dir, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_failure_to_allocate_names_batch_and_lattice(tiny: Config) -> None:
    with (
        pytest.raises(OutOfMemoryError, match=r"batches of 4 examples of 16×16 nodes doesn't fit"),
        memory.within_memory(tiny),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (tf.errors.ResourceExhaustedError, "No space left on device"),
        (tf.errors.OutOfRangeError, "File too large"),
    ],
)
def test_a_full_disk_is_not_taken_for_a_lack_of_memory(
    tiny: Config, kind: type[tf.errors.OpError], reason: str
) -> None:
    with pytest.raises(OutputError, match=reason), memory.within_memory(tiny):
        raise kind(
            None, None, f"logs/events.out.tfevents.0.v2; {reason}\n\tFailed to flush 3 events"
        )


def test_other_ends_of_a_range_stay_as_they_are(tiny: Config) -> None:
    with pytest.raises(tf.errors.OutOfRangeError), memory.within_memory(tiny):
        raise tf.errors.OutOfRangeError(None, None, "End of sequence")
