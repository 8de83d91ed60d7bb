"""The files and tables that an evaluation leaves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diffkeras.config import Config, format_counts
from diffkeras.evaluation.errors import COLUMNS, ERRORS, MAXIMA, QUANTILES
from diffkeras.evaluation.measurement import Measurement
from diffkeras.evaluation.methods import (
    EXACT,
    SOURCES_SET,
    SURROGATE,
    describe_clock,
    describe_methods,
)
from diffkeras.reporting.html import Table, mark_best, number, write_report
from diffkeras.system.atomic_files import write_bytes, write_csv, write_json

FILES = ("metrics.json", "examples.csv", "figures/*.png", "report.html")
OWN = (SURROGATE, SOURCES_SET)  # methods that are no baselines
# of the columns in `ERRORS`
HEADINGS = ("lattice MAE", "sources", "field", "R1", "R2", "R3", "relative L2", "maximum error")


def write_metrics(path: Path, found: Measurement, run: str | None) -> None:
    """Write `metrics.json` and `examples.csv` into a directory; `run` is the run's identity."""
    metrics = found.metrics()
    write_json(
        path / "metrics.json",
        {
            "run": run,
            "test_examples": metrics[SURROGATE]["all"]["images"],
            "methods": metrics,
            "bounds": found.proven(),
            "clock": describe_clock(),
        },
    )
    _write_examples(path / "examples.csv", found)


def write_pages(
    path: Path,
    found: Measurement,
    pictures: Mapping[str, bytes],
    tested: Config,
    learned: Config | None,
    foreign: str | None = None,
) -> None:
    """Write `figures/` and `report.html` into a directory.

    `tested` is the configuration of the test data, `learned` that of the run. A model of another
    program has none; `foreign` says what it is.
    """
    metrics, proven = found.metrics(), found.proven()
    data = tested.data
    total = data.test_examples * len(data.sources)
    for name, png in pictures.items():
        write_bytes(path / "figures" / f"{name}.png", png)
    rows, columns = tested.physics.lattice
    counts = format_counts(data.sources).replace("-", " to ").replace(",", ", ")
    media = ""
    if data.diffusion_length:
        media = " and diffusion lengths of {:g} to {:g}".format(*data.diffusion_length)
    if data.tissue:
        media = ", in tissues of cells and regions"
    write_report(
        path / "report.html",
        "evaluation.html.j2",
        title=f"Surrogate {tested.name}" if foreign is None else f"Evaluation of {foreign}",
        lead=f"Evaluated on {total} test images of {rows}×{columns} nodes with {counts} "
        f"sources{media}"
        + (", which were used neither for training nor for choosing the model." if learned else ".")
        + ("" if foreign is None else f" Here “surrogate” stands for {foreign}."),
        pictures=pictures,
        configuration=(learned or tested).to_yaml(without=() if learned else ("model", "training")),
        methods=describe_methods(tested) | ({} if foreign is None else {SURROGATE: foreign}),
        scale=_scale_in_words(tested),
        overall=overall_table(metrics),
        maxima=_maxima_table(metrics),
        cost=_cost_table(metrics),
        ahead=_ahead_in_words(metrics),
        clock=describe_clock(),
        batch_size=tested.evaluation.batch_size,
        per_count=_per_count_table(metrics, data.sources),
        quantiles=_quantile_table(metrics),
        bounds=_bounds_table(proven),
        bounds_images=min(tested.evaluation.bounds, data.test_examples),
        production=tested.physics.sources == "production",
        tissue=data.tissue is not None,
        divided=tested.data.divide_by_maximum,
        corrected_is_worse=_rows_where_corrected_is_worse(proven),
    )


def _scale_in_words(tested: Config) -> str:
    if tested.data.divide_by_maximum:
        return "Fields are divided by their maximum."
    return "" if tested.data.placement.overlap else "Source values are at most 1."


def _rows_where_corrected_is_worse(proven: Mapping[str, Any]) -> str:
    """Rows of the table of bounds in which the correction increases the MAE, in words."""
    worse = sum(
        found["corrected_mae"] > found["prediction_mae"]
        for found in proven.values()
        if "corrected_mae" in found
    )
    return {0: "", len(proven): "every row"}.get(worse, f"{worse} of {len(proven)} rows")


def _write_examples(path: Path, found: Measurement) -> None:
    """A row for each method and test image."""
    vary = any(of_count.lengths for of_count in found.counts.values())
    length_column = ["diffusion_length"] if vary else []
    write_csv(
        path,
        ["method", "sources", "example", *length_column, *COLUMNS],
        (
            [method, count, number, *of_count.lengths[number : number + 1], *row]
            for method in found.methods
            for count, of_count in found.counts.items()
            for number, row in enumerate(of_count.scores(method).rows())
        ),
    )


