import math
from pathlib import Path

import keras
import pytest
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.errors import OutOfMemoryError, OutputError
from diffkeras.surrogates.build import build_model
from diffkeras.training import memory
from diffkeras.training.memory import BYTES, COPIES, check_memory, least_memory
from diffkeras.workflows import train


@pytest.mark.parametrize(("width", "depth"), [(2, 1), (6, 2), (8, 4)])
def test_the_estimate_is_a_close_lower_bound(width: int, depth: int, tiny: Config) -> None:
    config = tiny.with_overrides({"model.width": width, "model.depth": depth})
    weights, maps = least_memory(config)
    model = build_model(config)
    kernels = sum(math.prod(w.shape) for w in model.trainable_weights if len(w.shape) == 4)
    assert 0.5 < weights / (BYTES * COPIES * kernels) <= 1
    convolutions = [layer for layer in model.layers if "conv" in layer.name]
    view = keras.Model(model.inputs, [layer.output for layer in convolutions])
    shapes = view.compute_output_shape((config.training.batch_size, 16, 16, 1))
    put_out = BYTES * sum(math.prod(shape) for shape in shapes)
    assert 0.5 < maps / put_out <= 1


def test_the_weights_of_the_paper_are_counted(tiny: Config) -> None:
    weights, _ = least_memory(
        tiny.with_overrides({"physics.lattice": 32, "model.width": 64, "model.depth": 5})
    )
    assert weights / (BYTES * COPIES) == pytest.approx(50_307_969, rel=2e-3)


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
