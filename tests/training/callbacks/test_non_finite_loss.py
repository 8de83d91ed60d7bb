import math
from pathlib import Path

import keras
import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.errors import ConvergenceError, RunError
from diffkeras.nn import pack_target
from diffkeras.nn.losses import get_loss
from diffkeras.nn.metrics import UnweightedError
from diffkeras.surrogates.run_directory import Run
from diffkeras.training.callbacks.checkpointing import SaveCheckpoints
from diffkeras.workflows import train


def test_divergence_names_step_rate_and_term_and_keeps_the_best_model(
    tiny: Config, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "run"
    original = SaveCheckpoints.on_epoch_end

    def save_and_poison(self: SaveCheckpoints, epoch: int, logs: dict | None = None) -> None:
        original(self, epoch, logs)
        kernel = self.model.get_layer("field_conv").kernel
        kernel.assign(kernel * math.nan)

    monkeypatch.setattr(SaveCheckpoints, "on_epoch_end", save_and_poison)
    with pytest.raises(ConvergenceError) as failure:
        train(tiny, data_dir, run_dir)
    message = str(failure.value)
    for part in ("step 1 of epoch 2", "prediction term", "0.01", str(run_dir / "model.keras")):
        assert part in message
    weights = keras.saving.load_model(run_dir / "model.keras", compile=False).get_weights()
    assert all(np.isfinite(w).all() for w in weights)
    with pytest.raises(RunError, match="not finished"):
        Run.open(run_dir)


@pytest.mark.parametrize(
    ("broken", "names"),
    [
        ("target", ["target", "error"]),
        ("prediction", ["prediction", "error"]),
        ("weight", ["weight"]),
    ],
)
def test_the_broken_term_is_found(broken: str, names: list[str]) -> None:
    field = np.full((2, 4, 4, 1), 0.5, np.float32)
    prediction = field + 0.1
    # the larger amplitude overflows in float32
    weight = {"name": "tanh", "amplitude": 1e39 if broken == "weight" else 1.0}
    if broken == "target":
        field[0, 0, 0] = math.inf
    if broken == "prediction":
        prediction[0, 0, 0] = math.nan
    metric = UnweightedError(get_loss({"error": "absolute", "weight": weight}))
    metric.update_state(pack_target(field, np.zeros_like(field)), prediction)
    found = metric.broken_terms()
    assert [name for name in found if name in names] == names
    assert found[0] == names[0]
