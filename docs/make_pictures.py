"""Draw the pictures of the documentation, and write its table of the quickstart's results.

    make quickstart
    make pictures

The run is saved_models/quickstart, or the argument of this script; the one next to it, with
corrections, is quickstart_corrected. The script writes docs/images/*.png, with those for phones
beside them (*_phone.png), and tables in docs/results, also that of quickstart_production if that
run is there.
"""

import docs.quiet_tensorflow  # noqa: F401

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

import diffkeras as dk
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.figures import draw_cases, error_per_count_figure
from diffkeras.evaluation.methods import SET, of_surrogate
from diffkeras.physics import ExampleRecipe, production_of
from diffkeras.reporting import data_figures, figures
from diffkeras.reporting.style import NO_VALUE, new_figure
from diffkeras.surrogates.run_directory import Run
from docs.phone_figures import write_pictures

DOCS = Path(__file__).parent
COLUMNS = {**ERRORS, "relative_l2": "relative L2", "milliseconds": "ms per image"}
# of docs/data.md
SIDES = {"top": {"value": 0.8}, "bottom": {"flux": 0.01}, "left": "periodic", "right": "periodic"}


def main(run_dir: Path) -> None:
    """Write all pictures and the table."""
    draw_report(run_dir)
    write_source_images()
    save("boundaries", boundaries_figure())
    save("tissues", tissues_figure())
    save("sides", tissues_figure({"physics.boundary": SIDES}))
    save("oxygen", oxygen_figure())
    save("tissue", readme_figure())
    save("reading_profiles", reading_profiles())
    save("reading_fields", reading_fields())
    draw_bounds()
    draw_predictions(run_dir)
    (DOCS / "results").mkdir(exist_ok=True)
    for ending in ("", "_corrected", "_production"):
        name, run = f"quickstart{ending}", run_dir.with_name(f"{run_dir.name}{ending}")
        if (run / "evaluation").is_dir():
            (DOCS / "results" / f"{name}.md").write_text(results(run), encoding="utf-8")
        else:
            print(f"{name}.md is left as it is, because {run}/evaluation is missing")


def draw_report(run_dir: Path) -> None:
    """Two figures of the report of an evaluated run, drawn from its results."""
    run = Run.open(run_dir)
    errors = pd.read_csv(run_dir / "evaluation" / "examples.csv")
    errors = errors[~errors["method"].str.endswith(SET)]
    save("error_per_count", error_per_count_figure(errors), dpi=120)
    methods = of_surrogate(dk.load_surrogate(run_dir), run).methods[:1]
    cases = draw_cases(errors, methods, run.config(), run.data_dir())
    save("worst_cases", cases["worst_cases"], dpi=120)


def draw_predictions(run_dir: Path) -> None:
    """A test image as both networks of the quickstart predict it."""
    networks = {
        "encoder-decoder": dk.load_surrogate(run_dir),
        "4 corrections": dk.load_surrogate(run_dir.with_name(f"{run_dir.name}_corrected")),
    }
    config = networks["4 corrections"].config
    example = config.recipe(5).example("test", 0)
    cases = [
        (title, example.source_image, example.field, network.predict(example.source_image).field)
        for title, network in networks.items()
    ]
    save("surrogate", figures.case_figure(cases), dpi=120)


def save(name: str, figure: Figure, dpi: int = 100) -> None:
    """Write a figure and that for phones, without transparency, which makes them smaller."""
    for path in write_pictures(figure, DOCS / "images" / f"{name}.png", dpi):
        Image.open(path).convert("RGB").save(path, optimize=True)


def write_source_images() -> None:
    """Grey images of discs, 0 to 255, as examples for `diffkeras solve` and `diffkeras predict`."""
    cells = dk.sample_sources(12, (128, 128), radius=(2, 6), rng=np.random.default_rng(2))
    discs = dk.sample_sources(4, (64, 64), radius=5, rng=np.random.default_rng(3))
    for name, sources, lattice in (("cells", cells, (128, 128)), ("discs", discs, (64, 64))):
        grey = np.rint(sources.image(lattice) * 255).astype(np.uint8)
        Image.fromarray(grey).save(DOCS / "images" / f"{name}.png", optimize=True)


