"""Measure whether a surrogate of one tissue with many parameters pays, against `solve`.

    python -m benchmarks.families                     # all problems of the scoreboard
    python -m benchmarks.families --side 256 --tissue stroma --snapshots 300

The tissues are in `benchmarks.families.tissues`. In "cells", few nodes take up; in "stroma"
and "tumour", all that hold no value do. Parameters are drawn over a decade each, but for the
vessels' value, over a factor of two.

`ReducedBasis` is trained on snapshots at Sobol' points. It and its competitors compute the fields
of other points, to a proven error. Competitors are `solve` from zeros (cold), from the nearest
snapshot (in the inputs of the regression), from the last of the points, which are drawn one by one,
and from parameters that differ by up to 5 % each, as in a chain of small steps. The speed-up is
over the fastest of cold, nearest and last; "target" is the one that was aimed at; "in a chain" is
over the fastest of all four. True errors are differences from `solve` to 1e-9, relative to the
largest value: the median over the points, and the worst. "Unproven" is the regression's prediction
alone, "Galerkin" what Galerkin's method makes of it without a proof. They are compared with `solve`
to a proven 1e-3, measured again beside them, if their median error is at most 1e-3, and have no
speed-up otherwise. Even then, the worst of their errors may be larger, as nothing is proven. All
times are CPU times per field in one thread: of each point the least of three rounds, and of these
the mean over the points, so that what fell back to `solve` counts. In a round the methods take
turns of eight points each, and then comes a batch of 64, so that what else the machine does slows
all of them. "Rounds" is the range of the speed-up and of single rounds'. "Pays from" and the
verdicts are from `benchmarks.families.judged`.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.families.judged import (
    COLUMNS,
    GALERKIN,
    TOLERANCES,
    UNPROVEN,
    row_of,
    speed_up,
    write_verdicts,
)
from benchmarks.families.tissues import EVERYWHERE, KINDS, family_of
from benchmarks.shared.command import command
from benchmarks.shared.measures import cpu_seconds, cpu_seconds_in_turns
from benchmarks.shared.tables import describe_times, write_table
from diffkeras.physics import Family, Problem, ReducedBasis, Solution, solve
from diffkeras.physics.families.training import Snapshots

ROUNDS = 3  # of which the least time of each point counts
SCOREBOARD = [  # tissue, lattice, parameters, snapshots, points
    ("cells", (128, 128), 5, 400, 24),
    ("cells", (256, 256), 5, 200, 24),
    ("cells", (256, 256), 5, 400, 24),
    ("cells", (512, 512), 5, 400, 8),
    ("cells", (64, 64, 64), 5, 200, 8),
    *((tissue, (side, side), 5, 300, 8) for tissue in EVERYWHERE for side in (192, 256)),
    *(("cells", (256, 256), parameters, 400, 24) for parameters in (3, 8, 12)),
]


class Trained(NamedTuple):
    """A basis with what its competitors start from, and the seconds that it took."""

    basis: ReducedBasis
    snapshots: Snapshots
    seconds: float

    def nearest(self, point: NDArray[np.float64]) -> NDArray[np.float64]:
        """The field of the nearest snapshot, in the scale of a point's."""
        scaling = self.basis.family.scaling
        inputs, mine = scaling.inputs(self.snapshots.points), scaling.inputs(point[None])
        number = int(np.argmin((((inputs - mine) / inputs.std(axis=0)) ** 2).sum(axis=1)))
        field = self.snapshots.fields[number] * scaling.scales(point[None])[0, 0]
        problem = self.basis.family.problem_at(point)
        return np.where(problem.fixed, problem.values, field.reshape(problem.lattice))


def train(family: Family, snapshots: int, modes: int | None = None) -> Trained:
    begin = time.process_time()
    solved = Snapshots.of(family, family.draw(snapshots, seed=0), 1e-6, 1)
    basis = ReducedBasis.fit(family, solved, modes)
    seconds = time.process_time() - begin
    click.echo(f"{basis!r:.80}, {seconds:.0f} s of training")
    return Trained(basis, solved, seconds)


class Points(NamedTuple):
    """Points whose fields are timed, their problems and exact fields, and what `solve` starts from.

    The starts belong to each classical method, by its name, None for zeros.
    """

    points: NDArray[np.float64]
    problems: list[Problem]
    exact: list[NDArray[np.floating]]
    starts: dict[str, list[Any]]


