import math
from pathlib import Path

import pytest

from diffkeras.config import Config
from diffkeras.errors import OutOfMemoryError
from diffkeras.surrogates.build import build_model
from diffkeras.training import memory
from diffkeras.training.memory import (
    available_memory,
    check_memory,
    count_weights,
    least_memory,
)
from diffkeras.workflows import train


@pytest.mark.parametrize(("lattice", "side"), [(16, 16), (15, 16)])
def test_what_a_step_takes_at_least(lattice: int, side: int, tiny: Config) -> None:
    config = tiny.with_overrides({"physics.lattice": lattice, "model.pad": lattice == 15})
    # channels 2 outside, 4, 2 and 1 on half the sides, and the field
    nodes = 2 * side**2 + (4 + 2 + 1) * (side // 2) ** 2 + side**2
    assert least_memory(config, build_model(config)) == 4 * 4 * nodes


def test_memory_is_there() -> None:
    available = available_memory()
    assert available is None or available > 10**6


def test_a_batch_that_cannot_fit_is_refused_before_it_crashes(
    tiny: Config, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    least = least_memory(tiny, build_model(tiny))
    monkeypatch.setattr(memory, "available_memory", lambda: least)
    check_memory(tiny, build_model(tiny))
    monkeypatch.setattr(memory, "available_memory", lambda: least - 1)
    check_memory(tiny, build_model(tiny), processes=2)
    with pytest.raises(
        OutOfMemoryError,
        match=r"batches of 4 examples of 16×16 nodes takes at .*batch_size, e.g. 2",
    ):
        train(tiny, data_dir, tmp_path / "run")
    monkeypatch.setattr(memory, "available_memory", lambda: None)
    check_memory(tiny, build_model(tiny))


def test_weights_that_cannot_fit_are_refused_before_they_are_made(
    tiny: Config, data_dir: Path, tmp_path: Path
) -> None:
    wide = tiny.with_overrides({"model.width": 65_536})
    with pytest.raises(OutOfMemoryError, match=r"width 65536 and depth 1 .*smaller model\.width"):
        train(wide, data_dir, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_are_counted(tiny: Config) -> None:
    kernels = [w for w in build_model(tiny).trainable_weights if len(w.shape) == 4]
    assert count_weights(tiny) == sum(math.prod(w.shape) for w in kernels)
