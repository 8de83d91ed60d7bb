"""The steps of an epoch are counted and timed, without validation and over interruptions."""

from types import SimpleNamespace

import pytest

from diffkeras.training.callbacks import checkpointing
from diffkeras.training.callbacks.checkpointing import CountSteps
from diffkeras.training.checkpoints import TrainingState


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows `clock.now`."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(checkpointing, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def run_epoch(counter: CountSteps, clock: SimpleNamespace, epoch: int, *ends: float) -> None:
    """An epoch whose steps end so many seconds after its begin, and validation a minute later."""
    begin = clock.now
    counter.on_epoch_begin(epoch)
    for batch, end in enumerate(ends):
        clock.now = begin + end
        counter.on_train_batch_end(batch)
    clock.now += 60
    counter.on_epoch_end(epoch)


def test_each_epoch_is_timed_without_its_validation(clock):
    state = TrainingState()
    counter = CountSteps(state)
    run_epoch(counter, clock, 0, 2, 3)
    assert (state.epoch, state.step, state.epoch_seconds) == (1, 0, 3)
    run_epoch(counter, clock, 1, 1, 5)
    assert (state.epoch, state.step, state.epoch_seconds) == (2, 0, 5)


def test_the_time_before_an_interruption_counts(clock):
    state = TrainingState(epoch=1, step=3, epoch_seconds=7.0)
    counter = CountSteps(state)
    counter.on_epoch_begin(1)
    clock.now += 4
    counter.on_train_batch_end(0)
    assert (state.step, state.epoch_seconds) == (4, 11)
