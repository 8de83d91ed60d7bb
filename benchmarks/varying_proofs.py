"""Measure what proofs cost in media that vary: against unproven solutions, and from good starts.

    python -m benchmarks.varying_proofs

The media are tissues on 512² nodes with 1,600 cells that take up, of one diffusivity or of 20
regions that differ in it; 20 discs are vessels. "Own conjugate gradients" are the ones in `solve`,
with the equations and the multigrid cycle set up, and without a proof. They end like
PyAMG, when the residual is 1e-6 of the first one. PyAMG gets the assembled matrix and sets its
hierarchy up. Starts and certified fields are the exact field with an error of 1e-2, smooth or noise
from node to node. Iterations are conjugate gradients' for field and bound together, each
with a multigrid cycle. "Again" means with `Equations` that have been used before, so that they are
set up. All times are CPU times, medians of rounds in one process and in one thread, in which every
method has its turn.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from scipy.ndimage import gaussian_filter
from threadpoolctl import threadpool_limits

from benchmarks.shared.command import command
from benchmarks.shared.free_system import FreeSystem
from benchmarks.shared.measures import cpu_medians
from benchmarks.shared.tables import describe_times, write_table
from diffkeras.physics import (
    Certificate,
    Medium,
    Problem,
    TissueSampler,
    certify,
    sample_sources,
    solve,
)
from diffkeras.physics.equations import Equations
from diffkeras.physics.linear.cg import conjugate_gradients

CELLS, REGIONS, VESSELS = 1600, 20, 20
BASE = Medium(decay=1e-3, boundary="reflecting")
TOLERANCE, LOOSE, WRONG = 1e-6, 1e-3, 1e-2
COLUMNS = ["medium", "method", "iterations", "error", "proven bound", "CPU [ms]", "ratio"]


def vessels_in_tissue(side: int, regions: int) -> tuple[np.ndarray, Medium]:
    """A source image and the medium."""
    sampler = TissueSampler(cells=(CELLS, CELLS), regions=(regions, regions))
    drawn = sampler.sample(side, rng=1)
    diffusivity = drawn.diffusivity_map(side).astype(np.float64) if regions > 1 else 1.0
    decay = drawn.maps(side, BASE)["decay"].astype(np.float64)
    image = sample_sources(VESSELS, (side, side), rng=0).image((side, side), np.float64)
    return image, Medium(diffusivity, decay, boundary=BASE.boundary)


def own_conjugate_gradients(image: np.ndarray, medium: Medium) -> np.ndarray:
    """The field by the method of `solve`, without its proof."""
    equations = Equations(Problem(image, medium=medium))
    cycle, start = equations.cycle, np.where(equations.free, 0.0, image)
    residual = -equations.residual(start).astype(np.float32).ravel()
    least = TOLERANCE * np.linalg.norm(residual)
    found = conjugate_gradients(
        cycle.matrix.dot, cycle, residual, lambda _, left: np.linalg.norm(left) <= least, 50
    )
    return start + found.solution.reshape(image.shape)


def rows_of(name: str, side: int, regions: int, rounds: int) -> list[list[str]]:
    image, medium = vessels_in_tissue(side, regions)
    exact = solve(image, medium=medium, tolerance=1e-11).field
    noise = np.random.default_rng(2).standard_normal(exact.shape)
    errors = {"smooth": gaussian_filter(noise, side / 64), "noise": noise}
    starts = {kind: exact + WRONG * error / abs(error).max() for kind, error in errors.items()}
    equations = Equations(Problem(image, medium=medium))
    fresh = partial(solve, image, medium=medium)
    calls: dict[str, Callable[[], Any]] = {
        f"solve to {TOLERANCE:g}": partial(fresh, tolerance=TOLERANCE),
        "own conjugate gradients": partial(own_conjugate_gradients, image, medium),
        "PyAMG": partial(FreeSystem(Problem(image, medium=medium)).solve, TOLERANCE),
        f"solve to {LOOSE:g}": partial(fresh, tolerance=LOOSE),
    }
    for kind, start in starts.items():
        calls[f"solve to {LOOSE:g}, {kind} start"] = partial(fresh, tolerance=LOOSE, initial=start)
        calls[f"certify, {kind}"] = partial(certify, start, image, medium=medium)
        again = partial(solve, equations, tolerance=LOOSE, initial=start)
        calls[f"certify again, {kind}"] = partial(certify, start, equations)
        calls[f"solve to {LOOSE:g} again, {kind} start"] = again
    medians = dict(zip(calls, cpu_medians([*calls.values()], rounds), strict=True))
    first = next(iter(medians.values()))
    rows = []
    for method, call in calls.items():
        found = call()
        field, bound, iterations = found, "", ""
        if not isinstance(found, np.ndarray):
            solution = found.corrected if isinstance(found, Certificate) else found
            field, bound = found.field, f"{found.error_bound:.1e}"
            iterations = str(solution.stats.iterations)
        took = medians[method]
        wrong = f"{abs(field - exact).max():.1e}"
        times_of = [f"{1e3 * took:.0f}", f"{took / first:.2f}"]
        rows.append([name, method, iterations, wrong, bound, *times_of])
        click.echo("  ".join(rows[-1]))
    return rows


@command(__doc__, "varying_proofs")
@click.option("--side", default=512, help="Nodes per side.")
@click.option("--rounds", default=7, help="Number of rounds.")
def main(side: int, rounds: int, output: Path) -> None:
    with threadpool_limits(1):
        rows = rows_of("D and decay vary", side, REGIONS, rounds)
        rows += rows_of("decay varies", side, 1, rounds)
    caption = (
        f"{side}² nodes, {CELLS:,} cells, {VESSELS} vessels; errors relative to their value, "
        "ratios to the proven solution. "
        f"{describe_times(f'the median of {rounds} rounds in turns')}"
    )
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
