"""The rows of `benchmarks.families`, and whether a basis pays, from times that were measured.

"Pays from" is the number of fields from which snapshots, training and fields together take less
time than the fastest of cold, nearest and last. The verdicts are about fields to a proven 1e-3,
one by one: "yes" if they take at most half of the time of the fastest of cold, nearest and last,
"hardly" if they take less time at all; in brackets are the speed-ups of single rounds. Times are
means over points, as the time of many fields is their number times the mean.
"""

import csv
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.shared.tables import CAPTION, joined, without_versions, write_table
from diffkeras.physics import Solution

TOLERANCES = (1e-2, 1e-3, 1e-4)
UNPROVEN, GALERKIN = "unproven", "Galerkin"
ALONE = ("cold", "nearest", "last")  # of points that are drawn one by one
CLASSICAL = (*ALONE, "chain")
TARGETS: dict[float | str, int] = {1e-2: 5, 1e-3: 4, 1e-4: 3, UNPROVEN: 30}
PAYS = 0.5  # share of the best classical time
ACCURACIES = (*(f"{tolerance:.0e}" for tolerance in TOLERANCES), UNPROVEN, GALERKIN)
COLUMNS = [
    "problem",
    "cold [ms]",
    "nearest [ms]",
    "last [ms]",
    "chain [ms]",
    "basis [ms]",
    "of 64 [ms]",
    "speed-up",
    "rounds",
    "target",
    "in a chain",
    "true error",
    "worst",
    "solved",
    "pays from",
]


def speed_up(times: dict[str, float]) -> float:
    """The time of the fastest of cold, nearest and last, divided by the time of the basis."""
    return min(times[method] for method in ALONE) / times["basis"]


def row_of(
    name: str,
    accuracy: float | str,
    times: dict[str, float],
    rounds: list[float],
    training: float,
    results: list[Any],
    exact: list[NDArray[np.floating]],
) -> list[str]:
    """The row of a family and an accuracy, from mean times [ms], the speed-up of each round, and
    seconds of training."""
    solved, errors = 0, []
    for result, field in zip(results, exact, strict=True):
        is_proven = isinstance(result, Solution)
        solved += is_proven and result.stats.method != "reduced-basis"
        got = result.field if is_proven else result
        errors.append(float(np.abs(got - field).max() / field.max()))
    best = min(times[method] for method in ALONE)
    speeds = [speed_up(times), *rounds]
    saved = best - times["basis"]
    pays_from = f"{1e3 * training / saved:,.0f}" if saved > 0 else "never"
    limit = 1e-3 if isinstance(accuracy, str) else accuracy
    is_right = statistics.median(errors) <= limit
    return [
        f"{name}, {accuracy if isinstance(accuracy, str) else f'{accuracy:.0e}'}",
        *(f"{times[method]:.1f}" for method in CLASSICAL),
        f"{times['basis']:.2f}",
        f"{times['of 64']:.2f}",
        f"{speeds[0]:.1f}×" if is_right else "",
        f"{min(speeds):.1f}–{max(speeds):.1f}×" if is_right else "",
        f"{TARGETS[accuracy]}×" if accuracy in TARGETS else "",
        f"{min(times[m] for m in CLASSICAL) / times['basis']:.1f}×" if is_right else "",
        f"{statistics.median(errors):.1e}",
        f"{max(errors):.1e}",
        f"{100 * solved / len(results):.0f}%",
        pays_from if is_right else "",
    ]


def write_verdicts(output: Path, caption: str) -> None:
    """A table of verdicts, one for each problem of the table of times."""
    with output.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        measured = {row["problem"]: row for row in csv.DictReader(file)}
    rows, versions = [], []
    for problem in dict.fromkeys(name.rpartition(", ")[0] for name in measured):
        of_problem = [measured[f"{problem}, {error}"] for error in ACCURACIES]
        row = measured[f"{problem}, 1e-03"]
        best = min(float(row[f"{start} [ms]"]) for start in ALONE)
        share = float(row["basis [ms]"]) / best
        verdict = "no"
        if row["pays from"] != "never":
            verdict = f"{'yes' if share <= PAYS else 'hardly'}, after {row['pays from']} fields"
        in_batch = f"{best / float(row['of 64 [ms]']):.1f}×"
        speeds = [each["speed-up"] for each in of_problem]
        if row["rounds"]:
            speeds[1] += f" ({row['rounds']})"
        rows.append([problem, *speeds, in_batch, verdict])
        versions.append(joined(without_versions(each[CAPTION])[1] for each in of_problem))
    columns = ["problem", "10⁻²", "10⁻³", "10⁻⁴", UNPROVEN, GALERKIN, "10⁻³, 64 at once", "pays"]
    write_table(rows, columns, output.with_name(f"{output.name}_verdicts"), caption, versions)
