"""Figures of a surrogate's errors, next to the baselines' errors."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from diffkeras.config import Config
from diffkeras.evaluation.error_time import Point, error_time_figure
from diffkeras.evaluation.images import TestImages
from diffkeras.evaluation.measurement import ALL, TRUE, Measurement
from diffkeras.evaluation.methods import EXACT, SURROGATE, ZERO_FIELD, Method, Subject
from diffkeras.reporting.figures import (
    ROUNDING,
    Case,
    case_figure,
    legend_above,
    log_ticks,
    new_axis,
    tissue_figure,
)
from diffkeras.reporting.style import BLUE, GREY, ORANGE, WIDTH, new_figure

LENGTH_BINS = 10
DISTINCT = 0.01  # relative difference up to which two curves are one
# method → colour and marker; related ones have shades of one colour
STYLES = {
    SURROGATE: (BLUE, "o"),
    "superposition": (ORANGE, "s"),
    "1 number per disc": ("#d98bc0", "<"),
    "3 numbers per disc": ("#b4539f", "v"),
    "mean medium": ("#8a5a2b", "s"),
    EXACT: ("#111111", "*"),
    ZERO_FIELD: (GREY, "D"),
}
OTHERS = ("#2f8f5b", "#8f2f2f", "#6a5acd", "#00798c", "#a0522d")  # of models compared with it

# names of all figures, some of which an evaluation leaves out
FIGURES = (
    *("error_per_count", "error_per_length", "distribution", "spectrum", "cost", "training"),
    *("worst_cases", "median_cases", "examples", "media"),
)

Chosen = tuple[Any, ...]  # MAE, source count and number of an image
Styles = Mapping[str, tuple[str, str]]  # of methods; the first is what is evaluated


def draw_figures(measured: Measurement, subject: Subject, images: TestImages) -> dict[str, Figure]:
    """All figures of an evaluation, by name; the training is drawn for runs alone."""
    config, styles = images.config, {subject.name: STYLES[SURROGATE]}
    for other, color in zip(subject.compared, itertools.cycle(OTHERS)):
        styles[other.name] = color, "P"
    styles |= {name: style for name, style in STYLES.items() if name not in styles}
    copies = {method.name for method in measured.methods if method.copy_of}  # equal but on sources
    errors = measured.errors[~measured.errors["method"].isin(copies)]
    spectra = {name: each for name, each in measured.spectra().items() if name not in copies}
    pictures: dict[str, Any] = {
        "error_per_count": error_per_count_figure(errors, styles),
        "distribution": distribution_figure(errors, styles),
        "spectrum": spectrum_figure(spectra, styles),
        **draw_cases(measured.errors, subject.models, images),
    }
    metrics = measured.metrics()
    if any(of[ALL]["milliseconds"] for name, of in metrics.items() if name != ZERO_FIELD):
        pictures["cost"] = cost_figure(metrics, subject)
    if config.data.diffusion_length:
        step = config.physics.step
        pictures["error_per_length"] = error_per_length_figure(errors, step, styles)
    if subject.run and (history := subject.run.history()):
        pictures["training"] = training_figure(history, subject.run.state().get("best_epoch"))
    return pictures


def cost_figure(metrics: Mapping[str, Any], subject: Subject) -> Figure:
    """Lattice MAE of each method over all images, against its time per image.

    The error of a field of zeros, which takes no time, is a line.
    """
    learned = {method.name for method in subject.all_methods}
    points = [
        Point(name, of[ALL]["milliseconds"], of[ALL]["mae"], name in learned)
        for name, of in metrics.items()
        if of[ALL]["milliseconds"] and name != ZERO_FIELD
    ]
    figure = error_time_figure({"": points}, "lattice MAE")
    if ZERO_FIELD in metrics:
        (axis,), error = figure.axes, metrics[ZERO_FIELD][ALL]["mae"]
        axis.axhline(error, color=GREY, linestyle=":", zorder=1)
        across = axis.get_yaxis_transform()
        axis.text(0.01, 1.1 * error, ZERO_FIELD, color=GREY, transform=across)
    return figure


def _style(name: str, styles: Styles, *, marked: bool = True) -> dict[str, Any]:
    color, marker = styles[name]
    width = 2.4 if name == next(iter(styles)) else 1.3
    style = {"marker": marker} if marked else {}
    return {**style, "color": color, "linewidth": width, "label": name}


def _log_axes(xlabel: str, ylabel: str = "lattice MAE") -> tuple[Figure, Axes]:
    return new_axis(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)


def _drawable(values: Any) -> NDArray[np.float64]:
    """Errors, and NaN for those that are rounding, which is not to be drawn."""
    array = np.asarray(values, float)
    return np.where(array > ROUNDING, array, np.nan)


def _draw_curve(axis: Axes, places: Any, values: Any, **style: Any) -> None:
    """Draw a curve, unless all of it is rounding."""
    drawn = _drawable(values)
    if np.isfinite(drawn).any():
        axis.plot(places, drawn, **style)


def error_per_count_figure(errors: pd.DataFrame, styles: Styles = STYLES) -> Figure:
    """Error of each method against the number of sources, on a logarithmic scale."""
    figure, axis = new_axis(yscale="log", xlabel="number of sources", ylabel="lattice MAE")
    for name, own in errors.groupby("method", sort=False):
        means = own.groupby("sources")["mae"].mean()
        _draw_curve(axis, means.index, means, **_style(str(name), styles))
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return legend_above(figure)


def error_per_length_figure(errors: pd.DataFrame, step: float, styles: Styles = STYLES) -> Figure:
    """Mean error of each method in bins of diffusion length; dots are images of the surrogate."""
    figure, axis = _log_axes("diffusion length [lattice steps]")
    every = errors["diffusion_length"] / step
    edges = np.geomspace(every.min(), every.max(), LENGTH_BINS + 1)
    middles = np.sqrt(edges[1:] * edges[:-1])
    for name, own in errors.groupby("method", sort=False):
        lengths = own["diffusion_length"] / step
        if name == next(iter(styles)):
            axis.plot(lengths, _drawable(own["mae"]), ".", color=BLUE, alpha=0.2, markersize=3)
        bins = np.searchsorted(edges[1:-1], lengths, side="right")
        means = own["mae"].groupby(bins).mean().reindex(range(LENGTH_BINS))
        _draw_curve(axis, middles, means, **_style(str(name), styles))
    log_ticks(axis, "x")
    return legend_above(figure)


def distribution_figure(errors: pd.DataFrame, styles: Styles = STYLES) -> Figure:
    """Share of the images whose error is at least x, for each method."""
    figure, axis = _log_axes("lattice MAE of an image, x", "share of test images with error ≥ x")
    for name, own in errors.groupby("method", sort=False):
        ordered = np.sort(own["mae"])
        share = np.where(ordered > ROUNDING, 1 - np.arange(ordered.size) / ordered.size, np.nan)
        style = _style(str(name), styles, marked=False)
        _draw_curve(axis, ordered, share, drawstyle="steps-post", **style)
    return legend_above(figure)


def spectrum_figure(spectra: Mapping[str, NDArray[np.float64]], styles: Styles = STYLES) -> Figure:
    """The radial spectrum of the true fields, and of the errors of each method.

    Errors of the level of rounding are not drawn.
    """
    figure, axis = _log_axes("wavenumber [periods a side]", "root of the spectrum")
    for name, spectrum in spectra.items():
        style: dict[str, Any] = {"color": "0.1", "linestyle": "--", "label": name, "zorder": 3}
        if name != TRUE:
            style = _style(name, styles, marked=False)
        _draw_curve(axis, np.arange(1, len(spectrum)), np.sqrt(spectrum[1:]), **style)
    return legend_above(figure)


def training_figure(history: Sequence[Mapping[str, float]], best_epoch: int | None) -> Figure:
    """Loss and lattice MAE after each epoch, on training and on validation examples.

    Where the loss is the lattice MAE, it is drawn once. Two losses that alternate by epochs have
    one curve each.
    """
    table = pd.DataFrame(history)
    curves = {"loss": "loss", "mae": "lattice MAE"}
    pairs = [(table[f"{of}loss"], table[f"{of}mae"]) for of in ("", "val_") if f"{of}loss" in table]
    if all(np.allclose(loss, mae, rtol=DISTINCT, atol=0) for loss, mae in pairs):
        curves = {"mae": "lattice MAE, which is the loss"}
    active = table.get("active_loss", pd.Series(0, table.index))
    figure = new_figure(WIDTH, 2.8 * len(curves))
    grid = figure.subplots(len(curves), squeeze=False)
    for axis, (name, title) in zip(grid.flat, curves.items(), strict=True):
        alternating = name == "loss" and active.any()
        parts = {1: ", first loss", 2: ", second loss"} if alternating else {0: ""}
        for (key, label, color), (number, part) in itertools.product(
            ((name, "training", ORANGE), (f"val_{name}", "validation", BLUE)), parts.items()
        ):
            own = table[active == number] if alternating else table
            if key in own and len(own):
                style = {"color": color, "markersize": 3, "label": f"{label}{part}"}
                axis.plot(own["epoch"], own[key], "s:" if number == 2 else "o-", **style)
        axis.set(xlabel="epoch", title=title)
        if all(line.get_ydata().min() > 0 for line in axis.lines):
            axis.set_yscale("log")
        if best_epoch:
            axis.axvline(best_epoch, color=GREY, linestyle=":", label="best epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axis.grid(alpha=0.3)
    return legend_above(figure)


def draw_cases(
    errors: pd.DataFrame, methods: Sequence[Method], images: TestImages
) -> dict[str, Figure]:
    """All pictures of single test images: name → figure.

    The first method chooses the images. Pictures of several methods have a row for each. `errors`
    come from `Measurement`, or from `examples.csv`.
    """
    config = images.config
    maes = errors.set_index(["method", "sources", "example"])["mae"]

    def case(chosen: Chosen, method: Method) -> Case:
        _, count, number = chosen
        mae, batch = maes[method.name, count, number], images.image(count, number)
        medium = "" if batch.lengths is None else f"\nℓ = {batch.lengths[0]:.3g}"
        title = f"n = {count}, example {number}{medium}\nlattice MAE {mae:.2g}"
        if len(methods) > 1:
            title = f"{method.name}\n{title}"
        return title, batch.images[0], batch.fields[0], method.compute(batch).fields[0]

    figures = {
        name: case_figure([case(chosen, method) for chosen in those for method in methods])
        for name, those in _choose(errors, methods[0].name, config).items()
    }
    if config.data.maps:
        [problem] = images.image(_shown_counts(config)[-1], 0).problems
        figures["media"] = tissue_figure({"": problem})
    return figures


def _choose(errors: pd.DataFrame, method: str, config: Config) -> dict[str, list[Chosen]]:
    """The images with the largest and with median errors, and the first ones of some counts."""
    own = errors[errors["method"] == method][["mae", "sources", "example"]]
    ordered = own.sort_values(["mae", "sources", "example"])
    cases = config.evaluation.cases
    middle = max(0, (len(ordered) - cases) // 2)
    first = own[own["sources"].isin(_shown_counts(config)) & (own["example"] == 0)]
    tables = {
        "worst_cases": ordered[::-1][:cases],
        "median_cases": ordered[middle:][:cases],
        "examples": first,
    }
    return {name: list(table.itertuples(index=False)) for name, table in tables.items()}


def _shown_counts(config: Config) -> tuple[int, ...]:
    counts = config.data.sources
    some = {counts[0], counts[len(counts) // 2], counts[-1]}
    return config.evaluation.pictures or tuple(sorted(some))
