from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from known_networks import surrogate_of

from diffkeras.config import Config
from diffkeras.data import raw_dataset
from diffkeras.training.callbacks import tensorboard
from diffkeras.training.callbacks.tensorboard import (
    ERROR_COLORS,
    FIELD_COLORS,
    GAP,
    LARGEST_ERROR,
    Pictures,
    draw_example,
)
from diffkeras.workflows import generate


@pytest.fixture(autouse=True, scope="module")
def lean() -> None:
    """Here they are drawn."""


def test_panels_show_image_field_prediction_and_error() -> None:
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
    tiny: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, divided: bool
) -> None:
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
