"""Steps are counted and timed, jumps of the loss undone, and divergence ends training."""

import io
import math
import sys
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from diffkeras import train
from diffkeras.errors import ConvergenceError, RunError
from diffkeras.nn import pack_target
from diffkeras.nn.losses import get_loss
from diffkeras.nn.metrics import SourceCountError
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.array_files import read_arrays
from diffkeras.training import callbacks
from diffkeras.training.callbacks import (
    MOST_ROLLBACKS,
    CountSteps,
    RecordHistory,
    Rollback,
    SaveCheckpoints,
    TrainingProgress,
)
from diffkeras.training.checkpoints import Checkpoints, TrainingState
from diffkeras.training.section import TrainingConfig
from tests.helpers.tables import read_history

LOSSES = [1.0, 0.8, 0.7, 0.65]  # mean absolute change 0.35 / 3


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    take_steps(model, 1)
    return model


def take_steps(model: keras.Model, number: int) -> None:
    variables = model.trainable_variables
    for _ in range(number):
        model.optimizer.apply([keras.ops.ones_like(v) for v in variables], variables)


@pytest.fixture
def rollback(model, tmp_path):
    """A rollback after four epochs of ten steps, the last of which is backed up."""
    state = TrainingState(epoch=4, losses=list(LOSSES))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(model, state)
    session: Any = SimpleNamespace(state=state, checkpoints=checkpoints)
    session.config = SimpleNamespace(training=TrainingConfig(rollback_factor=10))
    session.compiled = SimpleNamespace(loss=None)
    callback = Rollback(session)
    callback.set_model(model)
    session.compiled.loss = get_loss({"error": "alternating", "first": "mae", "second": "mse"})
    assert (callback.monitor, Rollback(session).monitor) == ("loss", "mae")  # that doesn't jump
    return callback


def variables(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]


@pytest.mark.parametrize("loss", [0.1, 0.65, 0.65 + 9.9 * 0.35 / 3])
def test_an_epoch_without_a_jump_is_kept(rollback, loss, monkeypatch):
    def read(*_: object) -> None:
        raise AssertionError("checkpoints are large, and none is needed")

    monkeypatch.setattr(Checkpoints, "backup", read)
    logs = {"loss": loss}
    rollback.on_epoch_end(4, logs)
    assert logs["rolled_back"] == 0
    assert rollback.state.losses == [*LOSSES, loss]
    assert rollback.state.rollbacks == []


