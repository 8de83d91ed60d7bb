from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tables import read_csv
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from diffkeras.config import Config


@pytest.fixture(scope="module")
def events(run_dir: Path) -> EventMultiplexer:
    everything = {"tensors": 0}
    return (
        EventMultiplexer(size_guidance=everything)
        .AddRunsFromDirectory(str(run_dir / "logs"))
        .Reload()
    )


def curve(events: EventMultiplexer, run: str, tag: str) -> dict[int, float]:
    return {e.step: float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(run, tag)}


def test_losses_and_errors_are_those_of_the_history(
    events: EventMultiplexer, run_dir: Path
) -> None:
    rows = read_csv(run_dir / "history.csv")
    for tag, column in (
        ("loss/weighted", "loss"),
        ("loss/unweighted", "error"),
        ("MAE by region/lattice", "mae"),
        ("MAE by region/sources", "mae_sources"),
        ("MAE by region/r1", "mae_r1"),
        ("other errors/relative L2", "relative_l2"),
    ):
        for run, prefix in (("train", ""), ("validation", "val_")):
            expected = {int(row["epoch"]): float(row[prefix + column]) for row in rows}
            assert curve(events, run, tag) == pytest.approx(expected, rel=1e-6), (tag, run)


def test_errors_by_source_count_average_to_that_of_all(
    events: EventMultiplexer, run_dir: Path
) -> None:
    parts = [curve(events, "validation", f"MAE by source count/{n:02d}") for n in (1, 2)]
    whole = curve(events, "validation", "MAE by region/lattice")
    worst = curve(events, "validation", "MAE by source count/worst")
    for epoch, error in whole.items():
        values = [part[epoch] for part in parts]
        assert np.mean(values) == pytest.approx(error, rel=1e-5)
        assert max(values) == pytest.approx(worst[epoch], rel=1e-6)


def test_optimizer_and_speed(events: EventMultiplexer, tiny: Config) -> None:
    steps = list(range(1, 13))
    rates = curve(events, "train", "optimizer/learning rate")
    assert rates == pytest.approx(dict.fromkeys(steps, tiny.training.learning_rate))
    norms = curve(events, "train", "optimizer/gradient norm")
    assert list(norms) == steps
    assert min(norms.values()) > 0
    assert list(curve(events, "train", "optimizer/rollbacks so far").values()) == [0, 0]
    assert min(curve(events, "train", "speed/examples a second").values()) > 0


def test_configuration_and_pictures(events: EventMultiplexer, run_dir: Path, tiny: Config) -> None:
    (text,) = events.Tensors("train", "configuration")
    assert "learning_rate: 0.01" in str(tf.make_ndarray(text.tensor_proto))
    (first, *_) = events.Tensors("pictures", "pictures/2 sources")
    width, height, png = tf.make_ndarray(first.tensor_proto)
    assert (int(width), int(height)) == (4 * (16 + 2), 16)
    assert tf.io.decode_png(png).shape[-1] == 3
