"""Figures of examples, tissues and errors; axes and their ticks."""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from diffkeras.physics import Example, MichaelisMenten, Problem
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.reporting.style import NO_VALUE, WIDTH, new_figure

Case = tuple[str, NDArray, NDArray, NDArray]  # title, source image, field, prediction

ROUNDING = 1e-7  # smaller errors are rounding in single precision, and are not drawn
MOST_DECADES = 7  # of an axis, that are labelled
TICKS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7))  # of each decade, ever closer
POINTS = 512  # along a side, of which outlines are drawn
LETTERS = 30  # of a title, in a line


def new_axis(width: float = WIDTH, height: float = 3.6, **settings: Any) -> tuple[Figure, Axes]:
    """A figure [inches] of one pair of axes with a grid, with labels and scales for `Axes.set`."""
    figure = new_figure(width, height)
    axis = figure.subplots()
    axis.set(**settings)
    axis.grid(alpha=0.3)
    return figure, axis


def legend_above(figure: Figure, columns: int = 2) -> Figure:
    """The figure with one legend of its first panel above all, where it lies over no data."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    look: Any = {"frameon": False, "fontsize": 9.5}  # the style doesn't reach here
    figure.legend(handles, labels, loc="outside upper left", ncols=columns, **look)
    return figure


def case_figure(cases: Sequence[Case]) -> Figure:
    """Sources and true field of examples, and in the row below each prediction with its error.

    Each example has a scale of its own, and the title of an error contains its largest value.
    """
    rows: list[tuple[str, list[tuple[Any, ...]]]] = []
    last: NDArray | None = None
    for title, image, truth, prediction in cases:
        error = prediction - truth
        span = float(np.abs(error).max()) or 1e-12
        # values of sources that produce are usually far above the field
        strongest, highest = (float(values.max()) or 1.0 for values in (image, truth))
        if last is None or not np.array_equal(last, image):
            sources = np.where(image > 0, image, np.nan)
            given = (sources, "sources", "viridis", 0.0, strongest, "neither")
            rows.append(("", [given, (truth, "true field", "viridis", 0.0, highest, "neither")]))
            last = image
        predicted = (prediction, "prediction", "viridis", 0.0, highest, "both")
        wrong = (error, f"error, at most {span:.2g}", "RdBu_r", -span, span, "neither")
        rows.append((title, [predicted, wrong]))
    figure = new_figure(WIDTH, 2.6 * len(rows))
    grid = figure.subplots(len(rows), 2, squeeze=False)
    for axes, (title, panels) in zip(grid, rows, strict=True):
        for axis, (values, name, colors, low, high, extend) in zip(axes, panels, strict=True):
            picture = axis.imshow(values, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
            axis.set(title=name, xticks=[0, values.shape[1] - 1], yticks=[0, values.shape[0] - 1])
            axis.set_facecolor(NO_VALUE)
            figure.colorbar(
                picture, ax=axis, location="bottom", extend=extend, ticks=MaxNLocator(3), aspect=14
            )
        axes[0].set_ylabel(title)
    return figure


def log_ticks(axis: Axes, along: Literal["x", "y"], fewest: int = 3) -> None:
    """Ticks of a logarithmic axis at round values such as 0.05, at least `fewest` of them.

    Call it after everything is drawn: it keeps the limits of the axis.
    """
    low, high = axis.get_xlim() if along == "x" else axis.get_ylim()
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    candidates = [np.outer(decades, places).ravel() for places in TICKS]
    candidates.append(
        np.asarray(MaxNLocator(fewest + 1, steps=[1, 2, 5, 10]).tick_values(low, high))
    )
    for ticks in candidates:
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if ticks.size >= fewest:
            break
    if np.isin(ticks, decades).all():
        ticks = ticks[:: max(1, -(-ticks.size // MOST_DECADES))]
    part = axis.xaxis if along == "x" else axis.yaxis
    part.set_major_locator(FixedLocator(ticks.tolist()))
    part.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    part.set_minor_locator(NullLocator())
    axis.set(**{f"{along}lim": (low, high)})


def outline(axis: Axes, nodes: NDArray[np.bool_]) -> None:
    """Draw the edges of nodes in white; `nodes` (rows, columns) are pixels of an image."""
    finer = max(1, POINTS // max(nodes.shape))  # points a pixel, so that contours follow the pixels
    fine = np.kron(nodes, np.ones((finer, finer)))
    y, x = ((np.arange(side) + 0.5) / finer - 0.5 for side in fine.shape)
    axis.contour(x, y, fine, levels=[0.5], colors="white", linewidths=0.5)


def examples_figure(examples: Mapping[int, list[Example]]) -> Figure:
    """Fields of some examples, one source count a row, with the sources' outlines."""
    fields = [example.field for row in examples.values() for example in row]
    # fields of production that aren't divided by their maximum may be small
    low, high = min(0.0, *map(np.min, fields)), max(map(np.max, fields))
    columns = max(len(row) for row in examples.values())
    figure = new_figure(3.4 * columns + 1, 3.1 * len(examples))
    grid = figure.subplots(len(examples), columns, squeeze=False)
    for axes, (count, row) in zip(grid, examples.items(), strict=True):
        for axis, example in zip(axes, row, strict=True):
            picture = axis.imshow(example.field, cmap="viridis", vmin=low, vmax=high)
            sources = example.problem.fixed | (example.source_image > 0)
            if sources.any():
                outline(axis, sources)
            notes = {"ℓ": example.diffusion_length, "divided by": example.maximum}
            texts = [f"{name} {v:.3g}" for name, v in notes.items() if v is not None]
            axis.set(xticks=[], yticks=[], xlabel=", ".join(texts))
        axes[0].set_ylabel(f"n = {count}")
    figure.colorbar(picture, ax=grid, fraction=0.02, label="field u")
    return figure