def test_a_jump_restores_weights_and_optimizer(rollback, model):
    before = variables(model)
    take_steps(model, 3)
    logs = {"loss": 0.65 + 10.1 * 0.35 / 3}
    rollback.on_epoch_end(4, logs)
    assert logs["rolled_back"] == 1
    assert rollback.state.rollbacks == [5]
    assert rollback.state.losses == LOSSES
    # the count of steps continues, for the schedule and the order of the data
    assert int(model.optimizer.iterations) == 4
    model.optimizer.iterations.assign(1)
    for now, then in zip(variables(model), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_rollbacks_in_a_row_end_training(rollback):
    for epoch in range(4, 4 + MOST_ROLLBACKS - 1):
        rollback.on_epoch_end(epoch, {"loss": 9.0})
    with pytest.raises(ConvergenceError, match=r"training\.learning_rate"):
        rollback.on_epoch_end(3 + MOST_ROLLBACKS, {"loss": 9.0})


def test_a_rollback_in_training(tiny, data_dir, tmp_path, log):
    """The loss of the fifth epoch is made to jump."""
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
    rows = read_history(run.path)
    assert rows["rolled_back"].tolist() == [0, 0, 0, 0, 1, 0]


def test_divergence_names_step_and_rate_and_keeps_the_best_model(
    tiny, data_dir, tmp_path, monkeypatch
):
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
    for part in ("step 1 of epoch 2", "0.01", str(run_dir / "weights.npz")):
        assert part in message
    weights = read_arrays(run_dir / "weights.npz", "weights").values()
    assert all(np.isfinite(w).all() for w in weights)
    with pytest.raises(RunError, match="not finished"):
        Run.open(run_dir)


def test_the_steps_of_an_epoch_are_timed_over_interruptions_and_without_validation(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(callbacks, "time", SimpleNamespace(monotonic=lambda: clock.now))
    state = TrainingState(epoch=1, step=3, epoch_seconds=7.0)  # of a checkpoint
    counter = CountSteps(state)
    for epoch, seconds in ((1, 7.0), (2, 0.0)):
        counter.on_epoch_begin(epoch)
        for batch in range(2):
            clock.now += 4
            counter.on_train_batch_end(batch)
        assert state.step == (5 if epoch == 1 else 2)
        clock.now += 60  # validation
        counter.on_epoch_end(epoch)
        assert (state.epoch, state.step, state.epoch_seconds) == (epoch + 1, 0, seconds + 8)


@pytest.mark.parametrize(("factor", "warned"), [(2.5, True), (0.9, False)])
def test_a_surrogate_no_better_than_zeros_is_pointed_out(factor, warned, caplog):
    field = np.full((2, 8, 8, 1), 0.2, np.float32)
    image = np.zeros_like(field)
    image[:, 3, 3] = 0.2
    metric = SourceCountError([1])
    metric.update_state(pack_target(field, image, 1), factor * field)
    session: Any = SimpleNamespace(
        state=TrainingState(best_error=-math.inf),
        checkpoints=SimpleNamespace(writes=False),
        compiled=SimpleNamespace(counts=metric),
        config=SimpleNamespace(training=TrainingConfig(zero_field_epochs=3)),
        out_of_patience=False,
    )
    history = RecordHistory(session)
    history.set_model(SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.1)))
    for epoch in range(4):
        history.on_epoch_end(epoch, {"val_mae": float(metric.result())})
    assert session.state.zero_field_mae == pytest.approx(0.2)
    assert history.per_count == pytest.approx({1: 0.2 * abs(factor - 1)}, rel=1e-5)
    assert [message[:15] for message in caplog.messages] == ["after 3 epoch(s"] * warned


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def two_epochs(shown: bool = True, loss: Any = None, parts: int = 1) -> None:
    session: Any = SimpleNamespace(
        epochs=100,
        steps=31_300,
        steps_done=0,
        state=TrainingState(),
        show_progress=shown,
        group=SimpleNamespace(is_chief=True),
    )
    progress = TrainingProgress(session)
    progress.set_model(SimpleNamespace(loss=loss))
    for epoch in range(2):
        if loss:
            loss.select(loss.choice(epoch))
        progress.on_epoch_begin(epoch)
        for _ in range(parts):
            session.steps_done += 31_300 // parts
            progress.on_train_batch_end(0)
        progress.on_epoch_end(epoch, {"loss": 0.01234, "val_loss": 3.0, "val_mae": 0.0123456})
    progress.bar.refresh()
    progress.close()


def test_the_bar_shows_loss_and_validation_error_within_80_columns(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: (80, 24))
    two_epochs()
    last = terminal.getvalue().rstrip("\n").split("\r")[-1].rstrip()
    assert last.startswith("epoch 2/100")
    assert last.endswith("loss 0.0123, val_mae 0.0123")
    assert len(last) <= 80


@pytest.mark.parametrize(("quiet", "shown"), [(-1, False), (math.inf, False), (-1, True)])
def test_a_log_has_lines_within_a_long_epoch(log, monkeypatch, quiet, shown):
    monkeypatch.setattr(callbacks, "QUIET", quiet)
    if shown:
        monkeypatch.setattr(sys, "stderr", Terminal())
    two_epochs(shown, parts=2)
    found = [line.rpartition(",")[0] for line in log.messages if ", step " in line]
    whole = quiet < 0 and not shown
    assert found == [f"epoch {k}/100, step 15650/31300" for k in (1, 2)] * whole


@pytest.mark.parametrize("alternating", [False, True])
def test_without_a_terminal_each_epoch_is_one_line_that_names_the_active_loss(log, alternating):
    pair = get_loss({"error": "alternating", "first": "mae", "second": "mse"})
    two_epochs(loss=pair if alternating else None)
    names = ("loss (first)", "loss (second)") if alternating else ("loss", "loss")
    assert [line.rpartition(",")[0] for line in log.messages] == [
        f"epoch {epoch}/100: {name} 0.0123, val_mae 0.0123" for epoch, name in enumerate(names, 1)
    ]
