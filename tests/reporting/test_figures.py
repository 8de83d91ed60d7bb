import itertools

import numpy as np
import pytest
from matplotlib.text import Text

import diffkeras as dk
from diffkeras.reporting.fields import problem_in_words, solution_figure
from diffkeras.reporting.figures import log_ticks, new_axis
from diffkeras.reporting.style import METADATA, to_image

SOURCES = np.zeros((4, 5))
SOURCES[1, 2] = 2.0


@pytest.mark.parametrize(
    ("labels", "problem", "scales"),
    [
        (["u"], dk.Problem(SOURCES), [(0, 2), (0, 2)]),
        (
            ["u", "s [u/time]"],
            dk.Problem(SOURCES, production=3 * SOURCES),
            [(0, 2), (0, 6), (0, 2)],
        ),
        (
            ["D [length²/time]"],
            dk.Problem(0 * SOURCES, diffusivity=1 + SOURCES),
            [(0, 3), (0, 0.25)],
        ),
    ],
)
def test_fixed_values_are_on_the_scale_of_the_field(labels, problem, scales):
    figure = solution_figure(problem, np.full((4, 5), 0.25))
    panels = [axis for axis in figure.axes if axis.images]
    assert [axis.images[0].get_clim() for axis in panels] == scales
    bars = [axis.get_ylabel() for axis in figure.axes if not axis.images]
    assert bars == [*labels, "u"]


def test_long_notes_stay_within_the_picture():
    sides = {"top": dk.FixedValue(50.0), "bottom": dk.Robin(2.0, 20.0), "left": dk.FixedFlux(5.0)}
    uptake = dk.MichaelisMenten(np.full((8, 9), 10.0), 3.0)
    problem = dk.Problem(np.zeros((8, 9)), uptake=uptake, boundary=sides, step=10.0)
    figure = dk.solve(problem).plot(unit="µm")
    figure.draw_without_rendering()
    (notes,) = (text for text in figure.texts if "D = " in text.get_text())
    assert notes.get_text().replace("\n", " ") == problem_in_words(problem)
    assert problem_in_words(problem).endswith("uptake with maximum 10 and constant 3")
    assert notes.get_text().count("\n") == 1
    box = notes.get_window_extent()
    assert 0 <= box.x0 < box.x1 <= figure.bbox.width
    assert 0 <= box.y0 < box.y1 <= min(axis.bbox.y0 for axis in figure.axes)


@pytest.mark.parametrize(
    ("values", "node"),
    [
        ({(2, 4, 4): 9.0, (0, 1, 1): 99.0}, (2, 4, 4)),  # not through one at a side
        ({(3, 2, 5): -9.0, (2, 4, 4): 5.0}, (3, 2, 5)),  # the lowest value, where more is taken up
        ({(2, 2, 2): 9.0, (2, 3, 2): 9.0, (2, 4, 2): 9.0}, (2, 3, 2)),  # through the middle
    ],
)
def test_three_slices_go_through_the_most_unusual_value(values, node):
    field = np.random.default_rng(0).random((6, 7, 8))
    for place, value in values.items():
        field[place] = value
    uptake = dk.MichaelisMenten(np.ones(field.shape), 1.0)
    figure = solution_figure(dk.Problem(np.zeros(field.shape), uptake=uptake), field)
    panels = [axis for axis in figure.axes if axis.images]
    titles = [axis.get_title().split(", ")[1] for axis in panels[1::2]]
    assert titles == [f"plane {node[0]}", f"row {node[1]}", f"column {node[2]}"]
    cuts = (field[node[0]], field[:, node[1]], field[:, :, node[2]])
    for axis, expected in zip(panels[1::2], cuts, strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array(), expected)
    assert [axis.get_ylabel() for axis in panels[::2]] == ["row", "plane", "plane"]