def tissue_figure(problems: Mapping[str, Problem], fields: Sequence[NDArray] = ()) -> Figure:
    """The maps of tissues and any fields of them, two maps a row: two tissues beside each other."""
    maps: list[list[tuple[str, NDArray, NDArray]]] = []
    for (title, problem), field in zip_longest(problems.items(), fields):
        panels = tissue_panels(problem) | ({} if field is None else {"field u": field})
        titles = {f"{title}, {name}" if title else name: each for name, each in panels.items()}
        maps.append([(name, values, problem.fixed) for name, values in titles.items()])
    if len(maps) == 2:
        rows = list(zip(*maps, strict=True))
    else:
        rows = [tuple(own[start : start + 2]) for own in maps for start in range(0, len(own), 2)]
    figure = new_figure(WIDTH, 2.3 * len(rows))
    for axes, row in zip(figure.subplots(len(rows), 2, squeeze=False), rows, strict=True):
        for axis, panel in zip_longest(axes, row):
            if panel is None:
                axis.set_axis_off()
                continue
            name, values, fixed = panel
            picture = axis.imshow(values, cmap="viridis", interpolation="nearest")
            if fixed.any():
                outline(axis, fixed)
            axis.set(title=textwrap.fill(name, LETTERS), xticks=[], yticks=[])
            figure.colorbar(picture, ax=axis, fraction=0.046)
    sides = {sides_in_words(problem.medium.sides) for problem in problems.values()}
    if len(sides) == 1:
        figure.supxlabel(textwrap.fill(f"sides: {sides.pop()}", 2 * LETTERS), fontsize=10)
    return figure


def tissue_panels(problem: Problem) -> dict[str, NDArray]:
    """Titles and maps of a tissue: diffusivity, decay or saturating uptake, and any production."""
    medium, uptake, production = problem.medium, problem.uptake, problem.production
    panels: dict[str, Any] = {"diffusivity D": medium.diffusivities[0]}
    if isinstance(uptake, MichaelisMenten):
        panels[f"maximum uptake v (K = {np.max(uptake.constant):.3g})"] = uptake.maximum
    else:
        panels["decay γ"] = medium.decay
    if production is not None:
        panels["secretion s"] = production
    return {k: np.broadcast_to(values, problem.lattice) for k, values in panels.items()}
