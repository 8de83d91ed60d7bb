"""Pictures of a problem's sources and of its field: `Solution.plot`, `--plot` of the commands."""

import textwrap
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from diffkeras.physics.arguments import PLANE
from diffkeras.physics.field_files import check_unit
from diffkeras.physics.problem.problem import Problem
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.reporting.style import NO_VALUE, new_figure
from diffkeras.system.messages import low_to_high

SOURCES = {  # titles of panels and units of their values, by the symbol of the values
    "u": ("fixed values", "{field}"),
    "s": ("production s", "{field}/time"),
    "v": ("largest uptake v", "{field}/time"),
    "D": ("diffusivity D", "{length}²/time"),
    "γ": ("decay and uptake γ", "1/time"),
}
LETTERS = 14  # of the notes, that fit on an inch
AXES = {"plane": "z", "row": "y", "column": "x"}  # of a lattice, and their coordinates
TALLEST = 12.0  # inches of a row of panels
ALIKE = 1e-6  # values that differ by less, relative to the range of the field, are the same


class Slice(NamedTuple):
    """A picture of a lattice: its nodes, the names of its axes, and what the slice is across."""

    nodes: tuple[int | slice, ...]
    axes: tuple[str, str]
    axis: str = ""
    number: int = 0


def _sources_of(problem: Problem) -> dict[str, NDArray]:
    """Panels beside the field, by their symbols in `SOURCES`; NaN where nothing is."""
    arrays = {}
    if problem.fixed.any():
        arrays["u"] = np.where(problem.fixed, problem.values, np.nan)
    if problem.production is not None:
        arrays["s"] = np.where(problem.production != 0, problem.production, np.nan)
    for symbol, part in (("D", problem.medium.diffusivity), ("γ", problem.medium.decay)):
        if isinstance(part, np.ndarray):
            arrays[symbol] = np.broadcast_to(part, problem.lattice)
    if problem.uptake is not None and np.ndim(problem.uptake.capacity):
        rate = np.broadcast_to(problem.uptake.capacity, problem.lattice)
        arrays["v"] = np.where(rate != 0, rate, np.nan)
    return arrays


def solution_figure(
    problem: Problem,
    field: NDArray,
    title: str = "field u",
    notes: str | None = None,
    *,
    unit: str | None = None,
    field_unit: str | None = None,
) -> Figure:
    """A problem's sources and its field, two panels a row, fixed values on the scale of the field.

    Args:
        problem: its step h scales the axes, unless it is 1 and no unit is given: then they count
            nodes.
        field: (rows, columns) or (planes, rows, columns).
        title: of the panel of the field.
        notes: a line below the panels, or as many as it needs; by default the medium's numbers.
        unit: of lengths, such as "µm".
        field_unit: of the field, such as "mmHg"; production and uptake have it per time.

    Raises:
        PhysicsError: a unit that isn't a short text.
    """
    for each in (unit, field_unit):
        check_unit(each)
    sources = _sources_of(problem)
    shared = np.concatenate([field.ravel(), sources.get("u", np.zeros(0)).ravel()])
    panels = [(values, SOURCES[symbol][0], symbol) for symbol, values in sources.items()]
    panels.append((field, title, "u"))
    parts = slices_of(field)
    heights = [_row_height(field[part.nodes].shape) for part in parts]
    across = len(panels) if len(parts) > 1 else min(len(panels), 2)
    heights *= -(-len(panels) // across)  # rows, of which a field in three dimensions has its own
    width = 5 * across
    lines = textwrap.wrap(problem_in_words(problem) if notes is None else notes, LETTERS * width)
    below = 0.15 * (1 + len(lines)) if lines else 0
    figure = new_figure(width, sum(heights) + below)
    grid = figure.subplots(len(heights), across, squeeze=False, height_ratios=heights)
    columns = [*grid.T] if len(parts) > 1 else [*grid.reshape(-1, 1)]
    for [empty] in columns[len(panels) :]:
        empty.remove()
    for column, (values, name, symbol) in zip(columns, panels, strict=False):
        limits = _ends_of_scale(shared if symbol == "u" else values)
        for axis, part in zip(column, parts, strict=True):
            picture = _draw_slice(axis, values[part.nodes], part, name, problem.medium.step, unit)
            picture.set_clim(limits)
        shown = SOURCES[symbol][1].format(field=field_unit or "u", length=unit or "length")
        label = symbol if shown == symbol else f"{symbol} [{shown}]"
        figure.colorbar(picture, ax=list(column), fraction=0.046, pad=0.03, label=label)
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=9)
    return figure


