import keras
import pytest

from diffkeras.training.callbacks.early_stopping import StopEarly
from diffkeras.training.state import TrainingState


@pytest.mark.parametrize(("epoch", "best", "stops"), [(7, 5, True), (7, 6, False), (8, 0, True)])
def test_it_stops_after_some_epochs_without_a_better_one(
    epoch: int, best: int, stops: bool, log: pytest.LogCaptureFixture
) -> None:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.stop_training = False
    callback = StopEarly(TrainingState(epoch=epoch, best_epoch=best), patience=2)
    callback.set_model(model)
    callback.on_epoch_end(epoch - 1)
    assert model.stop_training is stops
    assert len(log.messages) == stops


def test_without_patience_it_never_stops() -> None:
    assert not TrainingState(epoch=7, best_epoch=5).out_of_patience(None)
