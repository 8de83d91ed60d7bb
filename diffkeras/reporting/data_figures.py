"""Pictures of the data of a configuration: examples and tissues."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from diffkeras.physics import Example, MichaelisMenten, Problem
from diffkeras.physics.problem.sides import sides_in_words
from diffkeras.reporting.figures import outline
from diffkeras.reporting.style import new_figure


def examples_figure(examples: Mapping[int, list[Example]]) -> Figure:
    """Fields of some examples, one source count a row, with the sources' outlines."""
    scale = _common_scale([example for row in examples.values() for example in row])
    columns = max(len(row) for row in examples.values())
    figure = new_figure(3.4 * columns + 1, 3.1 * len(examples))
    grid = figure.subplots(len(examples), columns, squeeze=False)
    for axes, (count, row) in zip(grid, examples.items(), strict=True):
        for axis, example in zip(axes, row, strict=True):
            picture = _draw_field(axis, example, scale)
            notes = {"ℓ": example.diffusion_length, "divided by": example.maximum}
            texts = [f"{name} {v:.3g}" for name, v in notes.items() if v is not None]
            axis.set_xlabel(", ".join(texts))
        axes[0].set_ylabel(f"n = {count}")
    figure.colorbar(picture, ax=grid, fraction=0.02, label="field u")
    return figure


def tissue_figure(problems: Mapping[str, Problem], fields: Sequence[NDArray] = ()) -> Figure:
    """The maps of tissues and any fields of them, one row per title and problem."""
    rows = [tissue_panels(problem) for problem in problems.values()]
    for panels, field in zip(rows, fields, strict=False):
        panels["field u"] = field
    columns = len(rows[0])
    figure = new_figure(3.3 * columns, 2.5 * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes, (title, problem), panels in zip(grid, problems.items(), rows, strict=True):
        for axis, (name, values) in zip(axes, panels.items(), strict=True):
            picture = axis.imshow(values, cmap="viridis", interpolation="nearest")
            if problem.fixed.any():
                outline(axis, problem.fixed)
            axis.set(title=name, xticks=[], yticks=[])
            figure.colorbar(picture, ax=axis, fraction=0.046)
        axes[0].set_ylabel(title)
    sides = {sides_in_words(problem.medium.sides) for problem in problems.values()}
    if len(sides) == 1:
        figure.supxlabel(f"sides: {sides.pop()}", fontsize=10)
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


def _common_scale(examples: Sequence[Example]) -> tuple[float, float]:
    """The ends of a colour scale for the fields of all examples."""
    # fields of production that aren't divided by their maximum may be small
    largest = max(float(example.field.max()) for example in examples)
    return min(0.0, *(float(example.field.min()) for example in examples)), largest


def _draw_field(axis: Axes, example: Example, scale: tuple[float, float]) -> AxesImage:
    """A field with the outlines of its sources."""
    picture = axis.imshow(example.field, cmap="viridis", vmin=scale[0], vmax=scale[1])
    sources = example.problem.fixed | (example.source_image > 0)
    if sources.any():
        outline(axis, sources)
    axis.set(xticks=[], yticks=[])
    return picture