def test_slices_are_drawn_in_lengths():
    field = np.random.default_rng(0).random((6, 7, 8))
    field[3, 4, 5] = 30.0
    uptake = dk.MichaelisMenten(0.01 * field, 1.0)
    problem = dk.Problem(field, fixed=field > 0.9, uptake=uptake, step=2.5, decay=0.1)
    figure = dk.solve(problem).plot(unit="µm", field_unit="mmHg")
    bars = {axis.get_ylabel() for axis in figure.axes if not axis.images}
    assert bars == {"u [mmHg]", "v [mmHg/time]"}
    panels = [axis for axis in figure.axes if axis.images][2::3]
    titles = [axis.get_title() for axis in panels]
    plane, row, column = (float(title.split("= ")[1].split(" ")[0]) / 2.5 for title in titles)
    assert titles[0] == f"field u, plane {plane:.0f} (z = {plane * 2.5:g} µm)"
    assert max(abs(plane - 3), abs(row - 4), abs(column - 5)) <= 1
    assert [axis.get_xlabel() for axis in panels] == ["x [µm]", "x [µm]", "y [µm]"]
    assert [axis.get_ylabel() for axis in panels] == ["y [µm]", "z [µm]", "z [µm]"]
    assert panels[0].images[0].get_extent() == [-1.25, 18.75, 16.25, -1.25]


@pytest.mark.parametrize("lattice", [(3, 90, 90), (3, 30, 30), (12, 20, 16), (30, 40)])
def test_no_two_texts_of_a_picture_overlap(lattice):
    image = np.zeros(lattice)
    image[..., 5:7, 5:7] = 40.0
    uptake = dk.MichaelisMenten(np.where(image > 0, 0.0, 1.0), 2.0)
    solution = dk.solve(image, uptake=uptake, step=10.0, tolerance=1e-3)
    figure = solution.plot(unit="µm", field_unit="mmHg")
    figure.draw_without_rendering()
    drawn: list[Text] = []
    for axis in figure.axes:
        drawn += [axis.title, axis.xaxis.label, axis.yaxis.label]
        for scale, place in ((axis.xaxis, 0), (axis.yaxis, 1)):
            low, high = sorted(scale.get_view_interval())
            labels = scale.get_majorticklabels()
            drawn += [label for label in labels if low <= label.get_position()[place] <= high]
    boxes = {text: text.get_window_extent() for text in drawn if text.get_text()}
    assert len(boxes) > 20
    for one, other in itertools.combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one, other)


def test_a_unit_is_a_text():
    for name in ("unit", "field_unit"):
        with pytest.raises(dk.DiffkerasError, match=r"a unit is a text of .*, such as 'µm', not 3"):
            solution_figure(dk.Problem(SOURCES), SOURCES, **{name: 3})


@pytest.mark.parametrize("unit", ["$", r"$\mu$m", r"a \$ b \$", "100 %", "_^{"])
def test_other_units_are_drawn(unit):
    assert to_image(solution_figure(dk.Problem(SOURCES), SOURCES, unit=unit), "svg")


@pytest.mark.parametrize("kind", METADATA)
def test_the_same_figure_is_the_same_file(kind):
    def drawn() -> bytes:
        figure, axis = new_axis(2, 2)
        axis.plot([1, 2])
        return to_image(figure, kind, dpi=30)

    assert drawn() == drawn()


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-4, 1.0, ["0.0001", "0.001", "0.01", "0.1", "1"]),
        (0.02, 0.4, ["0.03", "0.1", "0.3"]),
        (0.015, 0.12, ["0.02", "0.05", "0.1"]),
        (0.031, 0.062, ["0.04", "0.05"]),
        (0.05, 0.055, ["0.05", "0.052", "0.054"]),
        (100, 1.2e4, ["100", "1000", "10000"]),
    ],
)
def test_logarithmic_ticks_are_round_numbers(low, high, expected):
    figure, axis = new_axis(7.0, 2.8, yscale="log", ylim=(low, high))
    log_ticks(axis, "y", fewest=2 if low == 0.031 else 3)
    assert axis.get_ylim() == (low, high)
    figure.canvas.draw()
    assert [text.get_text() for text in axis.get_yticklabels()] == expected
