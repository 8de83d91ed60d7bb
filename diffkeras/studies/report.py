"""The table, the figures and the report of a study."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.config import Config, format_counts
from diffkeras.evaluation.errors import Scores
from diffkeras.evaluation.methods import BASELINES
from diffkeras.reporting.figures import to_png
from diffkeras.reporting.html import Table, mark_best, number, write_report
from diffkeras.reporting.text import value_text
from diffkeras.representation.regions import REGIONS
from diffkeras.studies import figures as study_figures
from diffkeras.system.atomic_files import replace_directory, write_csv

SEED = "training.seed"
LOSS = "training.loss"
SIZES = ("data.train_fraction", "data.train_examples")


@dataclass(frozen=True)
class Result:
    """A run of a study with what came out.

    Attributes:
        values: factor → value.
        metrics: method → "all" or source count → figures.
        state: content of the run's `run.json`.
        config: its configuration.
        path: its directory, relative to the study's.
    """

    values: dict[str, Any]
    metrics: dict[str, Any]
    state: dict[str, Any]
    config: Config
    path: Path

    @property
    def training_examples(self) -> int:
        """Training examples over all source counts."""
        data = self.config.data
        return data.train_examples_used * len(data.sources)

    def figure(self, name: str = "mae", sources: str = "all") -> float | None:
        """A figure of the surrogate."""
        return self.metrics["surrogate"][sources][name]


@dataclass(frozen=True)
class Group:
    """Runs that differ in their seed alone.

    Attributes:
        label: the values of the factors that distinguish it.
        values: factor → value, without the seed.
        results: its runs.
    """

    label: str
    values: dict[str, Any]
    results: list[Result]

    def figures(self, name: str = "mae", sources: str = "all") -> list[float]:
        """A figure of each run; runs where it is undefined are left out."""
        found = (result.figure(name, sources) for result in self.results)
        return [value for value in found if value is not None]


def group_results(results: Sequence[Result], factors: dict[str, list[Any]]) -> list[Group]:
    """Runs gathered over seeds, in the order of the study."""
    groups: dict[str, Group] = {}
    for result in results:
        values = {k: v for k, v in result.values.items() if k != SEED}
        varying = {k: v for k, v in values.items() if len(factors[k]) > 1}
        label = ", ".join(
            value_text(v) if k == LOSS else f"{k.split('.')[-1].replace('_', ' ')} {value_text(v)}"
            for k, v in varying.items()
        )
        key = repr(values)
        groups.setdefault(key, Group(label or "all runs", values, [])).results.append(result)
    return list(groups.values())


def write_study(
    directory: Path,
    title: str,
    base: Config,
    factors: dict[str, list[Any]],
    test: Config,
    results: list[Result],
) -> None:
    """Write `runs.csv`, `figures/` and `report.html` into a study's directory."""
    groups = group_results(results, factors)
    counts = [str(count) for count in test.data.sources]
    _write_runs(directory / "runs.csv", factors, counts, results)
    baselines = {method: results[0].metrics[method] for method in BASELINES}
    overall = {method: metrics["all"]["mae"] for method, metrics in baselines.items()}
    pictures: dict[str, bytes] = {}
    size = next((key for key in SIZES if len(factors.get(key, ())) > 1), None)
    if size:
        pictures["training_size"] = to_png(study_figures.size_figure(groups, size, overall))
    if len(factors.get(LOSS, ())) > 1:
        pictures["losses"] = to_png(study_figures.loss_figure(groups))
    pictures["source_counts"] = to_png(study_figures.counts_figure(groups, counts, baselines))

    def write_figures(path: Path) -> None:
        for name, png in pictures.items():
            (path / f"{name}.png").write_bytes(png)

    replace_directory(directory / "figures", write_figures)
    rows, columns = base.physics.lattice
    write_report(
        directory / "report.html",
        "study.html.j2",
        title=title,
        lead=f"{len(results)} runs on a {rows}×{columns} lattice, tested on "
        f"{test.data.test_examples} images for each of {format_counts(test.data.sources)} sources.",
        pictures=pictures,
        configuration=base.to_yaml(),
        summary=_summary(groups),
        baselines=[(name, number(value)) for name, value in overall.items()],
        runs=[
            (
                {
                    "title": _run_title(result),
                    "href": f"{result.path.as_posix()}/evaluation/report.html",
                },
                number(result.figure()),
                result.state.get("best_epoch"),
                f"{result.state.get('seconds', 0):.0f} s",
            )
            for result in results
        ],
    )


def _write_runs(
    path: Path, factors: dict[str, list[Any]], counts: list[str], results: list[Result]
) -> None:
    columns = Scores.columns()
    write_csv(
        path,
        [*factors, "training_examples", "sources", *columns, "best_epoch", "seconds", "run"],
        (
            [
                *(value_text(result.values[key]) for key in factors),
                result.training_examples,
                sources,
                *(result.metrics["surrogate"][sources][name] for name in columns),
                result.state.get("best_epoch"),
                result.state.get("seconds"),
                result.path.as_posix(),
            ]
            for result in results
            for sources in ["all", *counts]
        ),
    )


def _summary(groups: list[Group]) -> Table:
    names = Scores.columns()
    rows = []
    for group in groups:
        means = [
            float(np.mean(values)) if (values := group.figures(name)) else None for name in names
        ]
        rows.append((f"{group.label} ({len(group.results)})", means))
    marked = mark_best(rows)
    for row, group in zip(marked, groups, strict=True):
        spread = group.figures()
        row.append(f"{number(min(spread))} – {number(max(spread))}")
    regions = [
        "lattice MAE" if r == "lattice" else r.upper() if r[0] == "r" else r for r in REGIONS
    ]
    return Table(
        ["factors (runs)", *regions, "relative L2", "maximum error", "lattice MAE, min – max"],
        marked,
    )


def _run_title(result: Result) -> str:
    return ", ".join(
        f"{key.split('.')[-1]} {value_text(value)}" for key, value in result.values.items()
    )
