"""What figures of several analyses share: labels, region panels, and baselines as lines."""

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.shared.print_style import log_ticks, print_axes
from diffkeras.view.target import REGIONS
from paper.study_data import ALL, REGION_ERRORS, StudyData

# titles of panels
REGION_TITLES = {
    region: label.replace(" (x = 0, ", ": ").rstrip(")") for region, label in REGIONS.items()
} | {"sources": "sources", "field": "field outside sources"}
LABEL_WIDTH = 32  # characters of a line of a label
STYLE: Any = {"color": "0.4", "linestyle": ":", "linewidth": 1}
TEXT: Any = {"color": "0.4", "fontsize": 6}
TEXT_HEIGHT = 0.11  # inches, of a line of this size
NEAR = 3.0  # an axis is widened to baselines within this factor of it
MARGIN = 0.05  # share of a widened axis that stays free at either end


def in_lines(label: str) -> str:
    """A label in short lines, which break between words: of a loss the error, then the weight."""
    parts = label.replace(" × ", " ×\n").split("\n")
    return "\n".join(textwrap.fill(part, LABEL_WIDTH, break_long_words=False) for part in parts)


def region_panels(
    x_label: str = "training examples", y_label: str = "", *, height: float = 4.6, **subplots: Any
) -> tuple[Figure, dict[str, Axes]]:
    """A figure [inches] with a panel for each region, and the panels by region."""
    figure, axes = print_axes(2, 3, height=height, **subplots)
    for axis in axes[1]:
        axis.set_xlabel(x_label)
    for axis in axes[:, 0]:
        axis.set_ylabel(y_label)
    panels = dict(zip(REGION_ERRORS, axes.flat, strict=True))
    for region, axis in panels.items():
        axis.set_title(REGION_TITLES[region])
    return figure, panels


def legend_above(figure: Figure, axis: Axes, columns: int = 3, title: str = "") -> None:
    """Write the labels of an axis above the figure."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, title=title or None)


def widen(axis: Axes, values: Iterable[float], along: Literal["x", "y"] = "y") -> None:
    """Widen a logarithmic axis so that values within a factor of `NEAR` of it are on it."""
    low, high = axis.get_ylim() if along == "y" else axis.get_xlim()
    near = [value for value in values if low / NEAR <= value <= high * NEAR]
    ends = min([low, *near]), max([high, *near])
    if ends != (low, high):
        room = (ends[1] / ends[0]) ** MARGIN
        axis.set(**{f"{along}lim": (ends[0] / room, ends[1] * room)})


def scale_error_axis(
    axis: Axes, baselines: Mapping[str, float], along: Literal["x", "y"] = "y", fewest: int = 3
) -> None:
    """Make an axis logarithmic, with ticks at round values, and with near baselines as lines.

    Call it after everything else is drawn.
    """
    axis.set(**{f"{along}scale": "log"})
    widen(axis, baselines.values(), along)
    log_ticks(axis, along, fewest)
    draw_lines(axis, baselines, along)


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


def draw_lines(axis: Axes, values: Mapping[str, float], along: Literal["x", "y"] = "y") -> None:
    """Draw those named values that are within the limits as dotted lines across an axis.

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
        if place - before > TEXT_HEIGHT:
            groups.append([])
        groups[-1].append(name)
        before = place
    for names in groups:
        _draw_group(axis, names, [inside[name] for name in names], along)
    axis.set(**{f"{along}lim": (low, high)})


def _draw_group(axis: Axes, names: Sequence[str], values: Sequence[float], along: str) -> None:
    """Draw lines at ascending values, with one label: above the last, or left of the first."""
    label: Any = {"text": ", ".join(names), "textcoords": "offset points", **TEXT}
    draw = axis.axhline if along == "y" else axis.axvline
    for value in values:
        draw(value, **STYLE)
    if along == "y":
        across = axis.get_yaxis_transform()
        axis.annotate(xy=(1, values[-1]), xycoords=across, xytext=(-3, 2), ha="right", **label)
    else:
        across = axis.get_xaxis_transform()
        turned: Any = {"rotation": 90, "ha": "right", "va": "top"}
        axis.annotate(xy=(values[0], 1), xycoords=across, xytext=(-1, -3), **turned, **label)