def boundaries_figure() -> Figure:
    """One problem under each boundary."""
    sources = dk.sample_sources(4, (64, 96), rng=np.random.default_rng(5))
    figure = new_figure(10, 6.4)
    for axis, boundary in zip(
        figure.subplots(2, 2).ravel(),
        ("absorbing", "reflecting", "periodic", ("periodic", "absorbing")),
        strict=True,
    ):
        field = dk.solve(sources.image((64, 96)), boundary=boundary).field
        picture = axis.imshow(field, vmin=0, vmax=1, interpolation="nearest")
        title = boundary if isinstance(boundary, str) else "rows {}, columns {}".format(*boundary)
        axis.set(title=title, xlabel="column", ylabel="row")
        axis.set(xticks=[0, 50, 95], yticks=[0, 30, 63])
    figure.colorbar(picture, ax=figure.axes, fraction=0.03, pad=0.02, label="u")
    return figure


def tissues_figure(changes: Mapping[str, Any] | None = None) -> Figure:
    """Two examples of the configuration `tissue`, or of a changed one."""
    config = dk.load_config("tissue", changes)
    recipes = {n: config.recipe(n) for n in (2, 5)}
    examples = {f"n = {n}": recipe.example("train", 0) for n, recipe in recipes.items()}
    problems = {title: example.problem for title, example in examples.items()}
    return data_figures.tissue_figure(problems, [example.field for example in examples.values()])


def oxygen_figure() -> Figure:
    """The field of the example with oxygen in docs/physics.md, on its finest lattice."""
    page = (Path(__file__).parent / "physics.md").read_text(encoding="utf-8")
    example = next(
        block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "oxygen" in block
    )
    names: dict[str, Any] = {}
    exec(example.partition("\n\n\nfor ")[0], names)  # without the loop that prints
    figure = new_figure(6.5, 5.4)
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
    return names["tissue"].plot(unit="µm", field_unit="µM")


def both_readings(image: NDArray, medium: dk.Medium) -> tuple[NDArray, NDArray]:
    """The field with fixed values, and that of production divided by its maximum."""
    production = dk.solve(production=production_of(image, medium), medium=medium).field
    return dk.solve(image, medium=medium).field, production / production.max()


def reading_profiles() -> Figure:
    """One disc under both readings of the paper: the field along a line through its centre."""
    medium, radius = dk.Medium(), 5
    disc = dk.Sources.from_lists([256], [256], [radius], [1.0]).image((512, 512))
    fixed, production = both_readings(disc, medium)
    distance = np.arange(-100, 101)
    figure = new_figure(10, 3.6)
    for axis, scale in zip(figure.subplots(1, 2), ("linear", "log"), strict=True):
        axis.axvspan(-radius, radius, color="#e8e8e8", label="disc")
        axis.plot(distance, production[256, distance + 256], "-", label="production")
        axis.plot(distance, fixed[256, distance + 256], "--", label="fixed value")
        axis.set(xlabel="distance from the centre [lattice steps]", ylabel="u", yscale=scale)
        axis.grid(alpha=0.3)
    axis.legend()
    return figure


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
    figure = new_figure(10, 4)
    for axis, (title, field, colors, low, high) in zip(figure.subplots(1, 3), panels, strict=True):
        picture = axis.imshow(field, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
        axis.set(title=title, xticks=[0, 511], yticks=[0, 511])
        figure.colorbar(picture, ax=axis, location="bottom", aspect=14)
    return figure


def draw_bounds() -> None:
    """The proven bounds of a prediction of the shipped surrogate `quickstart`."""
    surrogate = dk.load_surrogate("quickstart")
    example = surrogate.config.recipe(5).example("test", 0)
    prediction = surrogate.predict(example.source_image)
    figure = bounds_figure(example.field, prediction.field, prediction.certificate)
    save("bounds", figure)


def bounds_figure(truth: NDArray, prediction: NDArray, certificate: dk.Certificate) -> Figure:
    """Bounds of a prediction and of its corrected field, and bounds against true errors."""
    figure = new_figure(10, 3.4)
    *maps, scatter = figure.subplots(1, 3)
    corrected = certificate.corrected
    shown = (
        ("prediction", abs(prediction - truth), certificate.node_bound),
        ("corrected field", abs(corrected.field - truth), corrected.node_bound),
    )
    low, high = 1e-5, 1.0
    sizes = [40, 3]  # of dots, so that the second ones don't hide the first
    for axis, (name, error, bound) in zip(maps, shown, strict=True):
        drawn = np.where(bound > 0, bound, np.nan)
        limits = {"vmin": low, "vmax": high}
        picture = axis.imshow(drawn, norm="log", interpolation="nearest", **limits)
        last_row, last_column = (side - 1 for side in truth.shape)
        axis.set(xlabel="column", ylabel="row", xticks=[0, last_column], yticks=[0, last_row])
        axis.set(title=f"{name}: bound", facecolor=NO_VALUE)
        scatter.scatter(error[bound > 0], bound[bound > 0], sizes.pop(0), label=name)
    figure.colorbar(picture, ax=maps, fraction=0.03, pad=0.03, extend="min")
    scatter.axline((1, 1), slope=1, color="0.4", linewidth=1, zorder=0)
    scatter.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), aspect="equal")
    scatter.set(title="each node", xlabel="true error", ylabel="proven bound")
    scatter.grid(alpha=0.3)
    scatter.legend(fontsize=9, loc="upper left")
    return figure