def _draw_slice(
    axis: Axes, values: NDArray, part: Slice, name: str, step: float, unit: str | None
) -> AxesImage:
    """The values of a slice, with axes in numbers of nodes or in lengths."""
    in_nodes = step == 1 and unit is None
    length = 1.0 if in_nodes else step
    bottom, right = ((side - 0.5) * length for side in values.shape)
    extent = (-length / 2, right, bottom, -length / 2)
    picture = axis.imshow(values, cmap="viridis", interpolation="nearest", extent=extent)
    down, across = (
        each if in_nodes else f"{AXES[each]} [{unit or 'length'}]" for each in part.axes
    )
    if part.axis:
        name += f", {part.axis} {part.number}"
        if not in_nodes:
            name += f" ({AXES[part.axis]} = {part.number * length:g}{f' {unit}' if unit else ''})"
    axis.set(title=name, xlabel=across, ylabel=down)
    axis.locator_params(integer=in_nodes)
    rows, columns = values.shape
    ticks = 12 * rows // columns  # that have room
    if ticks:
        axis.locator_params(axis="y", nbins=min(ticks, 9))
    else:
        axis.set_yticks([0])
    axis.set_facecolor(NO_VALUE)
    return picture


def _ends_of_scale(values: NDArray) -> tuple[float, float]:
    """The ends of a colour scale from 0, or the lowest value below, to the highest value."""
    shown = values[np.isfinite(values)]
    shown = shown if shown.size else np.zeros(1)
    return float(min(shown.min(), 0)), float(shown.max()) or 1.0


def problem_in_words(problem: Problem) -> str:
    """Medium, sides and uptake in one line, for a picture."""
    medium, uptake = problem.medium, problem.uptake
    parts = {"D": medium.diffusivity, "γ": medium.decay, "h": medium.step}
    numbers = [f"{symbol} = {_ends(part)}" for symbol, part in parts.items()]
    words = [*numbers, sides_in_words(medium.sides)]
    if uptake is not None:
        law = (f"{name.replace('_', ' ')} {_ends(part)}" for name, part in uptake.parts.items())
        words.append(f"uptake with {' and '.join(law)}")
    return ", ".join(words)


def _ends(part: Any) -> str:
    """A number, or the smallest and the largest of an array."""
    if isinstance(part, tuple):
        return f"({', '.join(map(_ends, part))})"
    return low_to_high(np.min(part), np.max(part))


def _row_height(shape: tuple[int, ...]) -> float:
    """Inches of a row of panels, of which each is 5 wide with its colour bar."""
    rows, columns = shape
    return min(3.7 * rows / columns + 0.9, TALLEST)


def slices_of(field: NDArray) -> list[Slice]:
    """In two dimensions the field; in three a plane, a row and a column.

    They go through the node whose value is farthest from the median: in a source, or where most is
    taken up. Nodes at a side don't count where there are others. Of several such nodes, the one
    next to their middle is taken.

    Args:
        field: (rows, columns) or (planes, rows, columns).
    """
    if field.ndim == PLANE:
        return [Slice((slice(None),) * 2, ("row", "column"))]
    starts = [int(side > 2) for side in field.shape]
    inside = tuple(slice(start, -start or None) for start in starts)
    distances = np.abs(field - np.median(field))[inside]
    nodes = np.argwhere(distances >= distances.max() - ALIKE * np.ptp(field))
    nearest = np.square(nodes - nodes.mean(axis=0)).sum(axis=1).argmin()
    slices = []
    for name, number in zip(AXES, (nodes[nearest] + starts).tolist(), strict=True):
        down, across = (other for other in AXES if other != name)
        cut = tuple(number if other == name else slice(None) for other in AXES)
        slices.append(Slice(cut, (down, across), name, number))
    return slices
