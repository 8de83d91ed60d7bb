"""Compare the two readings of arXiv 2302.03786: sources with a fixed value, and production.

    python -m paper.two_readings                    # minutes
    python -m paper.two_readings --counts 1,20 --examples 50

The shares of the lattice in the regions R1 to R3 are means over training examples of the
configurations `paper` (fixed values) and `paper_production`. The difference of the readings is the
lattice MAE between two fields of the same discs, those of `paper`: the field with fixed values, and
the field of production divided by its maximum. The last column is the share of images of
`paper_production` in which discs touch or overlap.
"""

from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd

import diffkeras as dk
from diffkeras.physics import Example, ExampleRecipe, production_of
from diffkeras.view.target import region_mask

TABLE = Path(__file__).parent / "results" / "two_readings.csv"
REGIONS = ("R1", "R2", "R3")
AUTHORS = {1: (0.0045, 0.0057, 0.0086), 20: (0.040, 0.069, 0.106)}  # read from the authors' plot


def shares(example: Example) -> list[float]:
    """Shares of the lattice in R1, R2 and R3."""
    masks = (region_mask(name.lower(), example.field, example.source_image) for name in REGIONS)
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


def row(count: int, examples: int) -> dict[str, str]:
    """Both readings for one source count."""

    def recipe(name: str) -> ExampleRecipe:
        return dk.load_config(name).recipe(count)

    fixed, production = recipe("paper"), recipe("paper_production")
    numbers = range(examples)
    of_fixed = [
        (*shares(example), difference(example, fixed.medium))
        for example in map(partial(fixed.example, "train"), numbers)
    ]
    of_production = [
        (*shares(example), touch(example.sources))
        for example in map(partial(production.example, "train"), numbers)
    ]
    *shares_fixed, apart = np.mean(of_fixed, axis=0)
    *shares_production, touching = np.mean(of_production, axis=0)
    cells = {"n": str(count)}
    for place, region in enumerate(REGIONS):
        cells[f"{region}: fixed"] = f"{shares_fixed[place]:.4f}"
        cells[f"{region}: production"] = f"{shares_production[place]:.4f}"
        cells[f"{region}: plot"] = f"{AUTHORS[count][place]:g}" if count in AUTHORS else ""
    cells["MAE between the readings"] = f"{apart:.4f}"
    cells["discs that touch: production"] = f"{touching:.0%}"
    return cells | {"measured on": f"512×512 nodes, means over {examples} examples of each n"}


@click.command(help=str(__doc__).partition("\n")[0])
@click.option("--counts", default="1,2,5,10,15,20", show_default=True)
@click.option("--examples", default=400, help="Examples per source count.")
@click.option("--output", default=TABLE, type=click.Path(path_type=Path))
def main(counts: str, examples: int, output: Path) -> None:
    rows = [row(int(count), examples) for count in counts.split(",")]
    pd.DataFrame(rows).to_csv(output, index=False)


if __name__ == "__main__":
    main()
