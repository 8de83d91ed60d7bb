"""Pictures and tables of the documentation, made from a finished and evaluated quickstart run.

    make quickstart
    .venv/bin/python docs/make_pictures.py saved_models/quickstart

writes docs/images/*.png and docs/results/quickstart.md.
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

import diffkeras as dk
from diffkeras.physics import ExampleRecipe
from diffkeras.reporting import figures

DOCS = Path(__file__).parent
COLUMNS = {
    "mae": "lattice MAE",
    "mae_sources": "sources",
    "mae_field": "field",
    "mae_r1": "R1",
    "mae_r2": "R2",
    "mae_r3": "R3",
    "relative_l2": "relative L2",
    "max_error": "maximum error",
}
REPORT_FIGURES = (
    "error_per_count",
    "distribution",
    "predicted_against_true",
    "radial_profile",
    "rounds",
    "worst_cases",
    "median_cases",
)


def main(run_dir: Path) -> None:
    """Write all pictures and tables."""
    for name in REPORT_FIGURES:
        save(name, (run_dir / "evaluation" / "figures" / f"{name}.png").read_bytes())
    write_cells()
    save("boundaries", figures.to_png(boundaries_figure(), dpi=80))
    surrogate = dk.load_surrogate(run_dir)
    physics = surrogate.config.physics
    example = ExampleRecipe(
        5, physics.lattice, physics.medium, surrogate.config.data.radius, surrogate.config.data.seed
    ).example("test", 0)
    prediction = surrogate.predict(example.source_image)
    case = ("n = 5, test example 0", example.source_image, example.field, prediction.field)
    save("surrogate", figures.to_png(figures.case_figure([case]), dpi=90))
    bounds = bounds_figure(example.field, prediction.field, prediction.certificate)
    save("bounds", figures.to_png(bounds, dpi=80))
    (DOCS / "results").mkdir(exist_ok=True)
    (DOCS / "results" / "quickstart.md").write_text(results(run_dir), encoding="utf-8")


def save(name: str, png: bytes) -> None:
    """Write a PNG without transparency, a third smaller."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.save(DOCS / "images" / f"{name}.png", optimize=True)


def write_cells() -> None:
    """A grey image of discs, 0 to 255, to try `diffkeras solve` on."""
    sources = dk.sample_sources(12, (128, 128), radius=(2, 6), rng=np.random.default_rng(2))
    grey = np.rint(sources.image((128, 128)) * 255).astype(np.uint8)
    Image.fromarray(grey).save(DOCS / "images" / "cells.png", optimize=True)


def boundaries_figure():
    """One problem under each boundary."""
    sources = dk.sample_sources(4, (64, 96), rng=np.random.default_rng(5))
    figure = figures.new_figure(13, 2.7)
    axes = figure.subplots(1, 4)
    for axis, boundary in zip(
        axes, ("absorbing", "reflecting", "periodic", ("periodic", "absorbing")), strict=True
    ):
        field = dk.solve(sources.image((64, 96)), boundary=boundary).field
        picture = axis.imshow(field, vmin=0, vmax=1, interpolation="nearest")
        axis.set_title(boundary if isinstance(boundary, str) else ", ".join(boundary))
        axis.tick_params(labelsize=7)
    figure.colorbar(picture, ax=axes, fraction=0.03, pad=0.01)
    return figure


def bounds_figure(truth, prediction, certificate):
    """True errors of a prediction and of its corrected field, above the bounds that are proven."""
    figure = figures.new_figure(9.5, 7.2)
    axes = figure.subplots(2, 2)
    rows = (
        ("prediction", abs(prediction - truth), certificate.node_bound),
        ("corrected field", abs(certificate.field - truth), certificate.field_bound),
    )
    for (left, right), (name, error, bound) in zip(axes, rows, strict=True):
        for axis, values, title in (
            (left, error, f"{name}: true error, at most {error.max():.2g}"),
            (right, bound, f"{name}: proven bound, at most {bound.max():.2g}"),
        ):
            picture = axis.imshow(
                np.maximum(values, 1e-4), norm="log", cmap="viridis", interpolation="nearest"
            )
            picture.set_clim(1e-4, float(bound.max()))
            axis.set_title(title)
            axis.tick_params(labelsize=7)
            figure.colorbar(picture, ax=axis, fraction=0.046, pad=0.03)
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
    tolerances = list(proven["all"]["rounds"])
    lines = [
        f"Proven bounds of the largest error, over {proven['all']['images']} of the test images: "
        "the largest bound with the largest true error beside it, and the mean (most) number of "
        "rounds until a bound is met:",
        "",
        _row(
            [
                "sources",
                "prediction: bound",
                "true",
                "corrected: bound",
                "true",
                *(f"rounds to {tolerance}" for tolerance in tolerances),
            ]
        ),
        _row(["---", *["---:"] * (4 + len(tolerances))]),
    ]
    for count, found in proven.items():
        names = ("prediction_bound", "prediction_max_error", "corrected_bound")
        lines.append(
            _row(
                [
                    count,
                    *(_number(found[name]["max"]) for name in (*names, "corrected_max_error")),
                    *(
                        f"{found['rounds'][t]['mean']:.1f} ({found['rounds'][t]['max']})"
                        for t in tolerances
                    ),
                ]
            )
        )
    return lines


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
