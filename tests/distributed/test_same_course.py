"""Two processes train to the values of one."""

import json

import numpy as np
import pytest


def test_two_workers_train_as_one_process_does(workers, alone):
    workers.start_both()
    outputs = workers.outputs()
    digests = [
        [line for line in output.splitlines() if line.startswith("weights")] for output in outputs
    ]
    assert digests[0] == digests[1]
    assert len(digests[0]) == 1
    assert "2 replica(s)" in outputs[0]
    assert "replica" not in outputs[1], "only the chief logs"
    workers.assert_course_of(alone)
    state = json.loads((workers.run / "run.json").read_text())
    assert (state["state"], state["replicas"]) == ("finished", 2)
    assert not (workers.run / "checkpoints").exists()


@pytest.mark.slow
def test_average_weights_clipping_and_a_rollback_go_alike(four_epochs, workers, data_dir, tmp_path):
    from diffkeras.workflows import train

    eventful = four_epochs.with_overrides(
        {
            "training.loss": "absolute",
            "training.ema": 0.9,
            "training.clip_norm": 0.5,
            "training.optimizer": "muon",
            "training.learning_rate": 0.2,
            "training.rollback_factor": 1e-3,
            "training.rollback_window": 1,
        }
    )
    alone = train(eventful, data_dir, tmp_path / "alone").path
    workers.configure(eventful)
    workers.start_both()
    workers.outputs()
    workers.assert_course_of(alone, 5e-3)  # so large a learning rate blows rounding up
    states = [json.loads((path / "run.json").read_text()) for path in (alone, workers.run)]
    assert states[0]["rolled_back_epochs"] == states[1]["rolled_back_epochs"] != []


@pytest.mark.slow
def test_half_precision_goes_alike(four_epochs, workers, data_dir, tmp_path):
    from diffkeras.workflows import train

    # no large weights: losses would overflow, and not at the same step on one replica and on two
    half = four_epochs.with_overrides(
        {"training.precision": "mixed_float16", "training.loss": "absolute"}
    )
    alone = train(half, data_dir, tmp_path / "alone").path
    workers.configure(half)
    workers.start_both()
    assert "SharedLossScale" in workers.outputs()[0]
    one, two = workers.histories(alone)
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=2e-2)
