"""Measure how the cost of the exact solver grows with the number of discs and the lattice.

    python -m benchmarks.solver_scaling              # several minutes
    python -m benchmarks.solver_scaling --quick      # up to 512² and 100 discs

There are three series: n discs on the largest lattice, 20 discs on N² nodes, and a number of discs
proportional to the number of nodes. Each is solved with `method="auto"` in its own process, in one
thread. The peak memory is of the process in the first call, with Python and its libraries. The
exponents are least-squares fits of log time to log n or log N over the upper half of each series.
"""

from pathlib import Path

import click
import numpy as np

from benchmarks.shared.children import in_own_process, run
from benchmarks.shared.command import command
from benchmarks.shared.measures import first_calls
from benchmarks.shared.tables import write_table
from benchmarks.solver.methods import MEDIUM, MOST_CALLS, TIMED_FOR, caption, source_image
from diffkeras.physics import solve

COUNTS = [10, 30, 100, 300, 1000, 3000, 10_000]
SIDES = [128, 256, 512, 1024, 2048, 4096]
NODES_A_DISC = 4096  # 1,024 discs on 2048²
COLUMNS = ["series", "side", "discs", "method", "iterations", "time [s]", "first call [s]"]
COLUMNS += ["peak memory [MB]"]


@command(__doc__, "solver_scaling", "the table, without .csv")
@click.option("--quick", is_flag=True, help="Only up to 512² and 100 discs.")
def main(quick: bool, output: Path) -> None:
    sides = SIDES[:3] if quick else SIDES
    counts = [count for count in COUNTS if not quick or count <= 100]
    cases = {
        f"n discs on {sides[-1]}²": [(sides[-1], count) for count in counts],
        "20 discs on N²": [(side, 20) for side in sides],
        f"N²/{NODES_A_DISC} discs on N²": [(side, side**2 // NODES_A_DISC) for side in sides],
    }
    done: dict[tuple[int, int], dict] = {}
    rows = []
    for series, points in cases.items():
        for point in points:
            if point not in done:
                side, count = point
                done[point] = in_own_process("solver_scaling", "measure", side=side, count=count)
                print(series, point, done[point], flush=True)
            result = done[point]
            values = [series, *point, result["method"], result["iterations"]]
            values += [f"{result[key]:.3g}" for key in ("fastest", "first")]
            rows.append([*map(str, values), f"{result['memory']:.0f}"])
    exponents = {
        series: exponent(points, [done[point]["fastest"] for point in points])
        for series, points in cases.items()
    }
    found = "; ".join(f"{series} {value:.2f}" for series, value in exponents.items())
    write_table(rows, COLUMNS, output, f"{caption()}. Exponents: {found}")


def measure(side: int, count: int) -> dict[str, float | str]:
    """Seconds of the first and of the fastest call, with the method, iterations and memory."""
    image = source_image(side, count)
    found = first_calls(lambda: solve(image, medium=MEDIUM).stats, MOST_CALLS, TIMED_FOR)
    return {
        "method": found.result.method,
        "iterations": found.result.iterations,
        "first": found.first,
        "fastest": found.fastest,
        "memory": found.memory,
    }


def exponent(points: list[tuple[int, int]], seconds: list[float]) -> float:
    """d log time / d log n, or / d log N, over the upper half of a series of (side, discs)."""
    half = len(points) // 2
    sizes = np.log([point[varies(points)] for point in points[half:]])
    return float(np.polyfit(sizes, np.log(seconds[half:]), 1)[0])


def varies(points: list[tuple[int, int]]) -> int:
    """What differs within a series: 0 for the side, 1 for the number of discs."""
    return 0 if points[0][0] != points[-1][0] else 1


if __name__ == "__main__":
    run(main, {"measure": measure})
