import numpy as np
import pytest

from diffkeras.reporting.figures import field_figure


@pytest.mark.parametrize(
    ("production", "scales"), [("", [(0, 2), (0, 2)]), ("x", [(0, 2), (0, 0.25)])]
)
def test_fixed_values_are_on_the_scale_of_the_field(production: str, scales: list) -> None:
    sources = np.full((4, 5), np.nan)
    sources[1, 2] = 2.0
    figure = field_figure(sources, np.full((4, 5), 0.25), production=production)
    panels = [axis.images[0].get_clim() for axis in figure.axes if axis.images]
    assert panels == scales


def test_a_picture_without_sources_can_be_drawn() -> None:
    figure = field_figure(np.full((4, 5), np.nan), np.zeros((4, 5)), production="x")
    assert [axis.images[0].get_clim() for axis in figure.axes if axis.images] == [(0, 1), (0, 1)]
