"""Labels written next to lines and points, instead of a legend."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

LINE_HEIGHT = 14.0  # points, of the labels of lines
SIZE = 9  # points
OUTLINE = withStroke(linewidth=3, foreground="white")  # so that lines don't cross a label


def place_apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places from `low` to `high` near the wanted ones, at least `gap` apart, in their order.

    Where there is too little room, the gap becomes smaller.
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    order = np.argsort(wanted, kind="stable")
    placed = np.clip(np.asarray(wanted, float)[order], low, high)
    for place in range(1, placed.size):  # upwards, away from the one below
        placed[place] = max(placed[place], placed[place - 1] + gap)
    placed[-1] = min(placed[-1], high)
    for place in range(placed.size - 2, -1, -1):  # and down again from the upper end
        placed[place] = min(placed[place], placed[place + 1] - gap)
    result = np.empty_like(placed)
    result[order] = placed
    return result.tolist()


def label_lines(axis: Axes) -> None:
    """Write the label of each line to the right of the axes, level with the line's end.

    Call it after everything is drawn and all limits are set.
    """
    lines = [
        line
        for line in axis.lines
        if not str(line.get_label()).startswith("_") and np.isfinite(_values(line)).any()
    ]
    ends = []
    for line in lines:
        place = np.flatnonzero(np.isfinite(_values(line)))[-1]
        ends.append((np.asarray(line.get_xdata(), float)[place], _values(line)[place]))
    wanted = [float(_fractions(axis, end)[1]) for end in ends]
    height = _size(axis)[1]
    placed = place_apart(wanted, LINE_HEIGHT / height, 0.0, 1.0)
    for line, end, fraction in zip(lines, ends, placed, strict=True):
        color = line.get_color()
        axis.annotate(
            str(line.get_label()),
            end,
            (1.04, fraction),
            textcoords="axes fraction",
            color=color,
            size=SIZE,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.6, "shrinkB": 2},
        )


def label_points(axis: Axes, labels: Sequence[str], points: Any, colors: Sequence[Any]) -> None:
    """Write a label next to each point, where it covers no other label and no point.

    Call it after everything is drawn and all limits are set.
    """
    size = _size(axis)
    places = _fractions(axis, points) * size
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in places]
    order = np.argsort(places[:, 1])
    for number in order:
        (x, y), width = places[number], 0.58 * SIZE * len(labels[number])
        spots = [
            (x + dx if dx > 0 else x + dx - width, y + dy)
            for dy in (0, 9, -9, 18, -18, 27, -27, 36, -36, 45, -45)
            for dx in (8, -8)
        ]
        boxes = [(left, at - 6, left + width, at + 6) for left, at in spots]
        free = [
            box
            for box in boxes
            if box[0] >= 0
            and box[2] <= size[0]
            and box[1] >= 0
            and box[3] <= size[1]
            and not any(_overlap(box, other) for other in taken)
        ]
        box = free[0] if free else boxes[0]
        taken.append((box[0] - 3, box[1], box[2] + 3, box[3]))  # "3" and "2" must not read 32
        right = box[0] > x
        axis.annotate(
            labels[number],
            points[number],
            (box[0] - x if right else box[2] - x, box[1] + 6 - y),
            textcoords="offset points",
            color=colors[number],
            size=SIZE,
            va="center",
            ha="left" if right else "right",
            arrowprops={"arrowstyle": "-", "color": colors[number], "linewidth": 0.5},
            path_effects=[OUTLINE],
        )


def _fractions(axis: Axes, points: Any) -> Any:
    """Points in fractions of the axes' width and height."""
    axis.get_xlim(), axis.get_ylim()  # the transforms don't find the limits themselves
    return (axis.transScale + axis.transLimits).transform(np.asarray(points, float))


def _size(axis: Axes) -> Any:
    """About the width and height of the axes in points; labels around them take the rest."""
    figure = axis.get_figure(root=True)
    assert figure is not None
    box = axis.get_position()  # before the layout makes room for labels, nearly the final one
    return figure.get_size_inches() * 72 * (box.width, box.height)


def _values(line: Any) -> Any:
    return np.asarray(line.get_ydata(), float)


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
