"""Measure images per second in training and inference, compared with PyTorch.

    python -m benchmarks.training                                # 64², 128² and 512²
    python -m benchmarks.training --cases 64x8 --rounds 3

The network is the paper's, with 50,307,969 parameters. diffkeras trains as `diffkeras train` does:
with `model.fit` on its tf.data pipeline that reads stored examples, with the configured loss,
metrics and Adam, but without callbacks. Inference uses `serve` of the exported SavedModel, and
`Surrogate.fields`. PyTorch computes on one batch in memory, eagerly, in four forms: contiguous or
channels last, with Conv2d or ConvTranspose2d in the decoder. The fastest form counts. It uses its
default Adam and the fused one. Both networks have the same weights; if their outputs differ by 1e-4
of the largest, the benchmark stops.

To install PyTorch outside of the environment and run:

    pip install --target /tmp/torch torch --index-url https://download.pytorch.org/whl/cpu
    PYTHONPATH=/tmp/torch python -m benchmarks.training

Each program has its own process with the same number of threads. They take turns, so other programs
on the machine affect all equally. The fastest round counts, in wall time and in CPU time; beside it
are the quartiles of the rounds.
"""

import importlib.util
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from benchmarks.shared.children import Child
from benchmarks.shared.command import command
from benchmarks.shared.measures import quartiles
from benchmarks.shared.tables import describe_machine, write_table
from diffkeras.system.environment import available_cores

SOURCES = "1-5"
EXAMPLES = 16  # stored, per source count
LARGEST_DIFFERENCE = 1e-4
PAIRS = [  # of diffkeras, of PyTorch
    ("training", "training"),
    ("training", "training, fused Adam"),
    ("SavedModel", "inference"),
    ("Surrogate.fields", "inference"),
]
COLUMNS = ["nodes", "batch", "diffkeras", "PyTorch", "diffkeras [1/s]", "quartiles [1/s]"]
COLUMNS += ["PyTorch [1/s]", "PyTorch's quartiles [1/s]", "ratio", "ratio in processor time"]
WITHOUT_TORCH = (
    "this benchmark compares with PyTorch, which isn't installed; install it outside of the "
    "environment: pip install --target /tmp/torch torch, and set PYTHONPATH=/tmp/torch"
)


@command(__doc__, "training")
@click.option("--cases", default="64x8,128x4,512x1", help="Nodes per side × images per batch.")
@click.option("--threads", default=available_cores(), help="Threads of each program.")
@click.option("--rounds", default=5, help="Number of rounds.")
@click.option("--seconds", default=3.0, help="Length of a round in seconds.")
def main(cases: str, threads: int, rounds: int, seconds: float, output: Path) -> None:
    if importlib.util.find_spec("torch") is None:
        click.echo(WITHOUT_TORCH, err=True)
        sys.exit(2)
    rows: list[list[str]] = []
    for case in cases.split(","):
        side, batch = map(int, case.split("x"))
        settings: dict[str, Any] = {"side": side, "batch": batch, "threads": threads}
        settings |= {"sources": SOURCES, "examples": EXAMPLES}
        measured, about = compare(settings, rounds, seconds)
        rows += [row(settings, measured, pair) for pair in PAIRS]
        forms = "; ".join(f"{what}: {form}" for what, form in about["forms"].items())
        click.echo(f"{side}²: outputs differ by {about['difference']:.1e}; PyTorch's {forms}")
    packages = ("numpy", "tensorflow", "keras", "torch")
    caption = (
        f"{about['parameters']:,} parameters, float32, {threads} threads each, fastest of {rounds} "
        f"rounds of {seconds:g} s. {describe_machine(packages, gpus=about['gpus'] or None)}"
    )
    write_table(rows, COLUMNS, output, caption)


def compare(settings: dict, rounds: int, seconds: float) -> tuple[dict, dict]:
    """The rounds of both programs on one lattice, by program and task."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        settings = {**settings, "directory": directory, "learning_rate": 1e-4}
        children: dict[str, Child] = {}
        for name, module in (("diffkeras", "in_keras"), ("PyTorch", "in_pytorch")):
            child = Child(f"training.{module}", settings, threads=settings["threads"])
            children[name] = stack.enter_context(child)
            children[name].ask("about")
        about = children["diffkeras"].ask("about") | children["PyTorch"].ask("about")
        if not about["difference"] <= LARGEST_DIFFERENCE:
            sys.exit(f"the networks differ by {about['difference']:.1e} of the largest value")
        found: dict[tuple[str, str], list[dict]] = {
            task: [] for pair in PAIRS for task in zip(children, pair, strict=True)
        }
        for _ in range(rounds):
            for (name, what), times in found.items():
                times.append(children[name].ask("measure", what=what, seconds=seconds))
        return found, about


def row(settings: dict, measured: dict, pair: tuple[str, str]) -> list[str]:
    """A row of the table, with the fastest rounds and the quartiles of the rounds."""
    cells, least = [], []
    for times in (measured["diffkeras", pair[0]], measured["PyTorch", pair[1]]):
        rates = [settings["batch"] / each["seconds"] for each in times]
        cells += [f"{max(rates):.3g}", "–".join(f"{each:.3g}" for each in quartiles(rates))]
        least.append({key: min(each[key] for each in times) for key in times[0]})
    ours, theirs = least
    ratios = [f"{theirs[key] / ours[key]:.2f}" for key in ("seconds", "processor")]
    return [f"{settings['side']}²", f"{settings['batch']}", *pair, *cells, *ratios]


if __name__ == "__main__":
    main()
