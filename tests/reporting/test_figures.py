import numpy as np
import pytest

from diffkeras.reporting.figures import field_figure


@pytest.mark.parametrize(
    ("symbols", "scales", "unit"),
    [
        ("u", [(0, 2), (0, 2)], " [unit of the source values]"),
        ("x", [(0, 2), (0, 0.25)], " [unit of the source values]"),
        ("s", [(0, 2), (0, 0.25)], ""),
        ("us", [(0, 2), (0, 2), (0, 2)], ""),
    ],
)
def test_fixed_values_are_on_the_scale_of_the_field(symbols: str, scales: list, unit: str) -> None:
    sources = np.full((4, 5), np.nan)
    sources[1, 2] = 2.0
    figure = field_figure(dict.fromkeys(symbols, sources), np.full((4, 5), 0.25))
    panels = [axis for axis in figure.axes if axis.images]
    assert [axis.images[0].get_clim() for axis in panels] == scales
    assert panels[-1].images[0].colorbar.ax.get_ylabel() == f"field u{unit}"


def test_a_picture_without_sources_can_be_drawn() -> None:
    figure = field_figure({"x": np.full((4, 5), np.nan)}, np.zeros((4, 5)))
    assert [axis.images[0].get_clim() for axis in figure.axes if axis.images] == [(0, 1), (0, 1)]


def test_three_slices_go_through_the_middle_of_the_largest_values() -> None:
    field = np.random.default_rng(0).random((6, 7, 8))
    field[1:4, 2:5, 3:6] = 2.0
    figure = field_figure({"u": np.where(field == 2, field, np.nan)}, field)
    panels = [axis for axis in figure.axes if axis.images]
    titles = [axis.get_title() for axis in panels[1::2]]
    assert [title.split(", ")[1] for title in titles] == ["plane 2", "row 3", "column 4"]
    for axis, expected in zip(panels[1::2], (field[2], field[:, 3], field[:, :, 4]), strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array(), expected)
    assert [axis.get_ylabel() for axis in panels[::2]] == ["row", "plane", "plane"]
