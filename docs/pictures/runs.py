"""Pictures of trained runs, and the tables of the quickstart's runs in docs/results."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import diffkeras as dk
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.figures import draw_cases, error_per_count_figure
from diffkeras.evaluation.images import TestImages
from diffkeras.evaluation.methods import SET, of_surrogate
from diffkeras.reporting import figures
from diffkeras.reporting.text import markdown_table
from diffkeras.surrogates.run_directory import Run
from docs.pictures.saving import IMAGES, save
from docs.pictures.site import DOCS

CASES = 1  # the worst one is enough for a page
COLUMNS = {**ERRORS, "relative_l2": "relative L2", "milliseconds": "ms per image"}


def draw(run_dir: Path) -> None:
    """Write all pictures and tables of the quickstart's run, and of the runs beside it."""
    draw_report(run_dir)
    write_source_images()
    draw_predictions(run_dir)
    for ending in ("", "_corrected", "_production"):
        name, run = f"quickstart{ending}", run_dir.with_name(f"{run_dir.name}{ending}")
        if (run / "evaluation").is_dir():
            (DOCS / "results" / f"{name}.md").write_text(results(run), encoding="utf-8")
        else:
            print(f"{name}.md is left as it is, because {run}/evaluation is missing")


def draw_report(run_dir: Path) -> None:
    """Two figures of the report of an evaluated run, drawn from its results, with fewer cases."""
    run = Run.open(run_dir)
    config = run.config().with_overrides({"evaluation.cases": CASES})
    errors = pd.read_csv(run_dir / "evaluation" / "examples.csv")
    errors = errors[~errors["method"].str.endswith(SET)]
    save("error_per_count", error_per_count_figure(errors))
    methods = of_surrogate(dk.load_surrogate(run_dir), run).methods[:1]
    cases = draw_cases(errors, methods, TestImages(config, run.data_dir()))
    save("worst_cases", cases["worst_cases"])


def draw_predictions(run_dir: Path) -> None:
    """A test image as both networks of the quickstart predict it."""
    networks = {
        "encoder-decoder": dk.load_surrogate(run_dir),
        "4 corrections": dk.load_surrogate(run_dir.with_name(f"{run_dir.name}_corrected")),
    }
    example = networks["4 corrections"].config.recipe(5).example("test", 0)
    cases = [
        (title, example.source_image, example.field, network.predict(example.source_image).field)
        for title, network in networks.items()
    ]
    save("surrogate", figures.case_figure(cases))


def write_source_images() -> None:
    """Grey images of discs, 0 to 255, as examples for `diffkeras solve` and `diffkeras predict`."""
    cells = dk.sample_sources(12, (128, 128), radius=(2, 6), rng=np.random.default_rng(2))
    discs = dk.sample_sources(4, (64, 64), radius=5, rng=np.random.default_rng(3))
    for name, sources, lattice in (("cells", cells, (128, 128)), ("discs", discs, (64, 64))):
        grey = np.rint(sources.image(lattice) * 255).astype(np.uint8)
        Image.fromarray(grey).save(IMAGES / f"{name}.png", optimize=True)


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
    ]
    methods = metrics["methods"]
    counts = [key for key in methods["surrogate"] if key != "all"]
    tables = {
        "Errors over all test images:": [("all", *each) for each in COLUMNS.items()],
        "Lattice MAE per source count:": [(count, "mae", f"n = {count}") for count in counts],
    }
    for title, cells in tables.items():
        head = ["method", *(heading for *_, heading in cells)]
        numbers = [
            [method, *(_number(found[part][key]) for part, key, _ in cells)]
            for method, found in methods.items()
        ]
        lines += ["", title, "", markdown_table(head, numbers, ["method"])]
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"
