"""Measure what derivatives cost: a field with the derivatives by every part, against the field.

    python -m benchmarks.gradients

The problems have 20 discs with fixed values: a uniform medium, one whose 20 discs release instead,
and a tissue of 20 regions of different diffusivity with 1,600 cells that take up in proportion, or
saturating. "All derivatives" are of the field's sum of squares by every part of the problem
(`Solution.vjp`), by one adjoint equation. "Central differences" are two more fields for each of ten
parameters. PyAMG solves the field's and the adjoint's equations (of the linear tissue, with one
hierarchy), and computes no derivatives from them. torch-sla, where it is installed, computes the
field and the derivatives by every entry of the matrix by LU (`pip install torch-sla`). Both get the
assembled matrix. Fields and adjoints are solved to 1e-8, and `solve` proves the error of the field.
"Memory" is the most that NumPy allocates, in float64 fields, above the field's own memory. All
times are CPU times, medians of rounds in one process and in one thread, in which every method has
its turn.
"""

import tracemalloc
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import click
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.shared.command import command
from benchmarks.shared.free_system import FreeSystem, hierarchy_of, solve_by
from benchmarks.shared.measures import cpu_medians
from benchmarks.shared.tables import describe_times, write_table
from benchmarks.varying_proofs import BASE, CELLS, REGIONS, VESSELS, vessels_in_tissue
from diffkeras.physics import Medium, MichaelisMenten, Problem, solve

TOLERANCE, PARAMETERS = 1e-8, 10
COLUMNS = ["problem", "nodes", "method", "CPU [ms]", "ratio", "memory [fields]"]


def problems(side: int) -> dict[str, Callable[[], Problem]]:
    """Functions that make each problem from the start, so that nothing is set up before."""
    discs, linear = vessels_in_tissue(side, REGIONS)
    bare = Medium(linear.diffusivity, BASE.decay, boundary=BASE.boundary)
    uptake = MichaelisMenten(linear.decay - np.min(linear.decay), 0.2)
    return {
        "uniform, fixed values": partial(Problem, discs),
        "uniform, production": partial(Problem, production=discs),
        "tissue, linear": partial(Problem, discs, medium=linear),
        "tissue, saturating": partial(Problem, discs, medium=bare, uptake=uptake),
    }


def all_derivatives(make: Callable[[], Problem]) -> None:
    """The field and the derivatives by every part."""
    solution = solve(make(), tolerance=TOLERANCE)
    dict(solution.vjp(2 * solution.field, TOLERANCE))


def differences(make: Callable[[], Problem]) -> None:
    """As many fields as central differences need."""
    for _ in range(1 + 2 * PARAMETERS):
        solve(make(), tolerance=TOLERANCE)


def by_pyamg(system: FreeSystem) -> None:
    """The field and the adjoint of a linear problem."""
    hierarchy = hierarchy_of(system.matrix)
    field = solve_by(hierarchy, system.right, TOLERANCE)
    solve_by(hierarchy, 2 * field, TOLERANCE)


def by_torch_sla(system: FreeSystem) -> None:
    """The field of a linear problem and the derivatives by the matrix and the right-hand side."""
    import torch
    import torch_sla

    entries = system.matrix.tocoo()
    values, right = (torch.tensor(x, requires_grad=True) for x in (entries.data, system.right))
    rows, columns = (torch.tensor(part.astype(np.int64)) for part in entries.coords)
    field = torch_sla.spsolve(values, rows, columns, entries.shape, right, backend="scipy")
    (field**2).sum().backward()


def rows_of(name: str, make: Callable[[], Problem], rounds: int) -> list[list[str]]:
    calls: dict[str, Callable[[], object]] = {
        "field": lambda: solve(make(), tolerance=TOLERANCE),
        "field and all derivatives": lambda: all_derivatives(make),
    }
    if name == "tissue, linear":
        system = FreeSystem(make())
        calls["field and adjoint by PyAMG"] = lambda: by_pyamg(system)
        if find_spec("torch_sla"):
            calls["field and derivatives by torch-sla"] = lambda: by_torch_sla(system)
    calls[f"central differences of {PARAMETERS} parameters"] = lambda: differences(make)
    medians = dict(zip(calls, cpu_medians([*calls.values()], rounds), strict=True))
    nodes = make().values.size
    peaks = {method: peak(call) / (8 * nodes) for method, call in list(calls.items())[:2]}
    rows = []
    for method, took in medians.items():
        more = f"{max(peaks[method] - peaks['field'], 0):.1f}" if method in peaks else ""
        ratio = f"{took / medians['field']:.2f}"
        rows.append([name, str(nodes), method, f"{1e3 * took:.0f}", ratio, more])
        click.echo("  ".join(rows[-1]))
    return rows


def peak(call: Callable[[], object]) -> int:
    """The most bytes that are allocated at a time."""
    tracemalloc.start()
    call()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@command(__doc__, "gradients")
@click.option("--side", "sides", multiple=True, default=(256, 512), help="Nodes per side.")
@click.option("--rounds", default=7, help="Number of rounds.")
def main(sides: tuple[int, ...], rounds: int, output: Path) -> None:
    with threadpool_limits(limits=1):
        rows = [
            row
            for side in sides
            for name, make in problems(side).items()
            for row in rows_of(name, make, rounds)
        ]
    caption = (
        f"{VESSELS} discs; the tissue has {CELLS:,} cells and {REGIONS} regions; tolerance "
        f"{TOLERANCE:g}; ratios to the field. "
        f"{describe_times(f'the median of {rounds} rounds in turns')}"
    )
    write_table(rows, COLUMNS, output, caption)


if __name__ == "__main__":
    main()
