"""Put surrogates into the package, and score each on freshly drawn images for its card.

    python -m benchmarks.model_cards                                # all cards, some minutes
    python -m benchmarks.model_cards --only default                 # one
    python -m benchmarks.model_cards --ship saved_models/default    # put a run in, with its card

A shipped surrogate is a run directory below `diffkeras/surrogates/shipped_models`, named after its
configuration. Its card is `card.md` there, which `docs/models.md` shows, and `card.json` has the
errors. The first paragraph of a card and its limits are written by hand; this program adds the
rest. The images are of the test split of a seed of their own, so that none of them was seen in
training. Errors are differences from the exact field in double precision, relative to its largest
value.
"""

import docs.quiet_tensorflow  # noqa: F401

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import tensorflow as tf

from benchmarks.shared.command import PATH, command
from benchmarks.shared.tables import describe_machine, with_versions
from diffkeras.config import Config, shipped_configs
from diffkeras.graph import TensorSolver
from diffkeras.graph.export import solver_arguments
from diffkeras.physics import ExampleRecipe, solve
from diffkeras.reporting.text import markdown_table
from diffkeras.surrogates.run_directory import (
    CONFIG,
    HISTORY,
    RUN_FILE,
    SHIPPED,
    WEIGHTS,
    Run,
    shipped_surrogates,
)
from diffkeras.surrogates.surrogate import Surrogate, load_surrogate
from diffkeras.system.atomic_files import read_json, write_json, write_text

FILES = (CONFIG, RUN_FILE, HISTORY, WEIGHTS)
SEED = 20261126  # of the images; training has another
TOLERANCE = 1e-12  # of the exact fields
IMAGES = {64: 40, 128: 40, 256: 20, 512: 10}  # side → images of each source count
COUNTS = {"default": (1, 5, 10, 20)}  # source counts of the images
FEW_COUNTS = (1, 3, 5)  # of all others
COLUMNS = {
    "lattice": "nodes",
    "sources": "sources",
    "images": "images",
    "mae": "MAE",
    "p99": "99 %",
    "largest": "largest",
    "bound_over_error": "bound / error",
    "least_bound_over_error": "at least",
    "graph_bound_over_error": "in a graph",
}


def ship(run_dir: Path, output: Path) -> str:
    """Copy what a shipped surrogate needs of a run into its directory, and return its name."""
    run = Run.open(run_dir)
    name = run.config().name
    target = output / name
    if not (target / "card.md").is_file():
        raise click.ClickException(
            f"there is no {target / 'card.md'}; write what {name} is and when to use it, and "
            "below 'Limits:' a list of what it can't do, as in the cards beside it"
        )
    for file in FILES:
        shutil.copyfile(run.path / file, target / file)
    state = Run(target).state()
    state.pop("data_dir", None)  # of this machine
    write_json(target / "run.json", state)
    return name


def score(surrogate: Surrogate, side: int, count: int, images: int, seed: int) -> dict[str, float]:
    """Errors and bounds of new images, also by the graph of a SavedModel where it has any."""
    config = surrogate.config.with_overrides({"physics.lattice": side, "data.seed": seed})
    recipe = config.recipe(count)
    assert isinstance(recipe, ExampleRecipe)
    solver = None if surrogate.maps else TensorSolver(side, config.physics.medium)
    errors, ratios, in_graph = [], [], []
    for k in range(images):
        # not the field of the example, whose rounding to single precision can exceed the bound
        image = recipe.sources("test", k).image(recipe.lattice)
        problem = recipe.problem_of({"source_image": image, **recipe.maps_of("test", k)})
        truth = solve(problem, tolerance=TOLERANCE).field
        prediction = surrogate.predict(problem)
        error = np.abs(prediction.field - truth)
        errors.append(error / truth.max())
        ratios.append(prediction.error_bound / error.max())
        if solver is not None:
            batch = tf.constant(image[None, ..., None], tf.float32)
            given = solver_arguments(batch, config.physics.sources, solver.medium)
            proof = solver.certify(prediction.field[None].astype(np.float32), **given)
            in_graph.append(float(proof.error_bound[0]) / error.max())
    graph = {"graph_bound_over_error": float(np.median(in_graph))} if in_graph else {}
    return {
        "mae": float(np.mean(errors)),
        "p99": float(np.quantile(errors, 0.99)),
        "largest": float(np.max(errors)),
        "bound_over_error": float(np.median(ratios)),
        "least_bound_over_error": float(np.min(ratios)),
        **graph,
    }


def score_all(path: Path) -> Iterator[dict[str, Any]]:
    surrogate, name = load_surrogate(path), path.name
    for side, images in IMAGES.items():
        for count in COUNTS.get(name, FEW_COUNTS):
            found = score(surrogate, side, count, images, SEED)
            click.echo(f"{name}, {side}×{side}, {count} source(s): MAE {found['mae']:.2g}")
            yield {"lattice": side, "sources": count, "images": images, **found}


