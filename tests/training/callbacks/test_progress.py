import io
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from diffkeras.training.callbacks.history import TrainingProgress
from diffkeras.training.checkpoints import TrainingState


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def two_epochs(shown: bool = True) -> None:
    session: Any = SimpleNamespace(
        epochs=100,
        steps=31_300,
        steps_done=0,
        state=TrainingState(),
        show_progress=shown,
        group=SimpleNamespace(is_chief=True),
    )
    progress = TrainingProgress(session)
    for epoch in range(2):
        progress.on_epoch_begin(epoch)
        session.steps_done += 31_300
        progress.on_train_batch_end(31_299)
        progress.on_epoch_end(epoch, {"loss": 0.01234, "val_loss": 3.0, "val_mae": 0.0123456})
    progress.bar.refresh()
    progress.close()


def test_the_bar_shows_loss_and_validation_error_within_80_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: (80, 24))
    two_epochs()
    last = terminal.getvalue().rstrip("\n").split("\r")[-1].rstrip()
    assert last.startswith("epoch 2/100")
    assert last.endswith("loss 0.0123, val_mae 0.0123")
    assert len(last) <= 80


def test_without_a_terminal_each_epoch_is_one_line(log: pytest.LogCaptureFixture) -> None:
    two_epochs()
    assert [line.rpartition(",")[0] for line in log.messages] == [
        f"epoch {epoch}/100: loss 0.0123, val_mae 0.0123" for epoch in (1, 2)
    ]
