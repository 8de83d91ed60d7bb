"""Pictures of a problem's sources and of its field: `Solution.plot`, `--plot` of the commands."""

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from diffkeras.physics import Problem
from diffkeras.physics.field_files import check_unit
from diffkeras.reporting.field_words import problem_in_words
from diffkeras.reporting.slices import AXES, Slice, row_height, slices_of
from diffkeras.reporting.style import NO_VALUE, new_figure

SOURCES = {
    "u": "fixed values",
    "s": "production s",
    "v": "largest uptake v",
    "D": "diffusivity D",
    "γ": "decay and uptake γ",
    "x": "sources x",
}  # titles of panels, by the symbol of the values
UNITS = {"s": "{}/time", "v": "{}/time", "D": "length²/time", "γ": "1/time"}  # others: the field's
LETTERS = 14  # of the notes, that fit on an inch


def sources_of(problem: Problem) -> dict[str, NDArray]:
    """Panels beside the field of one image, by their symbols in `SOURCES`; NaN where nothing is."""
    arrays = {}
    if problem.fixed.any():
        arrays["u"] = np.where(problem.fixed, problem.values, np.nan)
    if problem.production is not None:
        arrays["s"] = np.where(problem.production != 0, problem.production, np.nan)
    for symbol, part in (("D", problem.medium.diffusivity), ("γ", problem.medium.decay)):
        if isinstance(part, np.ndarray):
            arrays[symbol] = np.broadcast_to(part, problem.lattice)
    if problem.uptake is not None:
        rate = np.broadcast_to(problem.uptake.capacity, problem.lattice)
        if np.ndim(problem.uptake.capacity):
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
    """A problem's sources and its field, as `field_figure` draws them.

    Of a batch, the first image that has sources is drawn. By default, the line below it has the
    numbers of the medium.
    """
    if problem.is_batch:
        has_sources = [bool(each.fixed.any() or np.any(each.production)) for each in problem.images]
        shown = int(np.argmax(has_sources))
        title = f"{title}, image {shown + 1} of {len(field)}"
        problem, field = problem.images[shown], field[shown]
    return field_figure(
        sources_of(problem),
        field,
        title,
        problem_in_words(problem) if notes is None else notes,
        step=problem.medium.step,
        unit=unit,
        field_unit=field_unit,
    )


def field_figure(
    sources: Mapping[str, NDArray],
    field: NDArray,
    title: str = "steady-state field",
    notes: str = "",
    *,
    step: float = 1.0,
    unit: str | None = None,
    field_unit: str | None = None,
) -> Figure:
    """Sources and field side by side, with notes below.

    Args:
        sources: one array a panel (NaN where there are none), by the symbols of `SOURCES`. Those
            named "u" share the colour scale of the field.
        field: (rows, columns) or (planes, rows, columns).
        title: of the panel of the field.
        notes: a line below the panels, or as many as it needs.
        step: h [length]. The axes show lengths unless it is 1 and no unit is given, and then
            numbers of nodes.
        unit: of lengths, such as "µm".
        field_unit: of the field and of fixed values, such as "mmHg".

    Raises:
        PhysicsError: a unit that is no short text.
    """
    for each in (unit, field_unit):
        check_unit(each)
    shared = np.concatenate([field.ravel(), sources.get("u", np.zeros(0)).ravel()])
    panels = [(values, SOURCES[symbol], symbol) for symbol, values in sources.items()]
    panels.append((field, title, "u"))
    parts = slices_of(field, sources)
    heights = [row_height(field[part.nodes].shape) for part in parts]
    width = 5 * len(panels)
    lines = textwrap.wrap(notes, LETTERS * width)
    below = 0.15 * (1 + len(lines)) if lines else 0
    figure = new_figure(width, sum(heights) + below)
    grid = figure.subplots(len(parts), len(panels), squeeze=False, height_ratios=heights)
    for column, (values, name, symbol) in zip(grid.T, panels, strict=True):
        limits = _ends_of_scale(shared if symbol == "u" else values)
        for axis, part in zip(column, parts, strict=True):
            picture = _draw_slice(axis, values[part.nodes], part, name, step, unit)
            picture.set_clim(limits)
        label = symbol
        if field_unit:
            label += f" [{UNITS.get(symbol, '{}').format(field_unit)}]"
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
    across, down = (_label(each, in_nodes, unit) for each in reversed(part.axes))
    place = "" if in_nodes or not part.axis else f" ({_place(part, length, unit)})"
    axis.set(title=name + part.title + place, xlabel=across, ylabel=down)
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


def _label(name: str, in_nodes: bool, unit: str | None) -> str:
    return name if in_nodes else f"{AXES[name]} [{unit or 'length'}]"


def _place(part: Slice, step: float, unit: str | None) -> str:
    """Where a slice is, as a length."""
    return f"{AXES[part.axis]} = {part.number * step:g}{f' {unit}' if unit else ''}"
