"""Cells that move, divide and die in a tissue, with the steady oxygen field at each step.

    python docs/examples/simulation.py                                   # writes simulation/
    python docs/examples/simulation.py --steps 20 --side 64 --output small

A cell is 2×2 nodes of 5 µm. Oxygen diffuses from vessels that hold 40 mmHg, and is steady within
seconds, while cells change within hours: D ∇²u − γu − v u/(K + u) = 0 between the vessels, with
v = 0 where no cell is. Five ways to compute u are compared with a much more accurate solution,
which decides what the cells do. The script writes an animation, a picture and a table.
"""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click
import matplotlib
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.figure import Figure

import diffkeras as dk
from diffkeras.system.environment import machine

STEP = 5.0  # µm, between nodes
DIFFUSIVITY = 2000.0  # µm²/s
DECAY = 0.1  # γ, 1/s: a little is taken up everywhere
VESSEL = 40.0  # mmHg
MAXIMUM = 15.0  # v, mmHg/s
CONSTANT = 2.5  # K, mmHg
ANOXIA, PLENTY = 1.0, 8.0  # mmHg: cells die below the first, and divide above the second
MOVE, DIVIDE, DIE = 0.2, 0.05, 0.2  # probabilities in one step
MEDIUM = dk.Medium(DIFFUSIVITY, DECAY, STEP, "reflecting")
TOLERANCE = 1e-3  # of the largest value, 0.04 mmHg
tissue_surrogate = cache(lambda: dk.load_surrogate("tissue"))  # loads TensorFlow, once
Way = Callable[..., np.ndarray]
Frame = dict[str, np.ndarray]


def nodes(sites: np.ndarray) -> np.ndarray:
    """The nodes of sites, each 2×2 nodes."""
    return np.kron(sites, np.ones((2, 2)))


def uptake_of(cells: np.ndarray) -> dk.MichaelisMenten:
    """What the cells take up."""
    return dk.MichaelisMenten(MAXIMUM * nodes(cells), CONSTANT)


def cold(image: np.ndarray, cells: np.ndarray, last: np.ndarray, **options: Any) -> np.ndarray:
    """The steady field, with a proven error."""
    options = {"tolerance": TOLERANCE, **options}
    return dk.solve(image, uptake=uptake_of(cells), medium=MEDIUM, **options).field


