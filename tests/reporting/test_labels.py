import itertools

import numpy as np
from matplotlib.text import Text

from diffkeras.reporting.figures import new_axis
from diffkeras.reporting.labels import label_lines, label_points
from diffkeras.reporting.style import to_png


def test_labels_of_lines_are_in_the_lines_order_and_apart():
    figure, axis = new_axis(yscale="log")
    ends = {"a": 1e-1, "b": 1.01e-1, "c": 1e-5, "d": 1.02e-1}
    for name, end in ends.items():
        axis.plot([1, 2, 3], [end / 2, end, np.nan], label=name)
    axis.plot([1, 2], [np.nan, np.nan], label="never drawn")
    label_lines(axis)
    places = {text.get_text(): text.xyann[1] for text in axis.texts}
    assert sorted(places, key=places.__getitem__) == ["c", "a", "b", "d"]
    apart = [above - below for below, above in itertools.pairwise(sorted(places.values()))]
    assert min(apart) > 0.03
    assert to_png(figure, dpi=30).startswith(b"\x89PNG")


def test_labels_of_points_cover_no_other_label_or_point():
    figure, axis = new_axis(7.5, 5.0, xscale="log", yscale="log")
    points = [(1.0, 1e-2), (1.02, 1.1e-2), (1.01, 0.9e-2), (0.9, 1e-2), (1.0, 1e-8)]
    names = [f"method {number}" for number in range(len(points))]
    for point in points:
        axis.plot(*point, "o")
    axis.set(xlim=(0.1, 10), ylim=(1e-9, 1))
    label_points(axis, names, points, ["black"] * len(points))
    figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in axis.texts]  # without the arrows
    assert sorted(text.get_text() for text in axis.texts) == names
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    for place in axis.transData.transform(points):
        assert not any(box.contains(*place) for box in boxes)
