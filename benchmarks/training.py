"""Images a second in training and inference, against the same network in PyTorch: one table.

    python -m benchmarks.training                                # 64², 128² and 512²
    python -m benchmarks.training --cases 64x8 --rounds 3
    python -m benchmarks.training --cases 512x8 --replicas 1,2,4 # on a machine with four GPUs

The paper's network, 50,307,969 parameters. diffkeras trains as `diffkeras train` does, by
`model.fit` on its tf.data pipeline that reads stored examples, with loss, metrics and Adam as
configured; callbacks are left out. The share of time that it waits for data is measured in the
pipeline. Inference is the exported SavedModel's `serve`, and `Surrogate.predict`. PyTorch computes
on one batch that lies in memory, eagerly, in each of four forms: contiguous or channels last, with
Conv2d or ConvTranspose2d in the decoder; the fastest form counts. Its Adam is the usual one, and
the fused one. Both have the same weights: outputs that differ by 1e-4 of the largest end the run.

Each program has a process of its own with as many threads, and they take turns, so that what else
the machine does meets all alike. The fastest round counts, on the clock and in processor time.
With several replicas a batch has as many examples on each; without GPUs they share the processor.
"""

import importlib.util
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click

from benchmarks.children import Child
from benchmarks.tables import describe_machine, write_table
from diffkeras.system.environment import available_cores

SOURCES = "1-5"
LARGEST_DIFFERENCE = 1e-4
PAIRS = [  # of diffkeras, of PyTorch
    ("training", "training"),
    ("training", "training, fused Adam"),
    ("SavedModel", "inference"),
    ("Surrogate.predict", "inference"),
]
COLUMNS = ["nodes", "batch", "diffkeras", "PyTorch", "diffkeras [1/s]", "PyTorch [1/s]", "ratio"]
COLUMNS += ["ratio in processor time", "waiting for data", "times one replica"]
WITHOUT_TORCH = (
    "this benchmark compares with PyTorch, which isn't installed; install it beside the "
    "environment: pip install --target /tmp/torch torch, and set PYTHONPATH=/tmp/torch"
)


@click.command(help=__doc__.splitlines()[0])
@click.option("--cases", default="64x8,128x4,512x1", help="Nodes a side × images a batch.")
@click.option("--replicas", default="1", help="Numbers of replicas, e.g. 1,2,4.")
@click.option("--threads", default=available_cores(), help="Threads of each program.")
@click.option("--rounds", default=5, help="Rounds of each.")
@click.option("--seconds", default=3.0, help="Length of a round.")
@click.option("--examples", default=16, help="Stored training examples per source count.")
@click.option("--width", default=64, help="Channels of the first convolution.")
@click.option("--depth", default=5, help="Poolings.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("benchmarks/results/training"),
    help="Where the table goes, as .md and .csv.",
)
def main(
    cases: str,
    replicas: str,
    threads: int,
    rounds: int,
    seconds: float,
    examples: int,
    width: int,
    depth: int,
    output: Path,
) -> None:
    if importlib.util.find_spec("torch") is None:
        click.echo(WITHOUT_TORCH, err=True)
        sys.exit(2)
    rows: list[list[str]] = []
    for case in cases.split(","):
        side, batch = map(int, case.split("x"))
        settings = {"side": side, "batch": batch, "width": width, "depth": depth}
        settings |= {"threads": threads, "sources": SOURCES, "examples": examples}
        measured, about = compare(settings, rounds, seconds)
        rows += [row(settings, measured, pair) for pair in PAIRS]
        one = batch / measured["diffkeras", "training"]["seconds"]
        for count in sorted({int(number) for number in replicas.split(",")} - {1}):
            rows.append(replicated(settings, count, rounds, seconds, one))
        forms = "; ".join(f"{what}: {form}" for what, form in about["forms"].items())
        click.echo(f"{side}²: outputs differ by {about['difference']:.1e}; PyTorch's {forms}")
        caption = (
            f"{about['parameters']:,} parameters, float32, {threads} threads each, fastest of "
            f"{rounds} rounds of {seconds:g} s. "
            + describe_machine(
                ("numpy", "tensorflow", "keras", "torch"), gpus=about["gpus"] or None
            )
        )
        write_table(rows, COLUMNS, output, caption)


def compare(settings: dict, rounds: int, seconds: float) -> tuple[dict, dict]:
    """The fastest rounds of both programs on one lattice, by program and what it did."""
    measured: dict[tuple[str, str], dict] = {}
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        settings = {**settings, "directory": directory, "replicas": 1, "learning_rate": 1e-4}
        children = {}
        for name, module in (("diffkeras", "training_keras"), ("PyTorch", "training_torch")):
            children[name] = stack.enter_context(
                Child(module, settings, threads=settings["threads"])
            )
            children[name].ask("about")
        about = children["diffkeras"].ask("about") | children["PyTorch"].ask("about")
        if not about["difference"] <= LARGEST_DIFFERENCE:
            sys.exit(f"the networks differ by {about['difference']:.1e} of the largest value")
        tasks = dict.fromkeys(
            task for ours, theirs in PAIRS for task in (("diffkeras", ours), ("PyTorch", theirs))
        )
        for _ in range(rounds):
            for name, what in tasks:
                found = children[name].ask("measure", what=what, seconds=seconds)
                measured[name, what] = fastest(measured.get((name, what)), found)
    return measured, about


def replicated(settings: dict, count: int, rounds: int, seconds: float, one: float) -> list[str]:
    """The table's row of several replicas; `one` replica trains on so many images a second."""
    settings = {**settings, "batch": settings["batch"] * count}
    with tempfile.TemporaryDirectory() as directory:
        case = {**settings, "directory": directory, "replicas": count}
        with Child("training_keras", case, threads=settings["threads"]) as child:
            best = None
            for _ in range(rounds):
                best = fastest(best, child.ask("measure", what="training", seconds=seconds))
    rate = settings["batch"] / best["seconds"]
    cells = [f"{settings['side']}²", f"{settings['batch']}", f"training, {count} replicas"]
    return [*cells, "", f"{rate:.3g}", "", "", "", "", f"{rate / one:.2f}"]


def fastest(before: dict | None, found: dict) -> dict:
    """The shorter of each time; of the waiting, the longer."""
    if before is None:
        return found
    return {key: (max if key == "waiting" else min)(before[key], found[key]) for key in found}


def row(settings: dict, measured: dict, pair: tuple[str, str]) -> list[str]:
    ours, theirs = measured["diffkeras", pair[0]], measured["PyTorch", pair[1]]
    return [
        f"{settings['side']}²",
        f"{settings['batch']}",
        *pair,
        *(f"{settings['batch'] / result['seconds']:.3g}" for result in (ours, theirs)),
        f"{theirs['seconds'] / ours['seconds']:.2f}",
        f"{theirs['processor'] / ours['processor']:.2f}",
        f"{ours['waiting']:.1%}" if "waiting" in ours else "",
        "",
    ]


if __name__ == "__main__":
    main()