def points_of(trained: Trained, count: int) -> Points:
    """Points of a family that the basis wasn't trained on."""
    family, rng = trained.basis.family, np.random.default_rng(1)
    points = family.draw(count, seed=99)
    problems = [family.problem_at(point) for point in points]
    exact = [solve(problem, tolerance=1e-9).field for problem in problems]
    steps = np.clip(points * rng.uniform(0.95, 1.05, points.shape), family.low, family.high)
    chain = [solve(family.problem_at(step), tolerance=1e-6).field for step in steps]
    last = [exact[number - 1] for number in range(count)]
    starts: dict[str, list[Any]] = {
        "cold": [None] * count,
        "nearest": [trained.nearest(point) for point in points],
        "last": last,
        "chain": chain,
    }
    return Points(points, problems, exact, starts)


def rows_of(name: str, trained: Trained, count: int) -> list[list[str]]:
    basis, points = trained.basis, points_of(trained, count)
    many = basis.family.draw(64, seed=5)
    rows: list[list[str]] = []
    for accuracy in (*TOLERANCES, UNPROVEN, GALERKIN):
        compute = _prediction(basis, accuracy)
        tolerance = 1e-3 if isinstance(accuracy, str) else accuracy
        calls: dict[str, Callable[[int], Any]] = {
            start: partial(solve_at, points.problems, fields, tolerance)
            for start, fields in points.starts.items()
        }
        calls["basis"] = partial(predict_at, compute, points.points)
        rounds = []
        for _ in range(ROUNDS):
            alone = cpu_seconds_in_turns([*calls.values()], range(count))
            rounds.append([*alone, [cpu_seconds(partial(compute, many)) / len(many)] * count])
        names = [*calls, "of 64"]
        times = dict(zip(names, 1e3 * np.min(rounds, axis=0).mean(axis=1), strict=True))
        of_rounds = [dict(zip(names, each, strict=True)) for each in np.mean(rounds, axis=2)]
        results = [calls["basis"](number) for number in range(count)]
        speed = [speed_up(each) for each in of_rounds]
        rows.append(row_of(name, accuracy, times, speed, trained.seconds, results, points.exact))
        click.echo("  ".join(rows[-1]))
    return rows


def solve_at(problems: list[Problem], starts: list[Any], tolerance: float, number: int) -> Solution:
    return solve(problems[number], tolerance=tolerance, initial=starts[number])


def predict_at(compute: Callable[[NDArray], Any], points: NDArray, number: int) -> Any:
    return compute(points[number])


def _prediction(basis: ReducedBasis, accuracy: float | str) -> Callable[[NDArray], Any]:
    """What predicts the field of a point, or the fields of several."""
    if isinstance(accuracy, str):
        return partial(basis.fields, galerkin=accuracy == GALERKIN)

    def predict(points: NDArray) -> Any:
        call = basis.predict if points.ndim == 1 else basis.predict_many
        return call(points, accuracy)

    return predict


@command(__doc__, "families", "the tables, without .csv and _verdicts.csv")
@click.option("--side", type=int, help="One problem with so many nodes per side.")
@click.option("--tissue", type=click.Choice(["cells", *EVERYWHERE]), default="cells")
@click.option("--parameters", type=click.Choice([str(number) for number in KINDS]), default="5")
@click.option("--snapshots", default=400, help="Fields that the basis is trained on.")
@click.option("--points", default=24, help="Fields that are timed.")
def main(
    side: int | None, tissue: str, parameters: str, snapshots: int, points: int, output: Path
) -> None:
    plan = [(tissue, (side, side), int(parameters), snapshots, points)] if side else SCOREBOARD
    times = describe_times(f"means over points of the least of {ROUNDS} rounds", ("numpy", "scipy"))
    caption = (
        "Speed-ups over the fastest of cold, nearest and last; for unproven fields they are over a "
        f"proven 1e-3, which their worst errors may exceed. {times}"
    )
    rows: list[list[str]] = []
    with threadpool_limits(limits=1):
        for kind, lattice, number, solved, timed in plan:
            where = "×".join(map(str, lattice)) + f" {kind}" * (kind in EVERYWHERE)
            name = f"{where}, {number} parameters, {solved:,} snapshots"
            rows += rows_of(name, train(family_of(kind, lattice, number), solved), timed)
            write_table(rows, COLUMNS, output, caption)
            write_verdicts(output, caption)


if __name__ == "__main__":
    main()
