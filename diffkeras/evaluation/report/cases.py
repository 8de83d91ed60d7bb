"""Pictures of single test images: the worst, typical ones, chosen source counts, and regions."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from diffkeras.config import Config
from diffkeras.evaluation.methods.table import Method
from diffkeras.evaluation.stored_images import read_image
from diffkeras.reporting.data_figures import tissue_figure
from diffkeras.reporting.figures import Case, case_figure

Chosen = tuple[Any, ...]  # MAE, source count and number of an image


def draw_cases(
    errors: pd.DataFrame, method: Method, config: Config, data_dir: Path
) -> dict[str, Figure]:
    """All pictures of single test images with a method's fields: name → figure.

    `errors` are those of `Measurement`, or of `examples.csv`.
    """

    def case(chosen: Chosen) -> Case:
        mae, count, number = chosen
        batch = read_image(config, count, number, data_dir)
        medium = "" if batch.lengths is None else f"\nℓ = {batch.lengths[0]:.3g}"
        title = f"n = {count}, example {number}{medium}\nMAE {mae:.2g}"
        return title, batch.images[0], batch.fields[0], method.compute(batch).fields[0]

    figures = {
        name: case_figure([case(chosen) for chosen in those])
        for name, those in _choose(errors, method.name, config).items()
    }
    if config.kind.varies:
        batch = read_image(config, _shown_counts(config)[-1], 0, data_dir)
        figures["media"] = tissue_figure({"": batch.problem.images[0]})
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
