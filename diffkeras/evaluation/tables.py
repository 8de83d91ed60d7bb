"""Tables of an evaluation's report."""

from typing import Any

from diffkeras.evaluation.errors import ERRORS, QUANTILES
from diffkeras.evaluation.methods import METHODS
from diffkeras.evaluation.proven_bounds import TOLERANCES
from diffkeras.reporting.html import Table, mark_best, number

# of the columns in `ERRORS`
HEADINGS = ("lattice MAE", "sources", "field", "R1", "R2", "R3", "relative L2", "maximum error")


def overall_table(metrics: dict[str, Any]) -> Table:
    """Errors of each method over all test images, the best of each column marked."""
    return Table(["method", *HEADINGS], mark_best(_rows(metrics, "all", METHODS)))


def per_count_table(metrics: dict[str, Any], counts: tuple[int, ...]) -> Table:
    """The same for each source count."""
    rows = []
    for count in counts:
        labels = [f"{count}: {method}" for method in METHODS]
        rows += mark_best(_rows(metrics, str(count), labels))
    return Table(["sources: method", *HEADINGS], rows)


def _rows(metrics: dict[str, Any], count: str, labels: Any) -> list[tuple[str, list[float | None]]]:
    return [
        (label, [metrics[method][count][name] for name in ERRORS])
        for label, method in zip(labels, METHODS, strict=True)
    ]


def quantile_table(metrics: dict[str, Any]) -> Table:
    """Quantiles of the errors of single images."""
    names = {"mae": "lattice MAE", "relative_l2": "relative L2", "max_error": "maximum error"}
    levels = [f"{q * 100:g}%" for q in QUANTILES]
    rows = [
        [
            f"{method}: {label}",
            *(number(metrics[method]["all"]["quantiles"][name][level]) for level in levels),
        ]
        for method in METHODS
        for name, label in names.items()
    ]
    return Table(["quantile over the images", *levels], rows)


def bounds_table(proven: dict[str, Any]) -> Table:
    """Proven bounds and true errors, and the rounds of refinement to each tolerance."""
    names = {
        "prediction_bound": "prediction: bound",
        "prediction_max_error": "true",
        "prediction_mae": "MAE",
        "corrected_bound": "corrected: bound",
        "corrected_max_error": "true",
        "corrected_mae": "MAE",
    }
    levels = [f"{tolerance:.0e}" for tolerance in TOLERANCES]
    rows = [
        [
            "all" if count == "all" else f"{count} sources" if count != "1" else "1 source",
            *(number(found[n] if n.endswith("mae") else found[n]["max"]) for n in names),
            *(f"{found['rounds'][x]['mean']:.1f} ({found['rounds'][x]['max']})" for x in levels),
        ]
        for count, found in proven.items()
    ]
    return Table(["largest error", *names.values(), *(f"rounds to {x}" for x in levels)], rows)