def describe(path: Path) -> list[tuple[str, str]]:
    run = Run.open(path)
    config, state = run.config(), run.state()
    own = (shipped_configs() / "models" / f"{path.name}.yaml").is_file()
    name = f"models/{path.name}" if own else path.name
    data, physics = config.data, config.physics
    rows, columns = physics.lattice
    radius = data.radius if isinstance(data.radius, tuple) else (data.radius, data.radius)
    examples = data.train_examples_used * len(data.sources)
    size = run.weights_file.stat().st_size
    return [
        ("sources", "produce" if physics.sources == "production" else "hold fixed values"),
        ("medium", _medium_in_words(config)),
        ("architecture", _network_in_words(config)),
        ("learned numbers", f"{state['trainable_parameters']:,} ({size / 1e6:.2g} MB)"),
        ("lattices", str(config.model.lattices).removesuffix(" sides")),
        (
            "trained on",
            f"{examples:,} examples of {rows}×{columns} nodes, {data.sources[0]} to "
            f"{data.sources[-1]} sources of radius {_span(radius)}; {config.training.epochs} "
            f"epochs, {state['seconds']:.0f} s on {state['machine']}",
        ),
        (
            "trained by",
            f"`diffkeras generate --config {name}`, then `diffkeras train --config {name}`",
        ),
        ("licence", "Apache 2.0"),
    ]


def _network_in_words(config: Config) -> str:
    model = config.model
    sizes = {k: v for k, v in model.parameters.items() if k in ("width", "depth", "modes")}
    words = [f"`{model.architecture}`", *(f"{key} {value}" for key, value in sizes.items())]
    return ", ".join([*words, *([f"{model.corrections} corrections"] if model.corrections else [])])


def _medium_in_words(config: Config) -> str:
    medium, tissue = config.physics.medium, config.data.tissue
    words = (
        f"D = {medium.diffusivity:g}, γ = {medium.decay:g}, h = {medium.step:g}: diffusion length "
        f"{medium.diffusion_length:g}; {medium.boundary}"
    )
    if tissue is None:
        return words
    taken_up, secreting = f"take up at rates of {_span(tissue.uptake)}", ""
    if tissue.saturation:
        taken_up = f"take up at most {_span(tissue.uptake)}, K = {_span(tissue.saturation)}"
    if tissue.secretes:
        secreting = f", {_span(tissue.secreting_cells)} that release {_span(tissue.secretion)}"
    return (
        f"{words}. In it, {_span(tissue.cells)} cells of radius {_span(tissue.cell_radius)} that "
        f"{taken_up}{secreting}, and {_span(tissue.regions)} regions with "
        f"{_span(tissue.diffusivity)} times this D"
    )


def _span(ends: tuple[float, float]) -> str:
    low, high = ends
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Write the tables of `card.md` between its texts, from the errors of `card.json`."""
    purpose, *others = (path / "card.md").read_text(encoding="utf-8").strip().split("\n\n")
    limits, rows = others[others.index("Limits:") + 1], card["errors"]
    columns = [title for key, title in COLUMNS.items() if key in rows[0]]
    in_graph = ""
    if "graph_bound_over_error" in rows[0]:
        in_graph = (
            "; and, in the median, the bound of `certified` in a SavedModel over the same error"
        )
    lines = [purpose, "", markdown_table(["", ""], describe(path), texts=[""]), ""]
    lines += [
        *("Limits:", "", limits, ""),
        f"Errors on images that are drawn as in the training, with seed {card['seed']}, "
        "relative to the largest value of the exact field: mean over all nodes, the error that "
        "99 % of the nodes don't exceed, and the largest. The last columns are the proven bound "
        f"over the largest error of an image, in the median of the images and at least{in_graph}. "
        f"{card['machine']}",
        "",
        markdown_table(columns, [_cells(row) for row in rows]),
    ]
    write_text(path / "card.md", "\n".join(lines) + "\n")


def _cells(row: dict[str, Any]) -> list[str]:
    cells = [f"{row['lattice']}×{row['lattice']}", str(row["sources"]), str(row["images"])]
    cells += [f"{row[key]:.2g}" for key in ("mae", "p99", "largest")]
    ratios = [key for key in COLUMNS if key.endswith("over_error") and key in row]
    return cells + [f"{row[key]:.3g}" for key in ratios]


@command(
    __doc__,
    SHIPPED,
    "the directory of the surrogates",
    published=("run_dir", "only", "texts"),
)
@click.option("--ship", "run_dir", type=PATH, help="A run to put in.")
@click.option("--only", multiple=True, help="Names.  [default: all]")
@click.option("--texts", is_flag=True, help="Write the cards again from the errors that are there.")
def main(run_dir: Path | None, only: tuple[str, ...], texts: bool, output: Path) -> None:
    names = (ship(run_dir, output),) if run_dir else only or shipped_surrogates()
    for path in (output / name for name in names):
        file = path / "card.json"
        if not texts:
            machine = with_versions(describe_machine(("tensorflow", "keras")))
            write_json(file, {"seed": SEED, "machine": machine, "errors": [*score_all(path)]})
        write_card(path, read_json(file))


if __name__ == "__main__":
    main()
