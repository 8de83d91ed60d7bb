from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from diffkeras.data import generate, raw_dataset
from diffkeras.training import tensorboard
from diffkeras.training.tensorboard import (
    ERROR_COLORS,
    FIELD_COLORS,
    GAP,
    LARGEST_ERROR,
    Pictures,
    draw_example,
)
from tests.helpers.known_networks import surrogate_of
from tests.helpers.tables import read_csv


@pytest.fixture(scope="module")
def events(run_dir):
    everything = {"tensors": 0}
    return (
        EventMultiplexer(size_guidance=everything)
        .AddRunsFromDirectory(str(run_dir / "logs"))
        .Reload()
    )


def curve(events: EventMultiplexer, run: str, tag: str) -> dict[int, float]:
    return {e.step: float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors(run, tag)}


def test_losses_and_errors_are_those_of_the_history(events, run_dir):
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


def test_errors_by_source_count_average_to_that_of_all(events, run_dir):
    parts = [curve(events, "validation", f"MAE by source count/{n:02d}") for n in (1, 2)]
    whole = curve(events, "validation", "MAE by region/lattice")
    worst = curve(events, "validation", "MAE by source count/worst")
    for epoch, error in whole.items():
        values = [part[epoch] for part in parts]
        assert np.mean(values) == pytest.approx(error, rel=1e-5)
        assert max(values) == pytest.approx(worst[epoch], rel=1e-6)
    # a curve of zeros would squash the others, so their error is the unit of one
    share = curve(events, "validation", "MAE by region/lattice, over a field of zeros")
    assert share[1] / share[2] == pytest.approx(whole[1] / whole[2], rel=1e-5)


def test_optimizer_and_speed(events, tiny):
    steps = list(range(1, 13))
    rates = curve(events, "train", "optimizer/learning rate")
    assert rates == pytest.approx(dict.fromkeys(steps, tiny.training.learning_rate))
    norms = curve(events, "train", "optimizer/gradient norm")
    assert list(norms) == steps
    assert min(norms.values()) > 0
    assert list(curve(events, "train", "optimizer/rollbacks so far").values()) == [0, 0]
    assert min(curve(events, "train", "speed/examples a second").values()) > 0


def test_configuration_and_pictures(events, run_dir, tiny):
    (text,) = events.Tensors("train", "configuration")
    assert "learning_rate: 0.01" in str(tf.make_ndarray(text.tensor_proto))
    (first, *_) = events.Tensors("pictures", "pictures/2 sources")
    width, height, png = tf.make_ndarray(first.tensor_proto)
    assert (int(width), int(height)) == (4 * (16 + 2), 16)
    assert tf.io.decode_png(png).shape[-1] == 3


@pytest.fixture(autouse=True, scope="module")
def lean():
    """Here they are drawn."""


def test_panels_show_image_field_prediction_and_error():
    field = np.full((16, 32), 0.5)
    prediction = field.copy()
    prediction[:8] = 1.2  # more than the scale shows
    picture = draw_example(np.zeros((16, 32)), field, prediction)
    assert picture.shape == (16, 4 * (32 + GAP), 3)

    def color(map_, value) -> list[int]:
        return [round(255 * part) for part in map_(value)[:3]]

    top, bottom = (picture[row, :: 32 + GAP].tolist() for row in (0, 15))
    both = [color(FIELD_COLORS, 0.0), color(FIELD_COLORS, 0.5)]
    assert top == [*both, [255, 0, 0], [255, 0, 255]]
    assert bottom == [*both, color(FIELD_COLORS, 0.5), color(ERROR_COLORS, 0.5)]
    exact = draw_example(field, field, field + LARGEST_ERROR)
    assert exact[0, -GAP - 1].tolist() == color(ERROR_COLORS, 1.0)


@pytest.mark.parametrize("divided", [False, True])
def test_fields_of_production_are_drawn_on_the_scale_of_their_maximum(
    tiny, tmp_path, monkeypatch, divided
):
    config = tiny.with_overrides(
        {
            "physics.sources": "production",
            "data.divide_by_maximum": divided,
            "data.sources": "2",
            "data.placement.overlap": True,
        }
    )
    generate(config, tmp_path)
    example = next(raw_dataset(config, 2, "validation", tmp_path).as_numpy_iterator())
    exact = example["field"][..., 0]
    # a network sees images divided by their largest value, and so is its field
    scale = 1.0 if divided else example["source_image"].max()
    model = surrogate_of(exact[None] / scale, config).model
    model.compile()
    run = SimpleNamespace(logs=tmp_path / "logs")
    session: Any = SimpleNamespace(config=config, model=model, epochs=1, data_dir=tmp_path, run=run)
    drawn: list[Any] = []

    def draw(*panels: np.ndarray) -> np.ndarray:
        drawn.extend(panels)
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(tensorboard, "draw_example", draw)
    callback = Pictures(session)
    callback.set_model(model)
    callback.on_epoch_end(0)
    image, field, prediction = drawn
    assert image.max() == field.max() == 1
    np.testing.assert_allclose(field, exact / exact.max(), rtol=1e-6)
    np.testing.assert_allclose(prediction, field, rtol=1e-5)
