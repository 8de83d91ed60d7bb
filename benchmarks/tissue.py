"""Measure saturating uptake: Newton's method with PyAMG, warm starts, substrates.

    python -m benchmarks.tissue                       # 256², and substrates on 512²
    python -m benchmarks.tissue --only substrates

Discs that hold 1 are vessels, and cells take up by Michaelis-Menten kinetics. Newton's method with
PyAMG sets a Ruge-Stüben hierarchy up in each step, and solves it by conjugate gradients to 1e-8
("exact steps") or to 1e-2 ("inexact steps"). It starts from 0 and is stopped, without a proof, as
soon as its error is at most 1e-6, which it could not know. `solve` proves 1e-6, or 1e-3 where the
row says so. Substrates differ in D, γ, maximum uptake and K, and have the cells and vessels in
common. All times are CPU times, medians of rounds in one process and in one thread, in which every
method has its turn.
"""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import scipy.sparse as sp
from threadpoolctl import threadpool_limits

from benchmarks.shared.command import command
from benchmarks.shared.free_system import FreeSystem, hierarchy_of, solve_by
from benchmarks.shared.measures import cpu_medians
from benchmarks.shared.tables import describe_times, write_table
from diffkeras.physics import Medium, MichaelisMenten, Problem, certify, sample_sources, solve

TOLERANCE, LOOSE = 1e-6, 1e-3
STARTS = (1e-3, 3e-6)  # relative errors
MEDIUM = Medium(decay=1e-4, boundary="reflecting")
CONSTANT = 0.2  # K, relative to the value of the vessels
CELLS, VESSELS = 400, 20
SUBSTRATES = 10
COLUMNS = ["cells", "share of nodes", "method", "steps", "iterations", "error", "ms", "ratio"]


def uptake_of_cells(side: int, places: np.ndarray, radius: float) -> np.ndarray:
    """Maximum uptake of round cells at these places (2, cells), of 0.05 to 0.2."""
    maximum = np.zeros((side, side))
    reach = np.arange(-int(radius), int(radius) + 1)
    rows, columns = (offsets.ravel() for offsets in np.meshgrid(reach, reach, indexing="ij"))
    inside = rows**2 + columns**2 <= radius**2
    rates = np.random.default_rng(3).uniform(0.05, 0.2, len(places[0]))
    for row, column, rate in zip(*places, rates, strict=True):
        maximum[(row + rows[inside]) % side, (column + columns[inside]) % side] = rate
    return maximum


class NewtonWithPyamg:
    """Newton's method with algebraic multigrid, assembled in the obvious way."""

    def __init__(self, image: np.ndarray, maximum: np.ndarray, exact: np.ndarray) -> None:
        system, free = FreeSystem(Problem(image, medium=MEDIUM)), image == 0
        self.matrix, self.inflow = system.matrix, system.right
        self.maximum, self.exact = maximum[free], exact[free]

    def solve(self, reduction: float) -> tuple[int, int, float]:
        """Steps, iterations and error."""
        field = np.zeros(self.inflow.size)
        steps, iterations, error = 0, 0, np.inf
        while error > TOLERANCE and steps < 50:
            share = CONSTANT / (CONSTANT + field)
            missed = self.matrix @ field + self.maximum * (1 - share) - self.inflow
            jacobian = self.matrix + sp.diags_array(self.maximum / CONSTANT * share**2)
            residuals: list[float] = []
            with warnings.catch_warnings(record=True):
                field -= solve_by(hierarchy_of(jacobian), missed, reduction, residuals)
            np.maximum(field, 0.0, out=field)
            iterations += len(residuals) - 1
            error = float(abs(field - self.exact).max())
            steps += 1
        return steps, iterations, error


