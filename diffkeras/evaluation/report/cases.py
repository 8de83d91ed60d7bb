"""Pictures of single test images: the worst, typical ones, chosen source counts, and regions."""

from collections.abc import Sequence
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
    errors: pd.DataFrame, methods: Sequence[Method], config: Config, data_dir: Path
) -> dict[str, Figure]:
    """All pictures of single test images: name → figure.

    The first method chooses the images. Those of several methods have a row for each.

    `errors` are those of `Measurement`, or of `examples.csv`.
    """
    maes = errors.set_index(["method", "sources", "example"])["mae"]

    def case(chosen: Chosen, method: Method) -> Case:
        _, count, number = chosen
        mae = maes[method.name, count, number]
        batch = read_image(config, count, number, data_dir)
        medium = "" if batch.lengths is None else f"\nℓ = {batch.lengths[0]:.3g}"
        title = f"n = {count}, example {number}{medium}\nMAE {mae:.2g}"
        if len(methods) > 1:
            title = f"{method.name}\n{title}"
        return title, batch.images[0], batch.fields[0], method.compute(batch).fields[0]

    figures = {
        name: case_figure([case(chosen, method) for chosen in those for method in methods])
        for name, those in _choose(errors, methods[0].name, config).items()
    }
    if config.data.maps:
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
