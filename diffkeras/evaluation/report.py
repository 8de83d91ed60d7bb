"""The files that an evaluation leaves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffkeras.config import Config, format_counts
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.measurement import Measurement
from diffkeras.evaluation.methods import METHODS
from diffkeras.evaluation.tables import (
    bounds_table,
    overall_table,
    per_count_table,
    quantile_table,
)
from diffkeras.reporting.html import write_report
from diffkeras.system.atomic_files import write_bytes, write_csv, write_json

FILES = ("metrics.json", "examples.csv", "figures/*.png", "report.html")


def write_evaluation(
    path: Path, found: Measurement, pictures: Mapping[str, bytes], tested: Config, learned: Config
) -> None:
    """Write `FILES` into a directory.

    Args:
        path: the directory.
        found: what was measured.
        pictures: name → PNG image.
        tested: the configuration of the test data.
        learned: the configuration of the run.
    """
    metrics, proven = found.metrics(), found.proven()
    data = tested.data
    total = data.test_examples * len(data.sources)
    write_json(
        path / "metrics.json", {"test_examples": total, "methods": metrics, "bounds": proven}
    )
    _write_examples(path / "examples.csv", found)
    for name, png in pictures.items():
        write_bytes(path / "figures" / f"{name}.png", png)
    rows, columns = tested.physics.lattice
    counts = format_counts(data.sources).replace("-", " to ").replace(",", ", ")
    media = ""
    if data.diffusion_length:
        media = " and diffusion lengths of {:g} to {:g}".format(*data.diffusion_length)
    write_report(
        path / "report.html",
        "evaluation.html.j2",
        title=f"Surrogate {tested.name}",
        lead=f"Evaluated on {total} test images of {rows}×{columns} nodes with {counts} "
        f"sources{media}, none of which it was trained on or chosen by.",
        pictures=pictures,
        configuration=learned.to_yaml(),
        overall=overall_table(metrics),
        per_count=per_count_table(metrics, data.sources),
        quantiles=quantile_table(metrics),
        bounds=bounds_table(proven),
        bounds_images=tested.evaluation.bounds,
        corrected_is_worse=_rows_where_corrected_is_worse(proven),
    )


def _rows_where_corrected_is_worse(proven: Mapping[str, Any]) -> str:
    """Rows of the table of bounds in which the correction increases the MAE, in words."""
    worse = sum(found["corrected_mae"] > found["prediction_mae"] for found in proven.values())
    return {0: "", len(proven): "every row"}.get(worse, f"{worse} of {len(proven)} rows")


def _write_examples(path: Path, found: Measurement) -> None:
    """A row for each method and test image."""
    vary = any(of_count.lengths for of_count in found.counts.values())
    length_column = ["diffusion_length"] if vary else []
    write_csv(
        path,
        ["method", "sources", "example", *length_column, *ERRORS],
        (
            [method, count, number, *of_count.lengths[number : number + 1], *row]
            for method in METHODS
            for count, of_count in found.counts.items()
            for number, row in enumerate(of_count.scores(method).rows())
        ),
    )
