"""Compare the exact solver with PyAMG in three dimensions, at one error.

    python -m benchmarks.space                       # 128³ nodes, 200 balls: about two minutes
    python -m benchmarks.space --side 48 --count 20  # seconds

Balls of radius 5 hold their values between absorbing walls, D = 1, γ = 1/400. Each method runs in
its own process on one thread. The time is CPU time, of the first call and of the fastest of two to
five within five seconds. PyAMG's solvers get the assembled matrix, and their relative residual is
lowered by tens until the largest error is at most 1e-8 of the largest value, as `solve` is asked
for. Errors are relative to a field of `solve` whose own bound `certify` proves. The peak is
the resident memory in the first call, less what was resident before, in arrays of one float64 per
node. It includes all tables of diffkeras, and for PyAMG not the matrix, which is assembled before.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import diffkeras as dk
from benchmarks.shared.children import in_own_process, run
from benchmarks.shared.command import command
from benchmarks.shared.free_system import FreeSystem
from benchmarks.shared.measures import PEAK, first_calls, resident_memory
from benchmarks.shared.tables import describe_times, write_table

MEDIUM = dk.Medium()
ERROR = 1e-8
SMALLEST = 1e-15  # tolerance; a relative residual below it is lost in rounding
CALLS = 4  # after the first
TIMED_FOR = 5.0  # seconds of repeated calls
COLUMNS = ["method", "time [s]", "ratio", "first call [s]", "peak [fields]", "largest error"]


def image_of(side: int, count: int) -> NDArray[np.float64]:
    """The same balls in every process."""
    sources = dk.sample_sources(count, (side, side, side), radius=5, rng=0)
    return sources.image(dtype=np.float64)


def solved(image: NDArray) -> Callable[[float], NDArray]:
    return lambda tolerance: dk.solve(image, medium=MEDIUM, tolerance=tolerance).field


def by_pyamg(image: NDArray, kind: str) -> Callable[[float], NDArray]:
    """PyAMG's solver of that kind, to a relative residual; its setup is part of each call."""
    import pyamg  # noqa: F401 - before a clock starts

    system = FreeSystem(dk.Problem(image, medium=MEDIUM))
    return lambda tolerance: system.solve(tolerance, kind=kind)


METHODS = {
    "diffkeras": solved,
    "PyAMG, Ruge-Stüben": lambda image: by_pyamg(image, "Ruge-Stüben"),
    "PyAMG, smoothed aggregation": lambda image: by_pyamg(image, "smoothed aggregation"),
}


def measure(method: str, side: int, count: int, tolerance: float, reference: str) -> dict:
    """Seconds, memory and error of one method."""
    image = image_of(side, count)
    run = METHODS[method](image)
    before = resident_memory()
    found = first_calls(lambda: run(tolerance), CALLS, TIMED_FOR)
    peak = (found.memory - before) * 2**20 / (8 * side**3)
    error = float(np.abs(found.result - np.load(reference, mmap_mode="r")).max())
    return {"first": found.first, "fastest": found.fastest, "peak": peak, "error": error}


def proven_reference(side: int, count: int, path: str) -> float:
    """Write a field and return the bound of its error."""
    image = image_of(side, count)
    field = dk.solve(image, medium=MEDIUM, tolerance=1e-12).field
    certificate = dk.certify(field, image, medium=MEDIUM)
    np.save(path, certificate.field)
    return certificate.error_bound


@command(__doc__, "space")
@click.option("--side", default=128, help="Nodes of a side.")
@click.option("--count", default=200, help="Number of balls.")
def main(side: int, count: int, output: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/reference.npy"
        case: dict[str, Any] = {"side": side, "count": count}
        bound = in_own_process("space", "reference", path=path, **case)
        results = {}
        for method in METHODS:
            tolerance = ERROR
            while tolerance >= SMALLEST:
                case |= {"method": method, "tolerance": tolerance}
                found = in_own_process("space", "measure", reference=path, **case)
                if found["error"] <= ERROR:
                    break
                tolerance /= 10
            else:
                raise click.ClickException(
                    f"{method} stagnates: with a tolerance of {10 * tolerance:.0e}, its largest "
                    f"error is {found['error']:.0e}, above {ERROR:g}"
                )
            results[method] = found
    ours = results["diffkeras"]["fastest"]
    rows = [
        [
            method,
            f"{found['fastest']:.2f}",
            f"{found['fastest'] / ours:.1f}",
            f"{found['first']:.2f}",
            f"{found['peak']:.1f}",
            f"{found['error']:.0e}",
        ]
        for method, found in results.items()
    ]
    statistic = f"the fastest of 2 to {1 + CALLS} calls within {TIMED_FOR:g} s"
    caption = (
        f"{side}³ nodes, {count} balls. Largest errors are against a field that is proven to "
        f"within {bound:.0e}. {describe_times(statistic, ('numpy', 'scipy', 'pyamg'))}, each "
        f"method in its own process; peak memory {PEAK}, less what was resident before"
    )
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    run(main, {"measure": measure, "reference": proven_reference})