def rows_of_methods(side: int, rounds: int) -> list[list[str]]:
    """All methods on cells that cover about a quarter of the nodes."""
    rng = np.random.default_rng(0)
    image = sample_sources(VESSELS, (side, side), rng=0).image((side, side), np.float64)
    places, radius = rng.integers(0, side, (2, CELLS)), 3.9 * side / 256
    before = uptake_of_cells(side, places, radius)
    maximum = uptake_of_cells(side, places + rng.integers(-1, 2, (2, CELLS)), radius)
    share = (maximum > 0).mean()
    options: dict[str, Any] = {"uptake": MichaelisMenten(maximum, CONSTANT), "medium": MEDIUM}
    exact = solve(image, tolerance=1e-11, **options).field
    initial = solve(image, uptake=MichaelisMenten(before, CONSTANT), medium=MEDIUM).field
    newton = NewtonWithPyamg(image, maximum, exact)
    prediction = np.where(image == 0, 0.99 * exact, image)
    calls: dict[str, Callable[[], Any]] = {
        "PyAMG, exact steps": partial(newton.solve, 1e-8),
        "PyAMG, inexact steps": partial(newton.solve, 1e-2),
        "solve": partial(solve, image, tolerance=TOLERANCE, **options),
        "solve, cells moved by one node": partial(
            solve, image, tolerance=TOLERANCE, initial=initial, **options
        ),
        **{
            f"solve, start wrong by {wrong:g}": partial(
                solve, image, tolerance=TOLERANCE, initial=(1 - wrong) * exact, **options
            )
            for wrong in STARTS
        },
        "solve to 1e-3": partial(solve, image, tolerance=LOOSE, **options),
        "solve to 1e-3, cells moved by one node": partial(
            solve, image, tolerance=LOOSE, initial=initial, **options
        ),
        "certify (1 % wrong)": partial(certify, prediction, image, **options),
    }
    took = cpu_medians(list(calls.values()), rounds)
    rows = []
    for (name, call), second in zip(calls.items(), took, strict=True):
        found = call()
        if isinstance(found, tuple):
            told = [str(found[0]), str(found[1]), f"{found[2]:.1e}"]
        elif name.startswith("certify"):
            told = ["", "", f"{found.error_bound:.1e} proven"]
        else:
            counts = found.stats.newton_steps, found.stats.iterations
            told = [*map(str, counts), f"{found.error_bound:.1e} proven"]
        ratio = f"{second / took[0]:.2f}"
        rows.append([f"{CELLS}", f"{share:.0%}", name, *told, f"{1e3 * second:.0f}", ratio])
        click.echo("  ".join(rows[-1]))
    return rows


def rows_of_substrates(side: int, rounds: int) -> list[list[str]]:
    """Ten substrates one by one, each from zeros or from the field of the one before."""
    rng = np.random.default_rng(0)
    image = sample_sources(VESSELS, (side, side), rng=0).image((side, side), np.float64)
    cells = uptake_of_cells(side, rng.integers(0, side, (2, CELLS)), 3.9 * side / 256)
    problems: list[dict[str, Any]] = []
    for _ in range(SUBSTRATES):
        diffusivity, decay = np.exp(rng.uniform(np.log([0.3, 1e-4]), np.log([3.0, 1e-2])))
        uptake = MichaelisMenten(cells * rng.uniform(0.3, 3), rng.uniform(0.05, 0.5))
        medium = Medium(diffusivity, decay, boundary=MEDIUM.boundary)
        problems.append({"uptake": uptake, "medium": medium, "tolerance": TOLERANCE})

    def chain() -> list[int]:
        field, iterations = None, []
        for problem in problems:
            solution = solve(image, initial=field, **problem)
            field = solution.field
            iterations.append(solution.stats.iterations)
        return iterations

    calls: list[Callable[[], Any]] = [partial(solve, image, **problem) for problem in problems]
    *each, chained = cpu_medians([*calls, chain], rounds)
    mean = sum(each) / SUBSTRATES
    counts = [call().stats.iterations for call in calls]
    rows = [["one substrate, mean", f"{np.mean(counts):.0f}", f"{1e3 * mean:.0f}", "1.00"]]
    for name, count, took in (
        ("ten, each from zeros", sum(counts), sum(each)),
        ("ten, each from the field before", sum(chain()), chained),
    ):
        rows.append([name, f"{count}", f"{1e3 * took:.0f}", f"{took / mean:.2f}"])
    return rows


@command(__doc__, "tissue", "the tables, without .csv and _substrates.csv", published=("only",))
@click.option("--side", default=256, help="Nodes per side.")
@click.option("--rounds", default=5, help="Number of rounds.")
@click.option("--only", type=click.Choice(["methods", "substrates"]), help="One table of both.")
def main(side: int, rounds: int, only: str | None, output: Path) -> None:
    times = f"the median of {rounds} rounds in turns"
    if only != "substrates":
        with threadpool_limits(1):
            rows = rows_of_methods(side, rounds)
        caption = (
            f"{side}² nodes, {VESSELS} vessels, saturating cells; errors relative to their value, "
            f"ratios to the first row. {describe_times(times)}"
        )
        write_table(rows, COLUMNS, output, caption)
    if only != "methods":
        with threadpool_limits(1):
            rows = rows_of_substrates(2 * side, rounds)
        caption = (
            f"{2 * side}² nodes, {VESSELS} vessels, {CELLS} cells, {SUBSTRATES} substrates that "
            f"saturate, to {TOLERANCE:g}; ratios to the first row. {describe_times(times)}"
        )
        columns = ["solve", "iterations", "ms", "ratio"]
        write_table(rows, columns, output.with_name(f"{output.name}_substrates"), caption)


if __name__ == "__main__":
    main()
