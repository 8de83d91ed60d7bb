import numpy as np

from diffkeras.training.callbacks.pictures import (
    ERROR_COLORS,
    FIELD_COLORS,
    GAP,
    LARGEST_ERROR,
    draw_example,
)


def test_panels_show_image_field_prediction_and_error() -> None:
    image = np.zeros((16, 32))
    field = np.full((16, 32), 0.5)
    prediction = field.copy()
    prediction[:8] = 1.2  # more than the scale shows
    picture = draw_example(image, field, prediction)
    height, width = 16 * 16, 32 * 16  # enlarged to 256 pixels
    assert picture.shape == (2 * (height + GAP), 2 * (width + GAP), 3)
    right, below = width + GAP, height + GAP

    def color(map_, value) -> list[int]:
        return [round(255 * part) for part in map_(value)[:3]]

    assert picture[0, 0].tolist() == color(FIELD_COLORS, 0.0)
    assert picture[0, right].tolist() == color(FIELD_COLORS, 0.5)
    assert picture[below, 0].tolist() == [255, 0, 0]
    assert picture[below + height - 1, 0].tolist() == color(FIELD_COLORS, 0.5)
    assert picture[below, right].tolist() == [255, 0, 255]  # an error above the largest
    assert picture[below + height - 1, right].tolist() == color(ERROR_COLORS, 0.5)
    assert picture[height, 0].tolist() == [255, 255, 255]
    exact = draw_example(image, field, field + LARGEST_ERROR)
    assert exact[below, right].tolist() == color(ERROR_COLORS, 1.0)
