"""Pictures of a problem's sources and of its field: `Solution.plot`, `--plot` of the commands."""

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from diffkeras.errors import PhysicsError
from diffkeras.physics import Problem
from diffkeras.physics.arguments import PLANE
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.reporting.figures import new_figure, text_fault

SOURCES = {
    "u": "fixed values",
    "s": "production",
    "v": "uptake",
    "γ": "decay and uptake",
    "x": "sources",
}  # by the symbol of the values
LABELS = {
    "s": ("production s", "{} per time"),
    "v": ("largest rate of uptake", "{} per time"),
    "γ": ("rate constant", "1/time"),
    "x": ("source value x", "{}"),
}  # of colour bars, and their units in that of the field; others show the field
AXES = {"plane": "z", "row": "y", "column": "x"}  # of a lattice, and their coordinates
TALLEST = 12.0  # inches of a row of panels
LONGEST_UNIT = 30  # characters
LETTERS = 14  # of the notes, that fit on an inch
MOST_INCHES = 500.0  # of all rows: matplotlib draws at most 2**16 pixels
ALIKE = 1e-6  # gradients that differ by less, relative to the largest, are the same one

Slices = Mapping[str, int | Sequence[int]]


def sources_of(problem: Problem) -> dict[str, NDArray]:
    """What is drawn beside the field, by the symbols of `SOURCES`; NaN where there is none."""
    arrays = {}
    if problem.fixed.any():
        arrays["u"] = np.where(problem.fixed, problem.values, np.nan)
    if problem.production is not None:
        arrays["s"] = np.where(problem.production != 0, problem.production, np.nan)
    if not problem.is_batch and np.ndim(problem.medium.decay):
        arrays["γ"] = np.broadcast_to(problem.medium.decay, problem.lattice)
    if not problem.is_batch and problem.uptake is not None:
        rate = np.broadcast_to(problem.uptake.capacity, problem.lattice)
        if np.ndim(problem.uptake.capacity):
            arrays["v"] = np.where(rate != 0, rate, np.nan)
    return arrays


def problem_in_words(problem: Problem) -> str:
    """Medium, sides and uptake in one line, for a picture."""
    medium, uptake = problem.medium, problem.uptake
    parts = {"D": medium.diffusivity, "γ": medium.decay, "h": medium.step}
    numbers = [f"{symbol} = {_range(part)}" for symbol, part in parts.items()]
    words = [*numbers, sides_in_words(medium.sides)]
    if uptake is not None:
        law = (f"{name.replace('_', ' ')} {_range(part)}" for name, part in uptake.parts.items())
        words.append(f"uptake with {' and '.join(law)}")
    return ", ".join(words)


def _range(part: Any) -> str:
    """A number, or the smallest and the largest of an array."""
    if isinstance(part, tuple):
        return f"({', '.join(map(_range, part))})"
    least, most = f"{np.min(part):g}", f"{np.max(part):g}"
    return least if least == most else f"{least} to {most}"


