"""The site's pictures that need no trained runs: of solver, shipped surrogates and results."""

import re
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

import diffkeras as dk
from benchmarks.arbiter.__main__ import draw as arbiter_figure
from benchmarks.arbiter.__main__ import steady_fields
from benchmarks.architectures import CURVES, ERROR
from benchmarks.solver_scaling import exponent, varies
from diffkeras.physics import ExampleRecipe, production_of
from diffkeras.reporting import figures
from diffkeras.reporting.figures import legend_above, log_ticks, new_axis
from diffkeras.reporting.style import NO_VALUE, WIDTH, new_figure, series_style
from docs.pictures import scoreboard
from paper.figures import FIGURES
from paper.figures import draw as draw_finding

DOCS = Path(__file__).parents[1]
RESULTS = DOCS.parent / "benchmarks" / "results"
# of docs/data.md
SIDES = {"top": {"value": 0.8}, "bottom": {"flux": 0.01}, "left": "periodic", "right": "periodic"}


def boundaries_figure() -> Figure:
    """One problem under each boundary."""
    sources = dk.sample_sources(4, (64, 96), rng=np.random.default_rng(5))
    figure = new_figure(WIDTH, 4.6)
    for axis, boundary in zip(
        figure.subplots(2, 2).ravel(),
        ("absorbing", "reflecting", "periodic", ("periodic", "absorbing")),
        strict=True,
    ):
        field = dk.solve(sources.image((64, 96)), boundary=boundary).field
        picture = axis.imshow(field, vmin=0, vmax=1, interpolation="nearest")
        title = boundary if isinstance(boundary, str) else "rows {},\ncolumns {}".format(*boundary)
        axis.set(title=title, xlabel="column", ylabel="row")
        axis.set(xticks=[0, 50, 95], yticks=[0, 30, 63])
    figure.colorbar(picture, ax=figure.axes, location="bottom", aspect=40, label="u")
    return figure


def tissues_figure(changes: Mapping[str, Any] | None = None) -> Figure:
    """Two examples of the configuration `tissue`, or of a changed one."""
    config = dk.load_config("tissue", changes)
    recipes = {n: config.recipe(n) for n in (2, 5)}
    examples = {f"n = {n}": recipe.example("train", 0) for n, recipe in recipes.items()}
    problems = {title: example.problem for title, example in examples.items()}
    return figures.tissue_figure(problems, [example.field for example in examples.values()])


def oxygen_figure() -> Figure:
    """The field of the example with oxygen in docs/physics.md, on its finest lattice."""
    page = (DOCS / "physics.md").read_text(encoding="utf-8")
    example = next(
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "oxygen" in block
    )
    names: dict[str, Any] = {}
    exec(example.partition("\n\n\nfor ")[0], names)  # without the loop that prints
    figure = new_figure(WIDTH, 4.4)
    axis = figure.subplots()
    picture = axis.imshow(names["oxygen"](1.25), extent=(0, 1000, 1000, 0), vmin=0, vmax=40)
    axis.set(xlabel="x [µm]", ylabel="y [µm]")
    figure.colorbar(picture, ax=axis, label="partial pressure [mmHg]")
    return figure


def readme_figure() -> Figure:
    """What the first example of README plots."""
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    example = next(re.finditer(r"```python\n(.*?)```", readme, re.DOTALL))[1]
    names: dict[str, Any] = {}
    exec(example.partition("\nprint(")[0], names)
    figure = names["tissue"].plot(unit="µm", field_unit="µM")
    figure.set_size_inches(WIDTH, 4.9)
    for text in figure.texts:
        text.set_text(textwrap.fill(text.get_text(), 70))
    return figure


def both_readings(image: NDArray, medium: dk.Medium) -> tuple[NDArray, NDArray]:
    """The field with fixed values, and the field of production divided by its maximum."""
    production = dk.solve(production=production_of(image, medium), medium=medium).field
    return dk.solve(image, medium=medium).field, production / production.max()


def reading_profiles() -> Figure:
    """One disc under both readings of the paper: the field along a line through its centre."""
    medium, radius = dk.Medium(), 5
    disc = dk.Sources.from_lists([256], [256], [radius], [1.0]).image((512, 512))
    fixed, production = both_readings(disc, medium)
    distance = np.arange(-100, 101)
    figure = new_figure(WIDTH, 5.4)
    panels = figure.subplots(2, sharex=True)
    for axis, scale in zip(panels, ("linear", "log"), strict=True):
        axis.axvspan(-radius, radius, color="#e8e8e8", label="disc")
        axis.plot(distance, production[256, distance + 256], "-", label="production")
        axis.plot(distance, fixed[256, distance + 256], "--", label="fixed value")
        axis.set(ylabel="u", yscale=scale)
        axis.grid(alpha=0.3)
    axis.set_xlabel("distance from the centre [lattice steps]")
    return legend_above(figure, 3)


