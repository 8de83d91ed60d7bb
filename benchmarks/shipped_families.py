"""Train the shipped families, and write their cards.

    python -m benchmarks.shipped_families

Each basis is trained, saved into the package and read back. The card has its parameters with their
ranges, and what is proven at Sobol' points that the training didn't see: the bound of the
prediction without a tolerance, the largest one of all points; and for tolerances, how many fields
were proven without a correction, with corrections, and by the solver. Times are CPU times per field
of one thread, medians over 200 of the points, of which all methods take turns of eight; those of
`solve` are from zeros to the same tolerance.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.shared.command import command
from benchmarks.shared.measures import cpu_seconds_in_turns
from benchmarks.shared.tables import describe_machine, with_versions
from diffkeras.physics import Family, ReducedBasis, Solution, solve
from diffkeras.physics.families.reduced_basis.shipped import FAMILIES, FOLDER
from diffkeras.reporting.text import markdown_table
from diffkeras.system.atomic_files import write_text

SNAPSHOTS, MODES = 400, 64
TOLERANCES = (1e-2, 1e-3, 1e-4)
TIMED = 200  # points
COLUMNS = ["tolerance", "time", "`solve`", "proven error, median", "worst"]
COLUMNS += ["uncorrected", "by `solve`"]


@command(__doc__, FOLDER, "the directory of bases and cards", published=("cards_only",))
@click.option("--points", default=2000, help="Points at which predictions are proven.")
@click.option("--cards-only", is_flag=True, help="Don't train again.")
def main(points: int, cards_only: bool, output: Path) -> None:
    with threadpool_limits(limits=1):
        for name, make in FAMILIES.items():
            family, file = make(), output / f"{name}.npz"
            begin = time.process_time()
            if not cards_only:
                basis = ReducedBasis.train(family, SNAPSHOTS, modes=MODES, processes=1)
                basis.save(file)
                click.echo(f"{name}: {time.process_time() - begin:.0f} s of training")
            card = card_of(ReducedBasis.load(file, family), family.draw(points, seed=1))
            write_text(file.with_suffix(".md"), card)
            click.echo(card)


def card_of(basis: ReducedBasis, points: np.ndarray) -> str:
    family: Family = basis.family
    predictions = [partial(basis.predict, tolerance=tolerance) for tolerance in TOLERANCES]
    solutions = [partial(_solved, family, tolerance) for tolerance in TOLERANCES]
    methods: list[Callable[[np.ndarray], object]] = [basis.fields, *predictions, *solutions]
    times = cpu_seconds_in_turns(methods, list(points[:TIMED]))
    unproven, *proven = 1e3 * np.median(times, axis=1)
    bounds = [_bound(basis.predict(point)) for point in points]
    median, worst = f"{statistics.median(bounds):.1e}", f"{max(bounds):.1e}"
    rows = [["none", f"{unproven:.2f} ms", "", median, worst, "", ""]]
    pairs = np.reshape(proven, (2, -1)).T
    for tolerance, predict, both in zip(TOLERANCES, predictions, pairs, strict=True):
        solved = [predict(point) for point in points]
        bounds = [_bound(one) for one in solved]
        by_solver = sum(one.stats.method != "reduced-basis" for one in solved)
        as_it_is = sum(one.stats.iterations == 0 for one in solved)
        rows.append(
            [
                f"{tolerance:.0e}",
                *(f"{took:.2f} ms" for took in both),
                f"{statistics.median(bounds):.1e}",
                f"{max(bounds):.1e}",
                f"{as_it_is / len(points):.0%}",
                f"{by_solver / len(points):.1%}",
            ]
        )
    lattice = "×".join(map(str, family.problem.lattice))
    ranges = [[f"`{p.name}`", f"{p.low:g}", f"{p.high:g}"] for p in family.parameters]
    lines = [
        f"{basis.snapshots} snapshots, {len(basis.modes)} modes, {lattice} nodes. Proven relative "
        f"errors at {len(points):,} points that the training didn't see. "
        f"{with_versions(describe_machine(()))}.",
        "",
        markdown_table(["parameter", "from", "to"], ranges),
        "",
        markdown_table(COLUMNS, rows),
    ]
    return "\n".join(lines) + "\n"


def _bound(solution: Solution) -> float:
    """The proven error of a field, relative to its largest value."""
    return float(solution.error_bound / np.abs(solution.field).max())


def _solved(family: Family, tolerance: float, point: np.ndarray) -> Solution:
    return solve(family.problem_at(point), tolerance=tolerance)


if __name__ == "__main__":
    main()
