"""Write the tables of docs/arbiter.md: proven values beside published numbers.

python -m benchmarks.arbiter
"""

from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

import diffkeras as dk
from benchmarks.arbiter import readings
from benchmarks.arbiter.published import PUBLISHED, Published
from benchmarks.arbiter.readings import (
    CHEMOTAXIS,
    HELD,
    MANY_SINKS,
    MOLECULES,
    ONE_SINK,
    READINGS,
    Reading,
)
from benchmarks.arbiter.splitting import biodynamo, physicell
from benchmarks.shared.command import command
from benchmarks.shared.tables import write_table
from diffkeras.reporting.style import WIDTH, new_figure

MADE_BY = "computed by `python -m benchmarks.arbiter`"
READING_COLUMNS = [
    "test",
    "name",
    "reading",
    "steady value [µM]",
    "molecules/µm³",
    "proven to [µM]",
]
TOOL_COLUMNS = ["test", "program", "published [µM]", "reading", "steady [µM]", "difference [µM]"]
TOOL_COLUMNS += ["with its time step [µM]", "what is known"]
SHOWN = (8.2, 10.1)  # µM, of the picture of one sink
Steady = dict[Reading, dk.Solution | None]


def steady_fields() -> Steady:
    """The steady state of each reading; None where there is none."""
    found: Steady = {}
    for reading in READINGS:
        try:
            found[reading] = dk.solve(reading.problem())
        except dk.DiffkerasError:
            found[reading] = None
    return found


def reading_row(reading: Reading, solution: dk.Solution | None) -> list[str]:
    start = [reading.test.name, reading.key, reading.text]
    if solution is None:
        return [*start, "no steady state", "", ""]
    value, bound = reading.value(solution)
    if reading.test is CHEMOTAXIS:
        return [*start, f"{value + 0.0:.8f} /µm", "", f"{bound:.0e}"]
    note = ", negative inside" if solution.field.min() < -1e-9 else ""
    return [*start, f"{value:.8f}{note}", f"{value * MOLECULES:.2f}", f"{bound:.0e}"]


def with_time_step(published: Published) -> float | None:
    """The number that the program's own time step gives [µM], if it is known."""
    one = published.test is ONE_SINK
    cells = readings.ONE if one else readings.MANY
    if published.tool == "PhysiCell, its later run":
        field = physicell(readings.ONE if one else readings.APART, readings.WEIGHTED)
    elif published.tool.startswith("BioDynaMo") and published.reading:
        between, after = biodynamo(cells, readings.UPTAKE)
        field = between if published.tool.endswith("compared") else after
    else:
        return None
    return float((field * readings.weights(published.test, field.shape)).sum())


def tool_row(published: Published, steady: Steady) -> list[str]:
    row = [published.test.name, published.tool, f"{published.value:.5f}"]
    if published.reading is None:
        return [*row, "none", "", "", "", published.why]
    reading = readings.reading_of(published.test, published.reading)
    value, _ = reading.value(steady[reading])
    own = with_time_step(published)
    difference = round(published.value - value, 5)
    row += [published.reading, f"{value:.5f}", f"{difference:+.5f}" if difference else "0"]
    return [*row, "" if own is None else f"{own:.5f}", published.why]


def draw(steady: Mapping[Reading, dk.Solution | None]) -> Figure:
    """Readings as lines and programs as points, for each test; and the fields of two readings."""
    figure = new_figure(WIDTH, 11.0)
    grid = figure.add_gridspec(3, 1, height_ratios=(3, 3, 5))
    below = grid[2].subgridspec(2, 2)
    for place, test in enumerate((ONE_SINK, MANY_SINKS)):
        axis = figure.add_subplot(grid[place])
        draw_test(axis, [(r, s) for r, s in steady.items() if r.test is test])
    fields = {
        "20 µM/min,\nstopping at 0": _field(steady, "zero-order-stopping"),
        "in proportion,\ncells 23 µm apart": _field(steady, "first-order-apart"),
        "the same by\nPhysiCell's time step": physicell(readings.APART, readings.WEIGHTED),
    }
    *axes, last = (figure.add_subplot(below[part]) for part in range(4))
    for axis, (title, field) in zip(axes, fields.items(), strict=True):
        picture = axis.imshow(
            field[6], vmin=0, vmax=10, extent=(-120, 120, -120, 120), origin="lower"
        )
        axis.set(title=title, xlabel="x [µm]", ylabel="y [µm]")
    last.set_axis_off()
    figure.colorbar(picture, ax=last, label="concentration [µM]", fraction=0.2, aspect=12)
    return figure


def _field(steady: Mapping[Reading, dk.Solution | None], key: str) -> NDArray[np.floating]:
    """The steady field of a reading of many sinks that has one."""
    solution = steady[readings.reading_of(MANY_SINKS, key)]
    assert solution is not None
    return solution.field


def draw_test(axis: Axes, steady: list[tuple[Reading, dk.Solution | None]]) -> None:
    test = steady[0][0].test
    names: list[str] = []
    for reading, solution in steady:
        if solution is not None:
            value, row = reading.value(solution)[0], len(names)
            names.append(reading.key)
            axis.plot(value, row, "|", color="k", markersize=10, markeredgewidth=2)
            if test is ONE_SINK and not SHOWN[0] < value < SHOWN[1]:
                place, side = (0.98, "right") if value > HELD else (0.02, "left")
                where = axis.get_yaxis_transform()
                axis.text(place, row, f"at {value:.4g}", transform=where, ha=side, va="center")
    axis.set_yticks(range(len(names)), names)
    axis.invert_yaxis()
    styles = zip(("BioDynaMo", "Chaste", "PhysiCell", "TiSim"), "osD^", strict=True)
    for place, (tool, marker) in enumerate(styles):
        for number in [n for n in PUBLISHED if n.test is test and n.tool.startswith(tool)]:
            height = names.index(number.reading) if number.reading in names else len(names) + 0.5
            label = tool if tool not in axis.get_legend_handles_labels()[1] else None
            axis.plot(
                number.value,
                height,
                marker=marker,
                color=f"C{place}",
                alpha=0.8,
                linestyle="",
                label=label,
            )
    axis.axhline(len(names) - 0.25, color="0.8")
    axis.text(
        0.02, len(names) + 0.6, "no reading", transform=axis.get_yaxis_transform(), va="center"
    )
    axis.set_ylim(len(names) + 1.2, -0.7)
    axis.set(title=f"{test.name}: {test.reported}", xlabel="concentration [µM]")
    if test is ONE_SINK:
        axis.set_xlim(SHOWN)
    else:
        axis.legend(loc="lower left", bbox_to_anchor=(0, 0.4), labelspacing=0.3)


@command(__doc__, "arbiter", "the tables, without _readings.csv and _programs.csv")
def main(output: Path) -> None:
    steady = steady_fields()
    rows = [reading_row(*each) for each in steady.items()]
    write_table(rows, READING_COLUMNS, output.with_name(f"{output.name}_readings"), MADE_BY)
    rows = [tool_row(published, steady) for published in PUBLISHED]
    write_table(rows, TOOL_COLUMNS, output.with_name(f"{output.name}_programs"), MADE_BY)
    for test in (ONE_SINK, MANY_SINKS):
        click.echo(f"{test.name}: time constant {test.time_constant:.2f} min, end {test.end:g} min")


if __name__ == "__main__":
    main()