def reading_fields() -> Figure:
    """Twenty discs of the paper's size under both readings, and the difference."""
    medium, lattice = dk.Medium(), (512, 512)
    image = ExampleRecipe(20, lattice, medium).sources("test", 0).image(lattice)
    fixed, production = both_readings(image, medium)
    span = float(abs(fixed - production).max())
    panels = (
        ("fixed values", fixed, "viridis", 0.0, 1.0),
        ("production", production, "viridis", 0.0, 1.0),
        ("fixed values − production", fixed - production, "RdBu_r", -span, span),
    )
    figure = new_figure(WIDTH, 5.6)
    *axes, last = figure.subplots(2, 2).ravel()
    last.set_axis_off()
    for axis, (title, field, colors, low, high) in zip(axes, panels, strict=True):
        picture = axis.imshow(field, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
        axis.set(title=title, xticks=[0, 511], yticks=[0, 511])
        figure.colorbar(picture, ax=axis, location="bottom", aspect=14)
    return figure


def bounds_figure() -> Figure:
    """Bounds of a prediction of the shipped surrogate `tissue`, against true errors."""
    surrogate = dk.load_surrogate("tissue")
    example = surrogate.config.recipe(5).example("test", 0)
    prediction, truth = surrogate.predict(example.problem), dk.solve(example.problem).field
    certificate = prediction.certificate
    figure = new_figure(WIDTH, 6.6)
    grid = figure.add_gridspec(2, 2, height_ratios=(2.4, 3.6))
    maps = [figure.add_subplot(grid[0, place]) for place in range(2)]
    scatter = figure.add_subplot(grid[1, :])
    corrected = certificate.corrected
    shown = (
        ("prediction", abs(prediction.field - truth), certificate.node_bound),
        ("corrected field", abs(corrected.field - truth), corrected.node_bound),
    )
    low, high = 1e-8, 1e-3
    sizes = [40, 3]  # of dots, so that the second ones don't hide the first
    for axis, (name, error, bound) in zip(maps, shown, strict=True):
        drawn = np.where(bound > 0, bound, np.nan)
        limits = {"vmin": low, "vmax": high}
        picture = axis.imshow(drawn, norm="log", interpolation="nearest", **limits)
        last_row, last_column = (side - 1 for side in truth.shape)
        axis.set(xlabel="column", ylabel="row", xticks=[0, last_column], yticks=[0, last_row])
        axis.set(title=f"{name}: bound", facecolor=NO_VALUE)
        scatter.scatter(error[bound > 0], bound[bound > 0], sizes.pop(0), label=name)
    figure.colorbar(picture, ax=maps, location="bottom", aspect=40, extend="both")
    scatter.axline((1, 1), slope=1, color="0.4", linewidth=1, zorder=0)
    scatter.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    scatter.set(title="each node", xlabel="true error", ylabel="proven bound")
    scatter.grid(alpha=0.3)
    scatter.legend(loc="lower right")
    return figure


def scaling_figure() -> Figure:
    """Time of a solve against discs and lattice, from the table of `benchmarks.solver_scaling`."""
    table = pd.read_csv(RESULTS / "solver_scaling.csv")
    figure = new_figure(WIDTH, 6.0)
    panels = figure.subplots(2)
    for index, (series, rows) in enumerate(table.groupby("series", sort=False)):
        points, seconds = [*zip(rows["side"], rows["discs"], strict=True)], [*rows["time [s]"]]
        panels[1 - varies(points)].loglog(
            [point[varies(points)] for point in points],
            seconds,
            label=f"{series}: exponent {exponent(points, seconds):.2f}",
            **series_style(index),
        )
    panels[0].set(xlabel="discs n")
    panels[1].set(xlabel="nodes per side N")
    figure.supylabel("time of solve [s], one thread", fontsize=10)
    sides = sorted({*table["side"]})
    panels[1].set_xticks(sides, [str(side) for side in sides])
    panels[1].minorticks_off()
    for panel in panels:
        panel.grid(alpha=0.3)
        panel.legend(frameon=False)
    return figure


def learning_curves_figure() -> Figure:
    """Errors against numbers of examples, from the table of `benchmarks.architectures`."""
    figure, axis = new_axis(height=4.2)
    table = pd.read_csv(RESULTS / "learning_curves.csv")
    for index, (name, *errors) in enumerate(table.itertuples(index=False)):
        axis.plot(CURVES, errors[: len(CURVES)], label=name, **series_style(index))
    axis.set(xlabel="training examples", ylabel=ERROR, xscale="log", yscale="log")
    log_ticks(axis, "x")
    return legend_above(figure)


# what is drawn without a trained run, by the name of its file in docs/images
PICTURES: dict[str, Callable[[], Figure]] = {
    "arbiter": lambda: arbiter_figure(steady_fields()),
    "boundaries": boundaries_figure,
    "bounds": bounds_figure,
    "learning_curves": learning_curves_figure,
    "oxygen": oxygen_figure,
    "reading_fields": reading_fields,
    "reading_profiles": reading_profiles,
    "scoreboard": lambda: scoreboard.chart(scoreboard.read()["problems"]),
    "sides": partial(tissues_figure, {"physics.boundary": SIDES}),
    "solver_scaling": scaling_figure,
    "tissue": readme_figure,
    "tissues": tissues_figure,
    **{f"paper/{name}": partial(draw_finding, name) for name in FIGURES},
}
