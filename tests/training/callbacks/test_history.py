import numpy as np
import pytest

from diffkeras.nn import pack_target
from diffkeras.nn.metrics import SourceCountError
from diffkeras.training.callbacks.history import CountErrors
from diffkeras.training.checkpoints import TrainingState


@pytest.mark.parametrize(("factor", "warned"), [(2.5, True), (0.9, False)])
def test_a_surrogate_no_better_than_zeros_is_pointed_out(
    factor: float, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    field = np.full((2, 8, 8, 1), 0.2, np.float32)
    image = np.zeros_like(field)
    image[:, 3, 3] = 0.2
    metric = SourceCountError([1])
    metric.update_state(pack_target(field, image, 1), factor * field)
    state = TrainingState()
    counts = CountErrors(metric, state, epochs=3)
    for epoch in range(4):
        counts.on_epoch_end(epoch, {"val_mae": float(metric.result())})
    assert state.zero_field_mae == pytest.approx(0.2)
    assert counts.per_count == pytest.approx({1: 0.2 * abs(factor - 1)}, rel=1e-5)
    assert [message[:15] for message in caplog.messages] == ["after 3 epoch(s"] * warned