def results(run_dir: Path) -> str:
    """The table of errors, with where it comes from."""
    metrics = json.loads((run_dir / "evaluation" / "metrics.json").read_text(encoding="utf-8"))
    state = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    config = dk.load_config(run_dir / "config.yaml")
    rows, columns = config.physics.lattice
    versions = state["versions"]
    training = config.data.train_examples_used * len(config.data.sources)
    lines = [
        f"Reduced scale: {rows}×{columns} nodes, {len(config.data.sources)} source counts, "
        f"{training:,} training examples, {config.training.epochs} epochs, "
        f"{state['trainable_parameters']:,} trainable parameters; "
        f"{metrics['test_examples']} test images.",
        f"Trained in {state['seconds']:.0f} s on: {state['machine']}; TensorFlow "
        f"{versions['tensorflow']}, Keras {versions['keras']}, "
        f"diffkeras {versions['diffkeras']}.",
        "",
        "Errors over all test images:",
        "",
        _row(["method", *COLUMNS.values()]),
        _row(["---", *("---:" for _ in COLUMNS)]),
    ]
    for method, found in metrics["methods"].items():
        lines.append(_row([method, *(_number(found["all"][name]) for name in COLUMNS)]))
    counts = [key for key in metrics["methods"]["surrogate"] if key != "all"]
    lines += [
        "",
        "Lattice MAE per source count:",
        "",
        _row(["method", *(f"n = {count}" for count in counts)]),
        _row(["---", *("---:" for _ in counts)]),
    ]
    for method, found in metrics["methods"].items():
        lines.append(_row([method, *(_number(found[count]["mae"]) for count in counts)]))
    if metrics.get("bounds"):
        lines += ["", *_bounds(metrics["bounds"])]
    return "\n".join(lines) + "\n"


def _bounds(proven: dict) -> list[str]:
    """The table of bounds; corrected fields of production are exact, so they have no errors."""
    corrected = "corrected_mae" in proven["all"]
    text = (
        f"Proven bounds over {proven['all']['images']} of the test images: the largest bound, the "
        "largest true error and the mean absolute error (MAE), for predictions and for corrected "
        "fields:"
    )
    if not corrected:
        text = text.replace(
            ", for predictions and for corrected fields:",
            " of the predictions, divided by the maximum of the field, and the largest bound of "
            "the corrected fields, which are exact up to rounding:",
        )
    head = ["sources", "prediction: bound", "true", "MAE", "corrected: bound"]
    head += ["true", "MAE"] if corrected else []
    lines = [text, "", _row(head), _row(["---", *["---:"] * (len(head) - 1)])]
    for count, found in proven.items():
        values = [
            value["max"] if isinstance(value, dict) else value
            for name in ("prediction", "corrected")
            for key in ("bound", "max_error", "mae")
            if (value := found.get(f"{name}_{key}")) is not None
        ]
        lines.append(_row([count, *map(_number, values)]))
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "saved_models/quickstart"))
