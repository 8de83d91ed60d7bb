"""Pictures of error against time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from diffkeras.reporting.figures import log_ticks
from diffkeras.reporting.style import WIDTH, new_figure

CLASSICAL, LEARNED, FRONT = "#1f5a80", "#c25510", "#9aa5ad"
FEW = 10  # methods
LETTERS = 9.5  # points, the size of labels
OUTLINE = withStroke(linewidth=3, foreground="white")  # so that lines don't cross a label
SMALLEST = 1e-11  # smaller errors are rounding, and are drawn at this height


class Point(NamedTuple):
    """A method in the plane of error and time.

    Attributes:
        name: of the method.
        milliseconds: per image.
        error: mean error.
        learned: whether it starts from a surrogate.
    """

    name: str
    milliseconds: float
    error: float
    learned: bool = False


def pareto_front(points: Iterable[Point]) -> list[Point]:
    """The points than which no other is both faster and more exact, by rising time."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.milliseconds, point.error)):
        if not front or point.error < front[-1].error:
            front.append(point)
    return front


def error_time_figure(panels: Mapping[str, Sequence[Point]], error: str) -> Figure:
    """Mean error against time per image, in one or more panels.

    Up to `FEW` points have their names beside them. More have numbers, by rising error, and a list
    below the panels names the methods.

    Args:
        panels: title → the same methods, with the same errors.
        error: label of the vertical axis.
    """
    points = sorted(next(iter(panels.values())), key=lambda point: point.error)
    few = len(points) <= FEW
    numbers = {point.name: str(place) for place, point in enumerate(points, 1)}
    lines = 1 if few else 1 + -(-len(points) // 2)
    figure = new_figure(WIDTH, 3.8 * len(panels) + 0.2 * lines)
    axes = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axis, (title, own) in zip(axes, panels.items(), strict=True):
        _draw(axis, own)
        axis.set(title=title, ylabel=error)
    axes[-1].set_xlabel("wall-clock time per image [ms]")
    marks, _ = axes[0].get_legend_handles_labels()
    listed = [] if few else [f"{number}  {name}" for name, number in numbers.items()]
    names = [Line2D([], [], linestyle="none", label=label) for label in listed]
    look: Any = {"handlelength": 1.2, "labelspacing": 0.3, "columnspacing": 1.0}
    figure.legend(handles=marks, loc="outside upper left", ncols=3, **look)
    if names:
        legend = figure.legend(handles=names, loc="outside lower left", ncols=2, **look)
        for text, point in zip(legend.get_texts(), points, strict=True):
            text.set_color(_color(point))
    figure.draw_without_rendering()  # the legend takes room from the panels
    for axis, own in zip(axes, panels.values(), strict=True):
        labels = [point.name if few else numbers[point.name] for point in own]
        label_points(axis, labels, [_place(p) for p in own], [_color(p) for p in own])
    return figure


def _place(point: Point) -> tuple[float, float]:
    return point.milliseconds, max(point.error, SMALLEST)


def _color(point: Point) -> str:
    return LEARNED if point.learned else CLASSICAL


def _draw(axis: Axes, points: Sequence[Point]) -> None:
    times, errors = zip(*map(_place, points), strict=True)
    lowest = SMALLEST / 10 if min(errors) <= 5 * SMALLEST else min(errors) / 10
    axis.set(
        xscale="log",
        yscale="log",
        xlim=(min(times) / 1.6, max(times) * (4 if len(points) <= FEW else 1.6)),
        ylim=(lowest, max(errors) * 10),
    )
    axis.grid(alpha=0.3)
    if lowest < SMALLEST:
        axis.axhspan(lowest, 5 * SMALLEST, color="#f0f0f0", zorder=0)
        note: Any = {"ha": "right", "va": "top", "fontsize": 8, "color": "0.4"}
        across = axis.get_yaxis_transform()
        axis.text(0.99, 4 * SMALLEST, "rounding or smaller", transform=across, **note)
    log_ticks(axis, "x", fewest=5)
    for learned, marker, label in ((False, "s", "classical"), (True, "o", "with a surrogate")):
        if own := [point for point in points if point.learned == learned]:
            places = zip(*map(_place, own), strict=True)
            axis.plot(*places, marker, color=_color(own[0]), label=label, zorder=3)
    front = zip(*map(_place, pareto_front(points)), strict=True)
    axis.plot(*front, color=FRONT, drawstyle="steps-post", label="Pareto front", zorder=1)


def label_points(axis: Axes, labels: Sequence[str], points: Any, colors: Sequence[Any]) -> None:
    """Write a label next to each point, where it covers no other label and no point.

    Call it after everything is drawn and all limits are set.
    """
    figure = axis.get_figure(root=True)
    assert figure is not None
    points_per_pixel, extents = 72 / figure.dpi, np.asarray(axis.get_window_extent().extents)
    places = points_per_pixel * axis.transData.transform(np.asarray(points, float))
    left, bottom, right, top = points_per_pixel * extents
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in places]
    heights = sorted(range(-45, 46, 9), key=lambda dy: (abs(dy), -dy))
    for number in np.argsort(places[:, 1]):
        (x, y), width = places[number], 0.58 * LETTERS * len(labels[number])
        starts = [(x + start, y + dy) for dy in heights for start in (8, -8 - width)]
        boxes = [(start, at - 6, start + width, at + 6) for start, at in starts]
        free = [
            box
            for box in boxes
            if left <= box[0] and box[2] <= right and bottom <= box[1] and box[3] <= top
            if not any(_overlap(box, other) for other in taken)
        ]
        box = (free or boxes)[0]
        taken.append((box[0] - 3, box[1], box[2] + 3, box[3]))  # "3" and "2" must not read 32
        ahead = box[0] > x
        axis.annotate(
            labels[number],
            points[number],
            (box[0] - x if ahead else box[2] - x, box[1] + 6 - y),
            textcoords="offset points",
            color=colors[number],
            size=LETTERS,
            va="center",
            ha="left" if ahead else "right",
            arrowprops={"arrowstyle": "-", "color": colors[number], "linewidth": 0.5},
            path_effects=[OUTLINE],
        )


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
