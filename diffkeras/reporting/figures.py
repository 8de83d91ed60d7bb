"""Figures of fields and of their errors. Each function returns a matplotlib figure.

They don't use pyplot, so drawing keeps no global state and needs no display.
"""

import io
from collections.abc import Sequence
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from diffkeras.physics import Example, MichaelisMenten, Problem
from diffkeras.physics.problem.sides import sides_in_words

Case = tuple[str, NDArray, NDArray, NDArray]  # title, source image, field, prediction

ROUNDING = 1e-7  # smaller errors are rounding in single precision, and are not drawn
WIDE, FAR = 3.0, 50.0  # factors between values above which an axis is logarithmic, and in decades
POINTS = 512  # along a side, of which outlines are drawn
STYLE: Any = {
    "font.size": 12,  # at the width of a page, 10 inches shrink to 7.5: 9 pt
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "legend.frameon": False,
}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure [inches] in the project's style."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_axis(width: float = 6.5, height: float = 4.0, **settings: Any) -> tuple[Figure, Axes]:
    """A figure [inches] of one pair of axes with a grid, with labels and scales for `Axes.set`."""
    figure = new_figure(width, height)
    axis = figure.subplots()
    axis.set(**settings)
    axis.grid(alpha=0.3)
    return figure, axis


# without dates, so that the same figure is the same file
METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": "diffkeras"},
    "pdf": {"Creator": "diffkeras", "CreationDate": None},
    "svg": {"Creator": "diffkeras", "Date": None},
}


def to_png(figure: Figure, dpi: int = 120) -> bytes:
    """The figure as a PNG image."""
    return to_image(figure, "png", dpi)


def to_image(figure: Figure, kind: str, dpi: int = 120) -> bytes:
    """The figure as a file of a kind in `METADATA`."""
    buffer = io.BytesIO()
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "diffkeras"}):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=METADATA[kind])
    return buffer.getvalue()