def solution_figure(
    problem: Problem,
    field: NDArray,
    title: str = "field u",
    notes: str | None = None,
    *,
    unit: str | None = None,
    field_unit: str | None = None,
    slices: Slices | None = None,
) -> Figure:
    """A problem's sources and its field, as `field_figure` draws them.

    Of a batch, the first image that has sources is drawn. By default, the line below it has the
    numbers of the medium.
    """
    sources = sources_of(problem)
    if notes is None:
        notes = "" if problem.is_batch else problem_in_words(problem)
    if problem.is_batch:
        flat = [values.reshape(len(values), -1) for values in sources.values()]
        finite = [np.isfinite(values).any(axis=1) for values in flat]
        shown = int(np.any(finite, axis=0).argmax()) if finite else 0
        title = f"{title}, image {shown} of 0 to {len(field) - 1}"
        sources = {symbol: values[shown] for symbol, values in sources.items()}
        field = field[shown]
    step = problem.medium.step
    return field_figure(
        sources, field, title, notes, step=step, unit=unit, field_unit=field_unit, slices=slices
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
    slices: Slices | None = None,
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
        slices: of a field of three axes, the numbers of planes, rows and columns that are drawn
            below each other, by the names in `AXES`. By default three slices through the node
            where the |gradient| of the field is largest, or through a source next to it. Without
            sources they go through the lowest value that isn't at a side, if that is the lowest of
            all: where the most is taken up. Of several such nodes, the one next to their middle.

    Raises:
        PhysicsError: a slice that the lattice doesn't have, or a unit that can't be drawn.
    """
    for each in (unit, field_unit):
        check_unit(each)
    shared = np.concatenate([field.ravel(), sources.get("u", np.zeros(0)).ravel()])
    bars = {symbol: _bar_label(*label, field_unit) for symbol, label in LABELS.items()}
    known = "s" not in sources and {"u", "x"} & sources.keys()
    bars["u"] = _bar_label(
        "field u", "{}", field_unit or ("unit of the source values" if known else None)
    )
    panels = [(values, SOURCES[symbol], symbol) for symbol, values in sources.items()]
    panels.append((field, title, "u"))
    parts = _slices(field, sources, slices)
    in_nodes = step == 1 and unit is None
    heights = [min(_height(field[part.nodes].shape), TALLEST) for part in parts]
    width = 5 * len(panels)
    lines = textwrap.wrap(notes, LETTERS * width)
    below = 0.15 * (1 + len(lines)) if lines else 0
    figure = new_figure(width, sum(heights) + below)
    grid = figure.subplots(len(parts), len(panels), squeeze=False, height_ratios=heights)
    for axis, (part, (values, name, symbol)) in zip(
        grid.flat, itertools.product(parts, panels), strict=True
    ):
        shown = shared if symbol == "u" else values
        shown = shown[np.isfinite(shown)]
        shown = shown if shown.size else np.zeros(1)
        low, high = float(min(shown.min(), 0)), float(shown.max()) or 1.0
        cut = values[part.nodes]
        length = 1.0 if in_nodes else step
        bottom, right = ((side - 0.5) * length for side in cut.shape)
        picture = axis.imshow(
            cut,
            cmap="viridis",
            vmin=low,
            vmax=high,
            interpolation="nearest",
            extent=(-length / 2, right, bottom, -length / 2),
        )
        across, down = (_label(name, in_nodes, unit) for name in reversed(part.axes))
        place = "" if in_nodes or not part.axis else f" ({_place(part, length, unit)})"
        axis.set(title=name + part.title + place, xlabel=across, ylabel=down)
        axis.locator_params(integer=in_nodes)
        axis.set_facecolor("#f2f2f2")
        figure.colorbar(picture, ax=axis, fraction=0.046, pad=0.03, label=bars[symbol])
    if lines:
        figure.supxlabel("\n".join(lines), fontsize=9)
    return figure


def _bar_label(name: str, unit: str, field_unit: str | None) -> str:
    return f"{name} [{unit.format(field_unit)}]" if field_unit else name


def _label(name: str, in_nodes: bool, unit: str | None) -> str:
    return name if in_nodes else f"{AXES[name]} [{unit or 'length'}]"


def _place(part: "_Slice", step: float, unit: str | None) -> str:
    """Where a slice is, as a length."""
    return f"{AXES[part.axis]} = {part.number * step:g}{f' {unit}' if unit else ''}"


def _height(shape: tuple[int, ...]) -> float:
    """Inches of a row of panels, of which each is 5 wide with its colour bar."""
    rows, columns = shape
    return 3.7 * rows / columns + 0.9


class _Slice(NamedTuple):
    """A picture of a lattice: its nodes, the names of its axes, and what the slice is across."""

    nodes: tuple[int | slice, ...]
    axes: tuple[str, str]
    axis: str = ""
    number: int = 0

    @property
    def title(self) -> str:
        """For example ", plane 3"."""
        return f", {self.axis} {self.number}" if self.axis else ""

    @classmethod
    def of(cls, name: str, number: int) -> "_Slice":
        """One plane, row or column of a lattice of three axes."""
        names = tuple(AXES)
        cut: list[int | slice] = [slice(None)] * 3
        cut[names.index(name)] = number
        first, second = (other for other in names if other != name)
        return cls(tuple(cut), (first, second), name, number)


def chosen_slices(lattice: Sequence[int], chosen: Slices) -> list[tuple[str, int]]:
    """The axis and the number of each slice.

    Raises:
        PhysicsError: a slice that the lattice doesn't have, none, or too many for one picture.
    """
    if not isinstance(chosen, Mapping):
        raise PhysicsError(f"slices are numbers by name, {{'plane': [3, 4]}}, not {chosen!r:.60}")
    if len(lattice) == PLANE:
        raise PhysicsError(
            "slices are of volumes, and this lattice has two dimensions; leave out the slices"
        )
    sides = dict(zip(AXES, lattice, strict=True))
    found = []
    for name, numbers in chosen.items():
        if name not in sides:
            raise PhysicsError(f"slices are of {', '.join(AXES)}, not of {name!r:.60}")
        several = numbers if isinstance(numbers, Sequence | np.ndarray) else [numbers]
        for each in several:
            number = each.item() if isinstance(each, np.integer) else each
            if type(number) is not int or not 0 <= number < sides[name]:
                raise PhysicsError(
                    f"there is no {name} {number!r:.60}; the lattice has {name}s 0 to "
                    f"{sides[name] - 1}"
                )
            found.append((name, number))
    if not found:
        raise PhysicsError("slices hold no number; give one, such as {'plane': 3}, or leave it out")
    shapes = ([side for axis, side in sides.items() if axis != name] for name, _ in found)
    height = sum(min(_height((rows, columns)), TALLEST) for rows, columns in shapes)
    if height > MOST_INCHES:
        raise PhysicsError(
            f"{len(found)} slices make a picture of {height:.0f} inches, and at most "
            f"{MOST_INCHES:.0f} can be drawn; give fewer slices"
        )
    return found


def check_unit(unit: Any) -> None:
    """Raise a PhysicsError for a unit that is no text, or a text that can't be drawn."""
    if unit is None:
        return
    if not isinstance(unit, str):
        raise PhysicsError(f"the unit is a text, such as 'µm', not {unit!r:.60}")
    if len(unit) > LONGEST_UNIT or not unit.isprintable():
        raise PhysicsError(
            f"a unit has at most {LONGEST_UNIT} characters that can be printed, not {unit!r:.60}"
        )
    if fault := text_fault(unit):
        raise PhysicsError(f"the unit {unit!r:.60} {fault}")


def _slices(field: NDArray, sources: Mapping[str, NDArray], chosen: Slices | None) -> list[_Slice]:
    """In two dimensions the field; in three the chosen slices, by default three."""
    if chosen:
        return [_Slice.of(*one) for one in chosen_slices(field.shape, chosen)]
    if field.ndim == PLANE:
        return [_Slice((slice(None),) * 2, ("row", "column"))]
    node = _lowest_inside(field) if not _drawn(sources) else None
    node = node or _source_beside(_steepest(field), sources)
    return [_Slice.of(*one) for one in zip(AXES, node, strict=True)]


def _steepest(field: NDArray) -> list[int]:
    """The node where the |gradient| of a field is largest, next to the middle of all such nodes."""
    along = [k for k, side in enumerate(field.shape) if side > 1]
    gradients = np.gradient(field.astype(np.float64), axis=along) if along else np.zeros(1)
    size = np.sum(np.square(np.reshape(gradients, (-1, *field.shape))), axis=0) if along else field
    return _middle(size >= size.max() * (1 - ALIKE))


def _lowest_inside(field: NDArray) -> list[int] | None:
    """The node with the lowest value; None if that is at a side."""
    node = _middle(field <= field.min() + ALIKE * np.ptp(field))
    inside = all(0 < k < side - 1 for k, side in zip(node, field.shape, strict=True))
    return node if inside else None


def _middle(chosen: NDArray[np.bool_]) -> list[int]:
    """Of the chosen nodes, the one next to their middle."""
    nodes = np.argwhere(chosen)
    nearest = np.square(nodes - nodes.mean(axis=0)).sum(axis=1).argmin()
    return [int(number) for number in nodes[nearest]]


def _drawn(sources: Mapping[str, NDArray]) -> list[NDArray]:
    """The arrays of fixed values and production that hold any."""
    arrays = [values for symbol, values in sources.items() if symbol in "usx"]
    return [values for values in arrays if np.isfinite(values).any()]


def _source_beside(node: list[int], sources: Mapping[str, NDArray]) -> list[int]:
    """The node or a neighbour, the first that is a source: fields are steepest just outside one."""
    drawn = _drawn(sources)
    steps = np.vstack([np.zeros(3, int), np.eye(3, dtype=int), -np.eye(3, dtype=int)])
    for place in (steps + node).tolist():
        for values in drawn:
            inside = all(0 <= k < side for k, side in zip(place, values.shape, strict=True))
            if inside and np.isfinite(values[tuple(place)]):
                return place
    return node
