"""Compare the exact solver with other solvers of the same equations.

    python -m benchmarks.solver                      # everything, about nine minutes
    python -m benchmarks.solver --sides 128 --counts 1,20    # a minute

Each method runs on each problem in its own process, in one thread. The time is CPU time, which with
one thread on a quiet machine equals wall time. It is the fastest of the repeated calls within two
seconds, two at least, so tables that depend only on the lattice and the medium exist already, with
quartiles of the calls after the first.
"Pairs" is this time in transform pairs, which take turns with the method in the same process. Ranks
are by pairs, because processes run one after the other. The first call starts without tables. The
peak memory is of the process in the first call, with what it held before: Python, its libraries,
and the matrix; on other systems than Linux it is the peak until then. Differences are relative to
the field of spsolve. FiPy takes part if it is installed, best outside of the environment:

    pip install --target /tmp/fipy --no-deps fipy==4.0.3
    PYTHONPATH=/tmp/fipy python -m benchmarks.solver
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.shared.children import in_own_process, run
from benchmarks.shared.command import command, whole_numbers
from benchmarks.shared.tables import write_table
from benchmarks.solver.methods import FLOOR, METHODS, PRODUCTION, caption, measure, why_not

EQUAL_ACCURACY = 1e-8  # methods that differ less from spsolve are ranked
COLUMNS = ["side", "discs", "rank", "method", "time [ms]", "quartiles [ms]", "pairs"]
COLUMNS += ["first call [ms]", "peak memory [MB]", "largest difference", "note"]
REFERENCE = "spsolve"
LIMIT = 600.0  # seconds of a method


@command(__doc__, "solver")
@click.option("--sides", default="128,512,1024", callback=whole_numbers, help="Nodes per side.")
@click.option("--counts", default="1,20,200", callback=whole_numbers, help="Numbers of discs.")
@click.option("--method", "methods", multiple=True, type=click.Choice(list(METHODS)))
def main(sides: list[int], counts: list[int], methods: tuple[str, ...], output: Path) -> None:
    chosen, rows = methods or tuple(METHODS), []
    for side in sides:
        for count in counts:
            # 200 discs of radius 5 don't fit on 128²
            if count * 300 > side**2:
                continue
            rows += _problem(side, count, chosen)
    if not rows:
        raise click.UsageError("none of the numbers of discs fits on any of the lattices")
    write_table([[*row.values()] for row in rows], COLUMNS, output, caption(chosen))


def _problem(side: int, count: int, methods: Sequence[str]) -> list[dict[str, str]]:
    """Rows of the table for one problem, ranked."""
    measured: dict[str, dict[str, Any]] = {}
    notes: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        # spsolve solves the fixed values only
        compared = [] if {*methods} <= {FLOOR, PRODUCTION} else [REFERENCE]
        for method in [FLOOR, *compared, *methods]:
            if method in measured or method in notes:
                continue
            if note := why_not(method, side):
                notes[method] = note
            else:
                case = {"method": method, "side": side, "count": count}
                keep = f"{folder}/{method}.npy"
                try:
                    measured[method] = in_own_process(
                        "solver", "measure", limit=LIMIT, **case, keep=keep
                    )
                except RuntimeError as error:
                    notes[method] = str(error)
            print(
                f"{side}² {count:4d} discs  {method:18s} {measured.get(method, notes.get(method))}",
                flush=True,
            )
        reference = f"{folder}/{REFERENCE}.npy"
        for method, result in measured.items():
            if method not in (FLOOR, PRODUCTION) and Path(reference).exists():
                field = np.load(f"{folder}/{method}.npy")
                result["difference"] = float(np.abs(field - np.load(reference)).max())
    fastest_first = sorted(
        (name for name in measured if name != FLOOR),
        key=lambda name: measured[name]["fastest"] / measured[name]["pair"],
    )
    exact = [name for name in fastest_first if name != PRODUCTION and _exact(measured[name])]
    others = [name for name in fastest_first if name not in exact]
    ranks = {name: str(place) for place, name in enumerate(exact, 1)}
    order = [*([FLOOR] if FLOOR in measured else []), *exact, *others, *notes]
    return [
        _row(side, count, name, ranks.get(name, ""), measured, notes.get(name, ""))
        for name in order
    ]


def _exact(result: dict[str, Any]) -> bool:
    """Whether a method may be ranked; without a difference from spsolve it may not."""
    return bool(result.get("difference", np.inf) <= EQUAL_ACCURACY)


def _row(side: int, count: int, name: str, rank: str, measured: dict, note: str) -> dict[str, str]:
    row = dict.fromkeys(COLUMNS, "")
    row |= {"side": str(side), "discs": str(count), "rank": rank, "method": name, "note": note}
    if name in measured:
        result = measured[name]
        row["time [ms]"] = f"{1e3 * result['fastest']:.3g}"
        row["quartiles [ms]"] = "–".join(f"{1e3 * each:.3g}" for each in result["quartiles"])
        row["first call [ms]"] = f"{1e3 * result['first']:.3g}"
        row["peak memory [MB]"] = f"{result['memory']:.0f}"
        row["pairs"] = f"{result['fastest'] / result['pair']:.3g}"
        if "difference" in result and name != REFERENCE:
            row["largest difference"] = f"{result['difference']:.1e}"
        if name == FLOOR:
            row["note"] = "for comparison; solves nothing"
        elif name == PRODUCTION:
            ratio = result["fastest"] / result["bare"]
            row["note"] = f"the discs produce; {ratio:.2f} times the bare inverse"
        elif "difference" not in result:
            row["note"] = f"without {REFERENCE} to compare with, not ranked"
        elif not _exact(result):
            row["note"] = "less accurate, not ranked"
    return row


if __name__ == "__main__":
    run(main, {"measure": measure})
