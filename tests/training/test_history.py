import io
import math
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from diffkeras.nn import pack_target
from diffkeras.nn.losses import get_loss
from diffkeras.nn.metrics import SourceCountError
from diffkeras.training.checkpoints import TrainingState
from diffkeras.training.history import RecordHistory, TrainingProgress
from diffkeras.training.section import TrainingConfig


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


def two_epochs(shown: bool = True, loss: Any = None) -> None:
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
        session.steps_done += 31_300
        progress.on_train_batch_end(31_299)
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


@pytest.mark.parametrize("alternating", [False, True])
def test_without_a_terminal_each_epoch_is_one_line_that_names_the_active_loss(log, alternating):
    pair = get_loss({"error": "alternating", "first": "mae", "second": "mse"})
    two_epochs(loss=pair if alternating else None)
    names = ("loss (first)", "loss (second)") if alternating else ("loss", "loss")
    assert [line.rpartition(",")[0] for line in log.messages] == [
        f"epoch {epoch}/100: {name} 0.0123, val_mae 0.0123" for epoch, name in enumerate(names, 1)
    ]
