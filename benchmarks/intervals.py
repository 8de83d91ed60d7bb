"""Proven bounds beside statistical intervals, of the same networks on the same images.

    python -m diffkeras_benchmark.rows    # trains the networks
    python -m benchmarks.intervals

Of each network of the leaderboard, on the test split and each shifted split:

- split conformal: the 90 % quantile of the largest errors on the validation split, with the
  correction for its finite size (Vovk et al., 2005). It promises that 90 % of the images of the
  same distribution have no larger error, if nothing was chosen on the split. Here, the width and
  the learning rate of each network were, by the mean error on a fifth of its images
  (`diffkeras_benchmark.rows.board`), so the promise holds approximately only.
- ensemble: twice the standard deviation between the networks of all seeds, at each node.
- ensemble, conformal: the standard deviation times the 90 % quantile of the validation images'
  largest ratio of error to standard deviation.
- proven bound: `certify` of the prediction, at each node.

Covered are the images in which no node's error exceeds its interval. The width is the mean of the
interval over all nodes. Intervals are around the prediction of seed 0, or around the mean of the
ensemble.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.shared.command import PATH, command
from benchmarks.shared.tables import describe_machine, with_versions
from diffkeras.physics import certify
from diffkeras.reporting.text import markdown_table
from diffkeras.system.atomic_files import write_text
from diffkeras_benchmark.archive import BenchmarkSplit, predictions_of
from diffkeras_benchmark.data import load
from diffkeras_benchmark.rows.submissions import SPLITS, validation_file
from diffkeras_benchmark.submissions import Submission

COVERAGE, SMALLEST_DEVIATION = 0.9, 1e-6


def quantile(scores: NDArray) -> float:
    """The score that a new image, exchangeable with the others, exceeds with a probability of at
    most 1 - COVERAGE."""
    rank = int(np.ceil((len(scores) + 1) * COVERAGE))
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else np.inf


def largest(values: NDArray) -> NDArray:
    return values.max(axis=(1, 2))


def deviation(ensemble: NDArray) -> NDArray:
    return np.maximum(ensemble.std(axis=0, ddof=1), SMALLEST_DEVIATION)


def row(interval: NDArray, error: NDArray, **names: Any) -> dict[str, Any]:
    covered = (error <= interval).all(axis=(1, 2))
    return {**names, "covered": covered.mean(), "width": interval.mean()}


def rows_of(
    network: str, split: BenchmarkSplit, ensemble: NDArray, validation: NDArray, truth: NDArray
) -> list[dict[str, Any]]:
    """All intervals of a network on a split, from fields (seeds, images, rows, columns)."""
    names = {"network": network, "split": split.name.partition("/")[2]}
    exact = split.fields[..., 0]
    single, mean = np.abs(ensemble[0] - exact), np.abs(ensemble.mean(axis=0) - exact)
    spread, learned = deviation(ensemble), deviation(validation)
    conformal = quantile(largest(np.abs(validation[0] - truth)))
    factor = quantile(largest(np.abs(validation.mean(axis=0) - truth) / learned))
    proven = np.stack(
        [certify(field, split.problem(k)).node_bound for k, field in enumerate(ensemble[0])]
    )
    return [
        row(np.full_like(single, conformal), single, method="split conformal, 90 %", **names),
        row(2 * spread, mean, method="ensemble, 2 standard deviations", **names),
        row(factor * spread, mean, method="ensemble, conformal, 90 %", **names),
        # the exact fields are in single precision
        row(proven + split.bounds[:, None, None], single, method="proven bound", **names),
        row(single, single, method="(true error)", **names),
    ]


def tables(rows: pd.DataFrame) -> Iterator[str]:
    """Title and table of each network."""
    for network, of_network in rows.groupby("network", sort=False):
        wide = of_network.pivot_table(
            index="method", columns="split", values=["covered", "width"], sort=False
        )
        splits = list(of_network["split"].unique())
        cells = [
            [str(method)]
            + [f"{values['covered', s]:.0%}, {values['width', s]:.2g}" for s in splits]
            for method, values in wide.iterrows()
        ]
        yield f"**{network}**: images covered, and mean width of the interval"
        yield markdown_table(["method", *splits], cells)


@command(__doc__, "intervals", "the tables, without _BENCHMARK.md", published=("benchmark",))
@click.option("--benchmark", default="fixed_values_64")
@click.option("--images", default=200, help="Of each split.")
@click.option("--data-dir", default="data", type=PATH)
@click.option("--folder", default="leaderboard", type=PATH, help="Of the submissions.")
def main(benchmark: str, images: int, data_dir: Path, folder: Path, output: Path) -> None:
    validation = load(benchmark, "validation", data_dir=data_dir)
    rows: list[dict[str, Any]] = []
    for path in sorted((folder / "submissions" / benchmark).iterdir()):
        submission = Submission.read(path)
        seeds = submission.manifest.seeds
        own = [validation_file(folder, benchmark, path.name, seed) for seed in seeds]
        if len(seeds) < 2 or not all(file.exists() for file in own):
            continue  # no network alone
        learned = [predictions_of(file, validation) for file in own]
        for name in SPLITS:
            split = load(benchmark, name, data_dir=data_dir)
            files = [submission.file(benchmark, name, seed) for seed in seeds]
            chosen = np.linspace(0, len(split) - 1, min(images, len(split))).astype(int)
            part = split.part(chosen)
            # in double precision, as bounds are closer to the errors than single precision is
            ensemble = np.stack(
                [predictions_of(file, split)[chosen].astype(np.float64) for file in files]
            )
            truth = validation.fields[..., 0]
            rows += rows_of(submission.manifest.model, part, ensemble, np.stack(learned), truth)
    caption = f"{describe_machine()}; {images} images of each split of {benchmark}"
    text = "\n\n".join([f"{with_versions(caption)}.", *tables(pd.DataFrame(rows))]) + "\n"
    write_text(output.with_name(f"{output.name}_{benchmark}.md"), text)
    click.echo(text)


if __name__ == "__main__":
    main()
