"""The picture of error against time of one problem."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from diffkeras.evaluation.scoreboard.tables import title
from diffkeras.evaluation.scoreboard.verdicts import Row, milliseconds
from diffkeras.reporting.figures import new_figure
from diffkeras.reporting.labels import label_points

CLASSICAL, LEARNED, FRONT = "#1f5a80", "#c25510", "#9aa5ad"
SMALLEST = 1e-11  # smaller errors are rounding, and are drawn as this one
HIDDEN = ("zero field", "0 rounds")  # they know nothing of the field between the sources


def error_time_figure(problem: Mapping[str, Any]) -> Figure:
    """Mean error against time per image, a panel for each size of batches.

    Points have numbers, by rising error, and a list beside the panels says which method is which.
    """
    sizes = list(problem["pareto"])
    rows = [row for row in problem["methods"] if row["name"] not in HIDDEN]
    rows.sort(key=lambda row: row["error"]["mean"])
    figure = new_figure(10.0, max(4.6 * len(sizes), 0.23 * len(rows) + 1.5))
    panels = figure.subplots(len(sizes), 1, squeeze=False)[:, 0]
    for axis, size in zip(panels, sizes, strict=True):
        _draw(axis, rows, size, problem["pareto"][size])
        images = "one image at a time" if size == "1" else f"batches of {size}"
        axis.set_title(f"{title(problem)}, {images}")
    panels[-1].set_xlabel("wall-clock time per image [ms]")
    legend = figure.legend(
        handles=[*_marks(), *_key(rows)],
        loc="outside right upper",
        fontsize=9,
        handlelength=1.2,
        labelspacing=0.35,
    )
    for text, row in zip(legend.get_texts()[3:], rows, strict=True):
        text.set_color(_color(row))
    figure.draw_without_rendering()  # the legend takes room from the panels
    numbers = [str(place) for place in range(1, len(rows) + 1)]
    for axis, size in zip(panels, sizes, strict=True):
        label_points(axis, numbers, _points(rows, size), [_color(row) for row in rows])
    return figure


def _points(rows: Sequence[Row], size: str) -> list[tuple[float, float]]:
    return [(milliseconds(row, size), max(row["error"]["mean"], SMALLEST)) for row in rows]


def _draw(axis: Axes, rows: Sequence[Row], size: str, pareto: Sequence[str]) -> None:
    points = _points(rows, size)
    times, errors = zip(*points, strict=True)
    axis.set(
        xscale="log",
        yscale="log",
        ylabel="mean error / largest value",
        xlim=(min(times) / 1.6, max(times) * 1.6),
        ylim=(SMALLEST / 10, max(errors) * 10),
    )
    axis.grid(alpha=0.3)
    axis.axhspan(SMALLEST / 10, 5 * SMALLEST, color="#f0f0f0", zorder=0)
    axis.annotate(
        "rounding or smaller",
        (1, 5 * SMALLEST),
        xytext=(-4, -3),
        xycoords=axis.get_yaxis_transform(),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8,
        color="0.4",
    )
    for part in (axis.xaxis.set_major_formatter, axis.xaxis.set_minor_formatter):
        part(FuncFormatter(_round_time))
    front = sorted(point for row, point in zip(rows, points, strict=True) if row["name"] in pareto)
    axis.plot(*zip(*front, strict=True), color=FRONT, drawstyle="steps-post", zorder=1)
    for row, (time, error) in zip(rows, points, strict=True):
        axis.scatter(time, error, 40, _color(row), marker=_marker(row), zorder=3)


def _round_time(time: float, _: int) -> str:
    """1, 2 and 5 of each decade."""
    return f"{time:g}" if f"{time:e}"[0] in "125" else ""


def _color(row: Row) -> str:
    return LEARNED if row["surrogate"] else CLASSICAL


def _marker(row: Row) -> str:
    return "o" if row["surrogate"] else "s"


def _marks() -> list[Line2D]:
    marks: Any = {"linestyle": "none", "markersize": 6}
    return [
        Line2D([], [], color=CLASSICAL, marker="s", label="classical", **marks),
        Line2D([], [], color=LEARNED, marker="o", label="with a surrogate", **marks),
        Line2D([], [], color=FRONT, label="Pareto front"),
    ]


def _key(rows: Sequence[Row]) -> list[Line2D]:
    return [
        Line2D([], [], linestyle="none", label=f"{place}  {row['name']}")
        for place, row in enumerate(rows, 1)
    ]