def warm(image: np.ndarray, cells: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The same, beginning with the last field."""
    return cold(image, cells, last, initial=last)


def lagged(image: np.ndarray, cells: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The cells take up at the rate that the last field gave them, where it was positive."""
    rate = uptake_of(cells).rate(np.maximum(last, 0.0))
    return dk.solve(image, production=-rate, medium=MEDIUM, tolerance=TOLERANCE).field


def lagged_constant(image: np.ndarray, cells: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The cells take up k·u, with k = v/(K + u) from the last field."""
    rate = MAXIMUM * nodes(cells) / (CONSTANT + last)
    return dk.solve(image, uptake=rate, medium=MEDIUM, tolerance=TOLERANCE, initial=last).field


def by_surrogate(image: np.ndarray, cells: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The same by the shipped surrogate, in its units: the step and D are 1."""
    decay = DECAY + MAXIMUM * nodes(cells) / (CONSTANT + np.maximum(last, 0.0))
    maps = {"diffusivity": np.ones(image.shape), "decay": decay * STEP**2 / DIFFUSIVITY}
    return tissue_surrogate().predict(image, **maps).field


WAYS = {
    "`solve`": cold,
    "`solve(initial=last field)`": warm,
    "uptake of the last field": lagged,
    "rate constant of the last field": lagged_constant,
    "the same by `predict`": by_surrogate,
}


def live(cells: np.ndarray, vessels: np.ndarray, oxygen: np.ndarray, rng: np.random.Generator):
    """One step of the cells' lives: each dies, divides or moves to a free site beside it."""
    oxygen = oxygen.reshape(len(cells), 2, len(cells), 2).mean(axis=(1, 3))  # of each site
    places = np.argwhere(cells)
    rng.shuffle(places)
    for row, column in places:
        if oxygen[row, column] < ANOXIA:
            cells[row, column] = rng.random() >= DIE
        divides = oxygen[row, column] > PLENTY and rng.random() < DIVIDE
        if cells[row, column] and (divides or rng.random() < MOVE):
            beside = rng.choice([[0, 1], [1, 0], [0, -1], [-1, 0]])
            new = tuple((np.array([row, column]) + beside) % len(cells))
            if not (cells[new] or vessels[new]):
                cells[new], cells[row, column] = True, divides


def simulate(steps: int, side: int, ways: dict[str, Way]) -> tuple[list[Frame], dict[str, list]]:
    """The cells and fields of each step, and the CPU seconds that each way took for them."""
    rng = np.random.default_rng(0)
    sites = (side // 2, side // 2)
    vessels = np.zeros(sites, bool)
    vessels.flat[rng.choice(vessels.size, max(1, vessels.size // 200), replace=False)] = True
    cells = (rng.random(sites) < 0.2) & ~vessels
    image = VESSEL * nodes(vessels)
    oxygen = cold(image, cells, image)
    last = {name: way(image, cells, oxygen) for name, way in ways.items()}
    frames, seconds = [], {name: [] for name in ways}
    for _ in range(steps):
        live(cells, vessels, oxygen, rng)
        for name, way in ways.items():
            start = time.process_time()
            last[name] = way(image, cells, last[name])
            seconds[name].append(time.process_time() - start)
        oxygen = cold(image, cells, oxygen, tolerance=1e-9)
        frames.append({"cells": cells.copy(), "exact": oxygen, **last})
    return frames, seconds


def errors(frames: list[Frame], way: str) -> np.ndarray:
    """The largest error of each step [mmHg]."""
    return np.array([np.abs(frame[way] - frame["exact"]).max() for frame in frames])


def table(frames: list[Frame], seconds: dict[str, list]) -> str:
    """One line for each way."""
    side, count = len(frames[0]["exact"]), [int(frame["cells"].sum()) for frame in frames]
    lines = [
        f"{len(frames)} steps on {side}² nodes, {count[0]} cells in the first and {count[-1]} in "
        f"the last; errors and values in mmHg, with a tolerance of {TOLERANCE * VESSEL:g} mmHg. "
        f"Measured on {machine()}.",
        "",
        "| field of each step by | error, median | error, largest | lowest value | CPU ms a step |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for way, spent in seconds.items():
        error, lowest = errors(frames, way), min(frame[way].min() for frame in frames)
        figures = f"{np.median(error):.2g} | {error.max():.2g} | {lowest:.2g}"
        lines.append(f"| {way} | {figures} | {1e3 * np.mean(spent):.1f} |")
    return "\n".join([*lines, ""])


def draw_errors(frames: list[Frame], ways: list[str]) -> Figure:
    """The largest error over the steps."""
    figure = Figure(figsize=(5.25, 4), layout="constrained")  # on a phone, too, it can be read
    axes = figure.add_subplot(xlabel="step", ylabel="largest error [mmHg]", yscale="log")
    for way in ways:
        style: dict[str, Any] = {"label": way.replace("`", ""), "linewidth": 1.2}
        if WAYS[way] is by_surrogate:  # on the line of the same constants: both are seen
            style |= {"linestyle": (0, (3, 5)), "linewidth": 1, "color": "black"}
        axes.plot(1 + np.arange(len(frames)), errors(frames, way), **style)
    figure.legend(fontsize=9.5, ncols=2, loc="outside upper center", frameon=False)
    return figure


def animate(frames: list[Frame], path: Path) -> None:
    """Cells, their oxygen, and what lagged uptake makes of it, in at most 20 frames."""
    frames = frames[:: -(-len(frames) // 20)]
    grey = "#767676"  # legible on white and on black
    figure = Figure(figsize=(5.25, 5.2), layout="constrained", facecolor="none")
    oxygen = {"cmap": matplotlib.colormaps["RdBu_r"].resampled(20), "vmin": -VESSEL, "vmax": VESSEL}
    shown: dict[str, Any] = dict.fromkeys(["cells", "exact", "uptake of the last field"])
    *panels, last = figure.subplots(2, 2).ravel()
    for axes, name in zip(panels, shown, strict=True):
        look = {"cmap": "Greys", "vmin": 0, "vmax": 1} if name == "cells" else oxygen
        shown[name] = axes.imshow(frames[0][name], interpolation="nearest", **look)
        axes.set_title(name, fontsize=10, color=grey)
        axes.set_axis_off()
    last.set_axis_off()
    bar = figure.colorbar(shown["exact"], ax=last, fraction=0.2, aspect=12)
    bar.set_label("mmHg, blue is below 0", fontsize=10, color=grey)
    bar.ax.tick_params(color=grey, labelcolor=grey)

    def draw(frame: dict) -> list:
        for name, picture in shown.items():
            picture.set_data(frame[name])
        return list(shown.values())

    FuncAnimation(figure, draw, frames).save(path, PillowWriter(fps=5), dpi=110)


@click.command(help=__doc__.splitlines()[0])
@click.option("--steps", default=200, type=click.IntRange(1), help="Number of steps.")
@click.option("--side", default=128, type=click.IntRange(16), help="Nodes a side, even.")
@click.option("--output", default="simulation", type=click.Path(file_okay=False))
def main(steps: int, side: int, output: str) -> None:
    """Simulate, compare, and write what was found."""
    if side % 2:
        raise click.BadParameter("a cell is 2×2 nodes, so the side must be even")
    frames, seconds = simulate(steps, side, WAYS)
    place = Path(output)
    place.mkdir(parents=True, exist_ok=True)
    (place / "table.md").write_text(table(frames, seconds), encoding="utf-8")
    draw_errors(frames, list(WAYS)).savefig(place / "errors.svg")
    animate(frames, place / "cells.webp")
    click.echo(table(frames, seconds))


if __name__ == "__main__":
    main()
