"""Train the shipped families, and write their cards.

    python -m benchmarks.shipped_families

Each basis is trained, saved into the package and read back. The card has its parameters with their
ranges, and what is proven at Sobol' points that the training didn't see: the bound of the
prediction without a tolerance, the largest one of all points; and for tolerances, how many fields
were proven without a correction, with corrections, and by the solver. Times are CPU times per field
in one thread, means over 200 of the points, of which all methods take turns of eight; times of
`solve` are from zeros, and from the nearest snapshot, to the same tolerance.
"""

import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.families.__main__ import Trained, predict_at, solve_at, train
from benchmarks.shared.command import command
from benchmarks.shared.measures import cpu_seconds_in_turns
from benchmarks.shared.tables import describe_times, with_versions
from diffkeras.physics import ReducedBasis, Solution
from diffkeras.physics.families.shipped import FAMILIES, FOLDER
from diffkeras.reporting.text import markdown_table
from diffkeras.system.atomic_files import write_text

SNAPSHOTS, MODES = 400, 64
TOLERANCES = (1e-2, 1e-3, 1e-4)
TIMED = 200  # points
COLUMNS = ["tolerance", "time", "`solve`", "from the nearest snapshot"]
COLUMNS += ["proven error, median", "worst", "uncorrected", "by `solve`"]


@command(__doc__, FOLDER, "the directory of bases and cards", published=("cards_only",))
@click.option("--points", default=2000, help="Points at which predictions are proven.")
@click.option("--cards-only", is_flag=True, help="Keep the bases that are there.")
def main(points: int, cards_only: bool, output: Path) -> None:
    with threadpool_limits(limits=1):
        for name, make in FAMILIES.items():
            family, file = make(), output / f"{name}.npz"
            trained = train(family, SNAPSHOTS, MODES)
            if not cards_only:
                trained.basis.save(file)
            trained = trained._replace(basis=ReducedBasis.load(file, family))
            card = card_of(trained, family.draw(points, seed=1))
            write_text(file.with_suffix(".md"), card)
            click.echo(card)


def card_of(trained: Trained, points: np.ndarray) -> str:
    basis, family = trained.basis, trained.basis.family
    predictions = [partial(basis.predict, tolerance=tolerance) for tolerance in TOLERANCES]
    timed = points[:TIMED]
    problems = [family.problem_at(point) for point in timed]
    nearest = [trained.nearest(point) for point in timed]
    alone: list[Callable[[np.ndarray], object]] = [basis.fields, *predictions]
    methods = [partial(predict_at, compute, timed) for compute in alone]
    for starts in ([None] * len(timed), nearest):
        methods += [partial(solve_at, problems, starts, tolerance) for tolerance in TOLERANCES]
    times = cpu_seconds_in_turns(methods, range(len(timed)))
    unproven, *proven = 1e3 * np.mean(times, axis=1)
    bounds = [_bound(basis.predict(point)) for point in points]
    median, worst = f"{statistics.median(bounds):.1e}", f"{max(bounds):.1e}"
    rows = [["none", f"{unproven:.2f} ms", "", "", median, worst, "", ""]]
    each = np.reshape(proven, (3, -1)).T
    for tolerance, predict, three in zip(TOLERANCES, predictions, each, strict=True):
        solved = [predict(point) for point in points]
        bounds = [_bound(one) for one in solved]
        by_solver = sum(one.stats.method != "reduced-basis" for one in solved)
        as_it_is = sum(one.stats.iterations == 0 for one in solved)
        rows.append(
            [
                f"{tolerance:.0e}",
                *(f"{took:.2f} ms" for took in three),
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
        f"{with_versions(describe_times(f'means over {len(timed)} of them in turns'))}.",
        "",
        markdown_table(["parameter", "from", "to"], ranges),
        "",
        markdown_table(COLUMNS, rows),
    ]
    return "\n".join(lines) + "\n"


def _bound(solution: Solution) -> float:
    """The proven error of a field, relative to its largest value."""
    return float(solution.error_bound / np.abs(solution.field).max())


if __name__ == "__main__":
    main()