def overall_table(metrics: dict[str, Any]) -> Table:
    """Errors of each method over all test images, the best of each column marked."""
    return Table(["method", *HEADINGS], mark_best(_rows(metrics, "all")))


def printed_table(metrics: dict[str, Any]) -> Table:
    """The same with the time per image."""
    table = overall_table(metrics)
    times = [number(by_count["all"]["milliseconds"]) for by_count in metrics.values()]
    rows = [[*row, time] for row, time in zip(table.rows, times, strict=True)]
    return Table([*table.columns, "ms per image"], rows)


def _per_count_table(metrics: dict[str, Any], counts: tuple[int, ...]) -> Table:
    """Errors of each method for each source count."""
    rows = []
    for count in counts:
        rows += mark_best(_rows(metrics, str(count), f"{count}: "))
    return Table(["sources: method", *HEADINGS], rows)


def _rows(
    metrics: dict[str, Any], count: str, before: str = ""
) -> list[tuple[str, list[float | None]]]:
    return [
        (f"{before}{method}", [by_count[count][name] for name in ERRORS])
        for method, by_count in metrics.items()
    ]


def _maxima_table(metrics: dict[str, Any]) -> Table:
    """Mean of the images' largest errors, and the largest of all, in each region."""
    rows = [
        [
            method,
            *(_two(by_count["all"][f"mean_{name}"], by_count["all"][name]) for name in MAXIMA),
        ]
        for method, by_count in metrics.items()
    ]
    return Table(["method", "lattice", *HEADINGS[1 : len(MAXIMA)]], rows)


def _two(mean: float | None, largest: float | None) -> str:
    return number(None) if mean is None else f"{mean:.2g} ({largest:.2g})"


def _cost_table(metrics: dict[str, Any]) -> Table:
    """Error and time of each method."""
    exact = metrics[EXACT]["all"]["milliseconds"] if EXACT in metrics else None
    rows = []
    for method, by_count in metrics.items():
        errors = by_count["all"]
        time = errors["milliseconds"]
        rows.append(
            [
                method,
                number(errors["mae"]),
                number(errors["max_error"]),
                number(time),
                number(time / exact if exact and time is not None else None),
            ]
        )
    return Table(
        ["method", "lattice MAE", "maximum error", "ms per image", "times the exact solver's"], rows
    )


def _ahead_in_words(metrics: dict[str, Any]) -> str:
    """The baselines with a smaller error than the surrogate, and what they cost."""
    own = metrics[SURROGATE]["all"]
    others = {m: by_count["all"] for m, by_count in metrics.items() if m not in OWN}
    time = own["milliseconds"]
    ahead = [
        f"{method} ({number(errors['milliseconds'] / time if time else None)})"
        for method, errors in others.items()
        if errors["mae"] < own["mae"]
    ]
    if not ahead:
        return "No baseline here has a smaller lattice MAE than the surrogate." if others else ""
    return (
        "These baselines have a smaller lattice MAE than the surrogate; in parentheses, their time "
        f"divided by the surrogate's: {', '.join(ahead)}."
    )


def _quantile_table(metrics: dict[str, Any]) -> Table:
    """Quantiles of the errors of single images."""
    names = {"mae": "lattice MAE", "relative_l2": "relative L2", "max_error": "maximum error"}
    levels = [f"{q * 100:g}%" for q in QUANTILES]
    rows = [
        [
            f"{method}: {label}",
            *(number(metrics[method]["all"]["quantiles"][name][level]) for level in levels),
        ]
        for method in metrics
        for name, label in names.items()
    ]
    return Table(["quantile over the images", *levels], rows)


def _bounds_table(proven: dict[str, Any]) -> Table:
    """Proven bounds and true errors, and the rounds of refinement to each tolerance, if any."""
    names = {
        "prediction_bound": "prediction: bound",
        "prediction_max_error": "true",
        "prediction_mae": "MAE",
        "corrected_bound": "corrected: bound",
        "corrected_max_error": "true",
        "corrected_mae": "MAE",
    }
    present = proven.get("all", {})
    shown = {name: heading for name, heading in names.items() if name in present}
    levels = list(present.get("rounds", {}))
    rows = [
        [
            "all" if count == "all" else f"{count} sources" if count != "1" else "1 source",
            *(number(found[n] if n.endswith("mae") else found[n]["max"]) for n in shown),
            *(f"{found['rounds'][x]['mean']:.1f} ({found['rounds'][x]['max']})" for x in levels),
        ]
        for count, found in proven.items()
    ]
    return Table(["largest error", *shown.values(), *(f"rounds to {x}" for x in levels)], rows)
