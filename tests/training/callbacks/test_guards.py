import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras.config import Config
from diffkeras.errors import ConvergenceError, OutOfMemoryError
from diffkeras.nn import pack_target
from diffkeras.nn.losses import get_loss
from diffkeras.nn.metrics import SourceCountError, UnweightedError
from diffkeras.training.callbacks.checkpointing import SaveCheckpoints
from diffkeras.training.callbacks.count_errors import CountErrors
from diffkeras.training.callbacks.guards import CompareWithZeroField, Rollback
from diffkeras.training.checkpoints import Checkpoints, TrainingState
from diffkeras.workflows import train

LOSSES = [1.0, 0.8, 0.7, 0.65]  # mean absolute change 0.35 / 3


@pytest.fixture
def model() -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    return model


@pytest.fixture
def rollback(model: keras.Model, tmp_path: Path) -> Rollback:
    """A rollback after four epochs of ten steps, the last of which is backed up."""
    state = TrainingState(epoch=4, losses=list(LOSSES))
    checkpoints = Checkpoints(tmp_path, 10)
    checkpoints.save(model, state)
    callback = Rollback(state, checkpoints, factor=10, window=20)
    callback.set_model(model)
    return callback


def variables(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]


@pytest.mark.parametrize("loss", [0.1, 0.65, 0.65 + 9.9 * 0.35 / 3])
def test_an_epoch_without_a_jump_is_kept(rollback: Rollback, loss: float) -> None:
    logs = {"loss": loss}
    rollback.on_epoch_end(4, logs)
    assert logs["rolled_back"] == 0
    assert rollback.state.losses == [*LOSSES, loss]
    assert rollback.state.rollbacks == []


def test_a_jump_restores_weights_and_optimizer(rollback: Rollback, model: keras.Model) -> None:
    before = variables(model)
    model.fit(np.ones((4, 2)), np.zeros((4, 1)), epochs=3, verbose=0)
    logs = {"loss": 0.65 + 10.1 * 0.35 / 3}
    rollback.on_epoch_end(4, logs)
    assert logs["rolled_back"] == 1
    assert rollback.state.rollbacks == [5]
    assert rollback.state.losses == LOSSES
    # the steps are counted on, for the schedule and the order of the data go on as well
    assert int(model.optimizer.iterations) == 4
    model.optimizer.iterations.assign(1)
    for now, then in zip(variables(model), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_the_mean_is_over_the_last_epochs_alone(rollback: Rollback) -> None:
    rollback.window = 2
    assert rollback.mean_change() == pytest.approx(0.075)
    rollback.state.losses = LOSSES[:2]
    assert rollback.mean_change() == 0  # too few to tell


def test_rollbacks_in_a_row_end_it(rollback: Rollback) -> None:
    for epoch in range(4, 8):
        rollback.on_epoch_end(epoch, {"loss": 9.0})
    with pytest.raises(ConvergenceError, match=r"last 5 epochs .* smaller training.learning_rate"):
        rollback.on_epoch_end(8, {"loss": 9.0})


def test_a_rollback_in_training(
    tiny: Config, data_dir: Path, tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    """The fifth epoch's loss is made to jump."""
    config = tiny.with_overrides({"training.epochs": 6})
    original = Rollback.on_epoch_end

    def jump(self: Rollback, epoch: int, logs: dict) -> None:
        original(self, epoch, {**logs, "loss": 99.0} if epoch == 4 else logs)
        logs.setdefault("rolled_back", 1.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rollback, "on_epoch_end", jump)
        run = train(config, data_dir, tmp_path / "run")
    assert run.state()["rolled_back_epochs"] == [5]
    assert any(line.startswith("epoch 5 undone") for line in log.messages)
    rows = np.genfromtxt(run.path / "history.csv", delimiter=",", names=True)
    assert rows["rolled_back"].tolist() == [0, 0, 0, 0, 1, 0]


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
    assert "the loss is nan at step 1 of epoch 2: its prediction term is not finite" in message
    assert "learning rate 0.01" in message
    assert f"The best model before, of epoch 1, is kept in {run_dir / 'model.keras'}" in message
    weights = keras.saving.load_model(run_dir / "model.keras", compile=False).get_weights()
    assert all(np.isfinite(w).all() for w in weights)


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
    weight = {"name": "exponential", "scale": 1e-3 if broken == "weight" else 1.0}
    if broken == "target":
        field[0, 0, 0] = math.inf
    if broken == "prediction":
        prediction[0, 0, 0] = math.nan
    if broken == "weight":
        field[...] = 2.0  # exp(1000)
        prediction = field + 0.1
    metric = UnweightedError(get_loss({"error": "absolute", "weight": weight}))
    metric.update_state(pack_target(field, np.zeros_like(field)), prediction)
    found = metric.broken_terms()
    assert [name for name in found if name in names] == names
    assert found[0] == names[0]


@pytest.mark.parametrize(("factor", "warned"), [(2.5, True), (0.9, False)])
def test_a_surrogate_no_better_than_zeros_is_pointed_out(
    factor: float, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    field = np.full((2, 8, 8, 1), 0.2, np.float32)
    image = np.zeros_like(field)
    image[:, 3, 3] = 0.2
    metric = SourceCountError([1])
    metric.update_state(pack_target(field, image, 1), factor * field)
    counts = CountErrors(metric)
    assert counts.zero_field_mae() is None
    guard = CompareWithZeroField(counts, epochs=3)
    for epoch in range(4):
        counts.on_epoch_end(epoch)
        guard.on_epoch_end(epoch, {"val_mae": float(metric.result())})
    assert counts.zero_field_mae() == pytest.approx(0.2)
    assert [message[:15] for message in caplog.messages] == ["after 3 epoch(s"] * warned


def test_early_stopping(
    tiny: Config, data_dir: Path, tmp_path: Path, log: pytest.LogCaptureFixture
) -> None:
    config = tiny.with_overrides(
        {"training.learning_rate": 1e-12, "training.epochs": 9, "training.early_stopping": 2}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            TrainingState,
            "out_of_patience",
            lambda state, patience: state.epoch >= 3 == patience + 1,
        )
        run = train(config, data_dir, tmp_path / "run")
    assert run.state()["epochs"] == 3
    assert any(line.startswith("stopped after epoch 3") for line in log.messages)
    assert TrainingState(epoch=7, best_epoch=5).out_of_patience(2)
    assert not TrainingState(epoch=7, best_epoch=5).out_of_patience(3)
    assert not TrainingState(epoch=7, best_epoch=5).out_of_patience(None)


def test_out_of_memory_names_batch_and_lattice(
    tiny: Config, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*args: object, **kwargs: object) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(keras.Model, "fit", exhausted)
    with pytest.raises(OutOfMemoryError, match=r"batches of 4 examples of 16×16 .* e\.g\. 2"):
        train(tiny, data_dir, tmp_path / "run")
