"""The table, the figures and the report of a study."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.config import format_counts
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.methods import baselines
from diffkeras.evaluation.report import HEADINGS, overall_table
from diffkeras.reporting.figures import to_png
from diffkeras.reporting.html import Table, mark_best, number, write_report
from diffkeras.reporting.text import value_text
from diffkeras.studies.config import Study
from diffkeras.studies.figures import counts_figure, loss_figure, size_figure
from diffkeras.studies.grouping import Group, Result, group_results
from diffkeras.studies.plan import LOSS
from diffkeras.system.atomic_files import replacing_files, write_bytes, write_csv

SIZES = ("data.train_fraction", "data.train_examples")


def write_study(directory: Path, study: Study, results: Sequence[Result]) -> None:
    """Write `runs.csv`, `figures/` and `report.html` into a study's directory."""
    groups = group_results(results, study.factors)
    _write_runs(directory / "runs.csv", study, results)
    by_method = {m.label: results[0].metrics[m.label] for m in baselines(study.test)}
    pictures = _draw(study, groups, by_method)
    with replacing_files(directory / "figures", ["*.png"]) as partial:
        for name, png in pictures.items():
            write_bytes(partial / f"{name}.png", png)
    rows, columns = study.base.physics.lattice
    data = study.test.data
    write_report(
        directory / "report.html",
        "study.html.j2",
        title=study.title,
        lead=f"{len(results)} runs on a {rows}×{columns} lattice, tested on "
        f"{data.test_examples} images for each of {format_counts(data.sources)} sources.",
        pictures=pictures,
        configuration=study.base.to_yaml(),
        summary=_summary(groups),
        baselines=overall_table(by_method),
        runs=[
            {
                "title": result.cell.title,
                "directory": f"runs/{result.cell.config.name}",
                "error": number(result.error()),
                "best_epoch": result.state.get("best_epoch"),
                "seconds": f"{result.state.get('seconds', 0):.0f} s",
            }
            for result in results
        ],
    )


def _draw(study: Study, groups: Sequence[Group], baselines: dict[str, Any]) -> dict[str, bytes]:
    pictures = {}
    size = next((key for key in SIZES if len(study.factors.get(key, ())) > 1), None)
    if size:
        overall = {method: by_count["all"]["mae"] for method, by_count in baselines.items()}
        pictures["training_size"] = to_png(size_figure(groups, size, overall))
    if len(study.factors.get(LOSS, ())) > 1:
        pictures["losses"] = to_png(loss_figure(groups))
    counts = [str(count) for count in study.test.data.sources]
    pictures["source_counts"] = to_png(counts_figure(groups, counts, baselines))
    return pictures


def _write_runs(path: Path, study: Study, results: Sequence[Result]) -> None:
    counts = ["all", *map(str, study.test.data.sources)]
    write_csv(
        path,
        [*study.factors, "training_examples", "sources", *ERRORS, "best_epoch", "seconds", "run"],
        (
            [
                *(value_text(result.cell.values[key]) for key in study.factors),
                result.cell.training_examples,
                sources,
                *(result.error(name, sources) for name in ERRORS),
                result.state.get("best_epoch"),
                result.state.get("seconds"),
                f"runs/{result.cell.config.name}",
            ]
            for result in results
            for sources in counts
        ),
    )


def _summary(groups: Sequence[Group]) -> Table:
    """Means over the runs of each group, the smallest of each column marked."""
    rows = []
    for group in groups:
        means = [
            float(np.mean(values)) if (values := group.errors(name)) else None for name in ERRORS
        ]
        rows.append((f"{group.label} ({len(group.results)})", means))
    marked = mark_best(rows)
    for row, group in zip(marked, groups, strict=True):
        spread = group.errors()
        row.append(f"{number(min(spread))} – {number(max(spread))}")
    return Table(["factors (runs)", *HEADINGS, "lattice MAE, min – max"], marked)