def case_figure(cases: Sequence[Case]) -> Figure:
    """Sources, true field, prediction and error of examples, one row per example."""
    figure = new_figure(10, 2.8 * len(cases))
    grid = figure.subplots(len(cases), 4, squeeze=False)
    for axes, (title, image, truth, prediction) in zip(grid, cases, strict=True):
        error = prediction - truth
        span = float(np.abs(error).max()) or 1e-12
        # values of sources that produce are usually far above the field
        strongest, highest = (float(values.max()) or 1.0 for values in (image, truth))
        panels = (
            (np.where(image > 0, image, np.nan), "sources", "viridis", 0.0, strongest, "neither"),
            (truth, "true field", "viridis", 0.0, highest, "neither"),
            (prediction, "prediction", "viridis", 0.0, highest, "both"),
            (error, "prediction − truth", "RdBu_r", -span, span, "neither"),
        )
        for axis, (values, name, colors, low, high, extend) in zip(axes, panels, strict=True):
            picture = axis.imshow(values, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
            axis.set(title=name, xticks=[0, values.shape[1] - 1], yticks=[0, values.shape[0] - 1])
            axis.set_facecolor("#f2f2f2")
            figure.colorbar(
                picture, ax=axis, location="bottom", extend=extend, ticks=MaxNLocator(2), aspect=14
            )
        axes[0].set_ylabel(title)
    return figure


def tissue_figure(examples: Sequence[tuple[str, Example]]) -> Figure:
    """The maps and the field of examples of tissues, one row per example, with its title."""
    rows = []
    for title, example in examples:
        panels = tissue_panels(example.problem)
        rows.append((title, example, [*panels, ("field u", example.field)]))
    columns = len(rows[0][2])
    figure = new_figure(3.3 * columns, 2.5 * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, (title, example, panels) in zip(grid, rows, strict=True):
        for axis, (name, values) in zip(axes, panels, strict=True):
            picture = axis.imshow(values, cmap="viridis", interpolation="nearest")
            outline(axis, example.source_image > 0)
            axis.set(title=name, xticks=[], yticks=[])
            figure.colorbar(picture, ax=axis, fraction=0.046)
        axes[0].set_ylabel(title)
    sides = {sides_in_words(example.problem.medium.sides) for _, example, _ in rows}
    if len(sides) == 1:
        figure.supxlabel(f"sides: {sides.pop()}", fontsize=10)
    return figure


def family_figure(names: Sequence[str], examples: Sequence[Example]) -> Figure:
    """Fields of examples of a family in one colour scale, each with its parameters."""
    across = min(3, len(examples))
    down = -(-len(examples) // across)
    figure = new_figure(3.4 * across + 1, (2.9 + 0.19 * len(names)) * down)
    grid = figure.subplots(down, across, squeeze=False)
    largest = max(float(example.field.max()) for example in examples)
    least = min(0.0, *(float(example.field.min()) for example in examples))
    for axis in grid.flat[len(examples) :]:
        axis.set_axis_off()
    for axis, example in zip(grid.flat, examples, strict=False):
        picture = axis.imshow(example.field, cmap="viridis", vmin=least, vmax=largest)
        if example.problem.fixed.any():
            outline(axis, example.problem.fixed)
        axis.set(xticks=[], yticks=[])
        assert example.parameters is not None
        numbers = zip(names, example.parameters, strict=True)
        axis.set_xlabel("\n".join(f"{name} {value:.3g}" for name, value in numbers), fontsize=9)
    figure.colorbar(picture, ax=grid, fraction=0.02, label="field u")
    return figure


def draws_figure(names: Sequence[str], points: NDArray) -> Figure:
    """Where points (n, p) lie: each parameter against the next one."""
    pairs = [(k, (k + 1) % len(names)) for k in range(len(names) - (len(names) < 3))]
    pairs = pairs or [(0, 0)]
    across = min(3, len(pairs))
    down = -(-len(pairs) // across)
    figure = new_figure(3.3 * across, 3.1 * down)
    grid = figure.subplots(down, across, squeeze=False)
    for axis in grid.flat[len(pairs) :]:
        axis.set_axis_off()
    for axis, pair in zip(grid.flat, pairs, strict=False):
        axis.plot(points[:, pair[0]], points[:, pair[1]], ".", color="#0b6e99", markersize=3)
        parameter_axis(axis, "x", names[pair[0]], points[:, pair[0]])
        parameter_axis(axis, "y", names[pair[1]], points[:, pair[1]])
        axis.grid(alpha=0.3)
    return figure


def parameter_axis(axes: Axes, along: Literal["x", "y"], name: str, values: NDArray) -> None:
    """Make one of two axes that of a parameter: logarithmic if its values span a wide range."""
    axis = {"x": axes.xaxis, "y": axes.yaxis}[along]
    axis.set_label_text(name)
    if not (values.min() > 0 and values.max() > WIDE * values.min()):
        axis.set_major_locator(MaxNLocator(4))
        return
    {"x": axes.set_xscale, "y": axes.set_yscale}[along]("log")
    # 1, 2 and 5 of up to a decade and a half, or only powers of ten
    few = values.max() > FAR * values.min()
    axis.set_major_locator(LogLocator(subs=(1.0,) if few else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def tissue_panels(problem: Problem) -> list[tuple[str, NDArray]]:
    """Titles and maps of a tissue: diffusivity, decay or saturating uptake, and any production."""
    medium, uptake, production = problem.medium, problem.uptake, problem.production
    panels: dict[str, Any] = {"diffusivity D": medium.diffusivities[0]}
    if isinstance(uptake, MichaelisMenten):
        panels[f"maximum uptake v (K = {np.max(uptake.constant):.3g})"] = uptake.maximum
    else:
        panels["decay γ"] = medium.decay
    if production is not None:
        panels["secretion s"] = production
    return [(k, np.broadcast_to(values, problem.lattice)) for k, values in panels.items()]


def outline(axis: Axes, nodes: NDArray[np.bool_]) -> None:
    """Draw the edges of nodes in white; `nodes` (rows, columns) are pixels of an image."""
    finer = max(1, POINTS // max(nodes.shape))  # points a pixel, so that contours follow the pixels
    fine = np.kron(nodes, np.ones((finer, finer)))
    y, x = ((np.arange(side) + 0.5) / finer - 0.5 for side in fine.shape)
    axis.contour(x, y, fine, levels=[0.5], colors="white", linewidths=0.5)


def write_out_numbers(axis: Axes) -> None:
    """Have 5 and 20 on a logarithmic x axis in place of 5×10⁰ and 2×10¹."""
    axis.xaxis.set_major_formatter(LogFormatter(minor_thresholds=(1.5, 1)))
    axis.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 1)))
