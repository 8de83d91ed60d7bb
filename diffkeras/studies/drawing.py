"""What the figures of several analyses have in common: region panels, and baselines as lines."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkeras.reporting.print_figures import print_axes
from diffkeras.studies.labels import REGION_TITLES
from diffkeras.studies.study_data import ALL, StudyData

STYLE: Any = {"color": "0.4", "linestyle": ":", "linewidth": 1}
TEXT: Any = {"color": "0.4", "fontsize": 6}
NEAR = 3.0
MARGIN = 0.05  # of the length of a widened axis, at both ends
CHARACTER, HEIGHT = 0.046, 0.11  # inches, the mean width of one in this size, and of a line


def region_panels(y_label: str) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a panel for each region, against the size on a logarithmic axis."""
    figure, axes = print_axes(2, 3, height=4.6, sharex=True)
    for axis in axes[1]:
        axis.set_xlabel("training examples")
    for axis in axes[:, 0]:
        axis.set_ylabel(y_label)
    panels = dict(zip(REGION_TITLES, axes.flat, strict=True))
    for region, axis in panels.items():
        axis.set(title=REGION_TITLES[region], xscale="log")
    return figure, panels


def draw_panel_baselines(
    panels: Iterable[tuple[Axes, str]], data: StudyData, along: Literal["x", "y"] = "y"
) -> None:
    """Draw the baselines of the main test set into several panels, given with their errors.

    A line below the figure names those that lie outside the axes.
    """
    draw_panel_lines(((axis, baseline_errors(data, error)) for axis, error in panels), along)


def draw_panel_lines(
    panels: Iterable[tuple[Axes, Mapping[str, float]]], along: Literal["x", "y"] = "y"
) -> None:
    """Draw named values into several panels, and name those outside the axes below the figure."""
    panels = list(panels)
    missing: dict[str, dict[str, list[str]]] = {"below": {}, "above": {}}
    for axis, values in panels:
        low = (axis.get_ylim() if along == "y" else axis.get_xlim())[0]
        for name, value in draw_lines(axis, values, along).items():
            side = missing["below" if value < low else "above"]
            side.setdefault(name, []).append(axis.get_title().partition(":")[0])
    note = "; ".join(
        f"{side} the axes: {', '.join(_where(names, len(panels)))}"
        for side, names in missing.items()
        if names
    )
    figure = panels[0][0].get_figure(root=True)
    assert figure is not None
    if note:
        text = textwrap.fill(note[0].upper() + note[1:], int(figure.get_figwidth() / CHARACTER))
        figure.supxlabel(text, **TEXT)


def _where(names: Mapping[str, list[str]], panels: int) -> list[str]:
    """The names, each with the titles of its panels where these are not all."""
    return [
        name if len(titles) == panels else f"{name} ({', '.join(titles)})"
        for name, titles in names.items()
    ]


def reach_near(axis: Axes, values: Iterable[float], along: Literal["x", "y"] = "y") -> None:
    """Widen a logarithmic axis so that values within a factor of `NEAR` of it are on it.

    Call it before the ticks are chosen.
    """
    low, high = axis.get_ylim() if along == "y" else axis.get_xlim()
    near = [value for value in values if low / NEAR <= value <= high * NEAR]
    reach = min([low, *near]), max([high, *near])
    if reach != (low, high):
        room = (reach[1] / reach[0]) ** MARGIN
        axis.set(**{f"{along}lim": (reach[0] / room, reach[1] * room)})


def baseline_errors(
    data: StudyData, error: str = "mae", sources: str = ALL, test_set: str | None = None
) -> dict[str, float]:
    """Method → its error, without those that have none."""
    baselines = data.baselines
    if baselines.empty:
        return {}
    test_set = data.test_sets[0] if test_set is None else test_set
    chosen = baselines[(baselines["test_set"] == test_set) & (baselines["sources"] == sources)]
    known = chosen[chosen[error].notna()]
    return dict(zip(known["method"], known[error].astype(float), strict=True))


def draw_lines(
    axis: Axes, values: Mapping[str, float], along: Literal["x", "y"] = "y"
) -> dict[str, float]:
    """Draw named values as dotted lines across an axis, and return those outside of it.

    Lines that are too close for a label each share one.
    """
    low, high = axis.get_ylim() if along == "y" else axis.get_xlim()
    inside = {name: value for name, value in values.items() if low <= value <= high}
    scale = (axis.yaxis if along == "y" else axis.xaxis).get_transform().transform
    begin, end = scale([low, high])
    figure, extent = axis.get_figure(root=True), axis.get_window_extent()
    assert figure is not None
    length = (extent.height if along == "y" else extent.width) / figure.dpi
    groups: list[list[str]] = []
    before = -math.inf
    for name in sorted(inside, key=inside.__getitem__):
        place = (scale([inside[name]])[0] - begin) / (end - begin) * length
        if place - before > HEIGHT:
            groups.append([])
        groups[-1].append(name)
        before = place
    for names in groups:
        _draw_lines(axis, names, [inside[name] for name in names], along)
    axis.set(**{f"{along}lim": (low, high)})
    return {name: value for name, value in values.items() if name not in inside}


def _draw_lines(axis: Axes, names: Sequence[str], values: Sequence[float], along: str) -> None:
    """Draw lines at ascending values, with one label: above the last, or left of the first."""
    place: Any = {"text": ", ".join(names), "textcoords": "offset points", **TEXT}
    draw = axis.axhline if along == "y" else axis.axvline
    for value in values:
        draw(value, **STYLE)
    if along == "y":
        across = axis.get_yaxis_transform()
        axis.annotate(xy=(1, values[-1]), xycoords=across, xytext=(-3, 2), ha="right", **place)
    else:
        across = axis.get_xaxis_transform()
        turned: Any = {"rotation": 90, "ha": "right", "va": "top"}
        axis.annotate(xy=(values[0], 1), xycoords=across, xytext=(-1, -3), **turned, **place)
