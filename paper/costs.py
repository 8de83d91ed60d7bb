"""What the studies cost, for docs/full_scale.md: the numbers of `diffkeras study --dry-run`.

    python -m paper.costs  # the time of the paper's largest run

Its time on a CPU is measured; on GPUs it is an estimate, with the assumptions below.
"""

import csv
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from diffkeras.reporting.text import format_bytes, markdown_table
from diffkeras.studies import Cost, cost_of, plan_study
from paper.study_files import names, study_of

NO_RUNS = Path("nowhere")  # nothing is done yet
SIDE = 512  # of the full scale
MEASURED = Path("benchmarks/results/training.csv")
IMAGES = 320_000 * 100  # of the paper's largest run: examples × epochs
TRAINED = 3  # forward passes that a training step counts for: forward, and two products backward
SUSTAINED = 50e12  # assumed operations per second of a GPU, about a third of an A100's 156 in TF32
SCALING = 0.9  # assumed share of eight times one GPU's rate that eight reach
HEAD = ("study", "runs", "training images", "test images", "data", "runs' disk")


def rows() -> Iterator[list[str]]:
    """A row for each study, then all of full scale, and all; shared runs and data count once."""
    planned = []
    for name in names():
        study = study_of(name)
        planned.append((study, plan_study(study, NO_RUNS)))
        yield _row(f"`{study.name}`", cost_of(planned[-1:]))
    full = [each for each in planned if each[0].base.physics.lattice[0] == SIDE]
    yield _row(f"**all at {SIDE}²**", cost_of(full))
    yield _row("**all**", cost_of(planned))


def _row(name: str, cost: Cost) -> list[str]:
    return [
        name,
        f"{cost.runs:,}",
        f"{cost.images:,}",
        f"{cost.test_images:,}",
        format_bytes(cost.data_bytes),
        format_bytes(cost.run_bytes),
    ]


def table() -> str:
    """The table in Markdown."""
    return markdown_table(HEAD, list(rows()))


def operations() -> float:
    """Multiplications and additions of the paper's network for an image of its lattice."""
    down, up = [1, 64, 128, 256, 512, 1024, 2048], [2048, 1024, 512, 256, 128, 64, 32, 1]
    sides = [SIDE >> k for k in range(6)]
    sides += [sides[-1], *reversed(sides)]
    layers = zip(sides, (*pairwise(down), *pairwise(up)), strict=True)
    return float(sum(2 * 9 * side**2 * before * after for side, (before, after) in layers))


def largest_run() -> Iterator[tuple[str, float, float]]:
    """Hardware, images per second, and hours of the paper's largest run."""
    with (Path(__file__).parents[1] / MEASURED).open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["nodes"] == f"{SIDE}²"]
    measured = next(float(r["diffkeras [1/s]"]) for r in rows if r["diffkeras"] == "training")
    alone = SUSTAINED / (TRAINED * operations())
    for hardware, rate in (
        ("2 CPU threads, measured", measured),
        ("1 GPU, estimated", alone),
        ("8 GPUs, estimated", 8 * SCALING * alone),
    ):
        yield hardware, rate, IMAGES / rate / 3600


def lines() -> Iterator[list[str]]:
    """The same as text, with two digits."""
    for hardware, *numbers in largest_run():
        yield [hardware, *(f"{float(f'{number:.2g}'):,.10g}" for number in numbers)]


if __name__ == "__main__":
    print(markdown_table(("hardware", "images per second", "hours"), list(lines())))
