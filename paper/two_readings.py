"""Compare the two readings of arXiv 2302.03786: sources with a fixed value, and production.

    python -m paper.two_readings                    # several minutes
    python -m paper.two_readings --counts 1,20 --examples 50

The shares of the lattice in the regions R1 to R3 are means over training examples of the
configurations `paper` (fixed values) and `paper_production`. The difference of the readings is the
lattice MAE between two fields of the same discs, those of `paper`: the field with fixed values, and
the field of production divided by its maximum. The last column is the share of images of
`paper_production` in which discs touch or overlap. The table shows some source counts, the picture
all of them.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import pandas as pd

import diffkeras as dk
from diffkeras.physics import Example, ExampleRecipe, production_of
from diffkeras.reporting.text import markdown_table
from diffkeras.view.target import region_mask
from docs.pictures.phone import write_pictures
from paper.drawing import STYLE, panels

RESULTS = Path(__file__).parent / "results" / "two_readings"
REGIONS = {"r1": "R1", "r2": "R2", "r3": "R3"}
COLORS = {"r1": "#0b6e99", "r2": "#d1792a", "r3": "#5b8c3a"}
AUTHORS = {1: (0.0045, 0.0057, 0.0086), 20: (0.040, 0.069, 0.106)}  # read from the authors' plot
IN_TABLE = (1, 2, 5, 10, 15, 20)
COLUMNS = ["n", *(f"{r}: {by}" for r in REGIONS.values() for by in ("fixed", "production", "plot"))]
COLUMNS += ["MAE between the readings", "discs that touch: production"]


class Measured(NamedTuple):
    """What was measured for one source count.

    Attributes:
        fixed, production: shares of the lattice in R1, R2 and R3.
        difference: lattice MAE between the two fields of the same discs.
        touching: share of the images of production in which discs touch or overlap.
    """

    fixed: list[float]
    production: list[float]
    difference: float
    touching: float


def shares(example: Example) -> list[float]:
    """Shares of the lattice in R1, R2 and R3."""
    masks = (region_mask(name, example.field, example.source_image) for name in REGIONS)
    return [float(mask.mean()) for mask in masks]


def touch(sources: dk.Sources) -> bool:
    """Whether any two discs touch or overlap."""
    apart = np.hypot(*(np.subtract.outer(x, x) for x in (sources.rows, sources.columns)))
    reach = np.add.outer(sources.radii, sources.radii)
    return bool(np.triu(apart <= reach, 1).any())


def difference(example: Example, medium: dk.Medium) -> float:
    """Lattice MAE between an example with fixed values and the production of the same discs."""
    production = production_of(example.source_image, medium)
    field = dk.solve(production=production, medium=medium).field
    return float(np.abs(field / field.max() - example.field).mean())


def measure(count: int, examples: int, processes: int) -> Measured:
    """Both readings for one source count."""

    def recipe(name: str) -> ExampleRecipe:
        return dk.load_config(name).recipe(count)

    fixed, production = recipe("paper"), recipe("paper_production")
    numbers = range(examples)
    with ProcessPoolExecutor(processes) as pool:
        of_fixed = [
            (*shares(example), difference(example, fixed.medium))
            for example in pool.map(partial(fixed.example, "train"), numbers)
        ]
        of_production = [
            (*shares(example), touch(example.sources))
            for example in pool.map(partial(production.example, "train"), numbers)
        ]
    *shares_fixed, apart = np.mean(of_fixed, axis=0)
    *shares_production, touching = np.mean(of_production, axis=0)
    return Measured(shares_fixed, shares_production, apart, touching)


def draw(measured: dict[int, Measured], path: Path) -> None:
    """The shares against n, of both readings and of the authors' plot."""
    figure, [axis] = panels(1, height=2.8)
    axis.set(xlabel="number of sources n", ylabel="share of the lattice", yscale="log")
    counts = list(measured)
    for place, (region, name) in enumerate(REGIONS.items()):
        color = COLORS[region]
        axis.plot(counts, [m.production[place] for m in measured.values()], "-", color=color)
        axis.plot(counts, [m.fixed[place] for m in measured.values()], "--", color=color)
        axis.plot([*AUTHORS], [a[place] for a in AUTHORS.values()], "o", color=color)
        end = (counts[-1], measured[counts[-1]].production[place])
        axis.annotate(name, end, (8, -4), textcoords="offset points", color=color)
    for style, name in (("-", "production"), ("--", "fixed values"), ("o", "authors' plot")):
        axis.plot([], [], style, color="black", label=name)
    axis.set(xticks=[1, 5, 10, 15, 20], xlim=(0, 22.8))
    axis.legend()
    write_pictures(figure, path, 200, STYLE)


@click.command(help=str(__doc__).partition("\n")[0])
@click.option("--counts", default=",".join(map(str, range(1, 21))))
@click.option("--examples", default=400, help="Examples per source count.")
@click.option("--processes", default=1, help="Processes that solve.")
@click.option(
    "--output",
    default=RESULTS,
    type=click.Path(path_type=Path),
    help="Path of the table and the picture, without .md, .csv and .png.",
)
def main(counts: str, examples: int, processes: int, output: Path) -> None:
    measured = {}
    for count in map(int, counts.split(",")):
        measured[count] = measure(count, examples, processes)
        click.echo(f"n = {count} done", err=True)
    rows = []
    for count, found in measured.items():
        if count in IN_TABLE:
            cells = [str(count)]
            for place in range(len(REGIONS)):
                plot = f"{AUTHORS[count][place]:g}" if count in AUTHORS else ""
                cells += [f"{found.fixed[place]:.4f}", f"{found.production[place]:.4f}", plot]
            rows.append([*cells, f"{found.difference:.4f}", f"{found.touching:.0%}"])
    pd.DataFrame(rows, columns=COLUMNS).to_csv(output.with_suffix(".csv"), index=False)
    caption = f"512×512 nodes, means over {examples} examples of each n."
    text = f"{caption}\n\n{markdown_table(COLUMNS, rows)}\n"
    output.with_suffix(".md").write_text(text, encoding="utf-8")
    draw(measured, output.with_suffix(".png"))


if __name__ == "__main__":
    main()
