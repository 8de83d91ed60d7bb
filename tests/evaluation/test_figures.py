import itertools
from types import SimpleNamespace

from matplotlib.text import Text

from diffkeras.evaluation.error_time import label_points
from diffkeras.evaluation.figures import cost_figure, training_figure
from diffkeras.evaluation.measurement import ALL
from diffkeras.reporting.figures import new_axis


def test_losses_that_alternate_have_one_curve_each():
    history = [
        {"epoch": epoch, "active_loss": 2 - epoch % 2, "loss": 0.1, "mae": 0.3, "val_mae": 0.3}
        for epoch in range(1, 6)
    ]
    axis = training_figure(history, best_epoch=None).axes[0]
    curves = {line.get_label(): line.get_xdata().tolist() for line in axis.lines}
    assert curves["training, first loss"] == [1, 3, 5]
    assert curves["training, second loss"] == [2, 4]


def test_a_field_of_zeros_does_not_stretch_the_axis_of_times():
    methods = {"surrogate": (0.1, 0.5), "exact solver": (1e-9, 1.0), "zero field": (0.3, 1e-3)}
    metrics = {
        name: {ALL: {"mae": error, "milliseconds": time}} for name, (error, time) in methods.items()
    }
    figure = cost_figure(metrics, SimpleNamespace(all_methods=[]))
    assert figure.axes[0].get_xlim()[0] > 0.1
    assert "zero field" in [text.get_text() for text in figure.axes[0].texts]


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
