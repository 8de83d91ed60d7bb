"""The public splits of the benchmark, and the leaderboard of models that predict them."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.config import Config
from diffkeras.errors import OutputError
from diffkeras.evaluation.benchmark_data.archive import (
    BenchmarkSplit,
    read_archive,
    write_archive,
)
from diffkeras.evaluation.benchmark_data.splits import public_split, public_test_set
from diffkeras.evaluation.leaderboard import Submission, leaderboard, markdown
from diffkeras.system.atomic_files import (
    check_file,
    check_replaceable,
    replacing_files,
    write_csv,
    write_text,
)
from diffkeras.system.progress import progress_bar
from diffkeras.workflows.generate_datasets import generate

logger = logging.getLogger(__name__)

FOLDER = "benchmark"  # within the data directory
FILES = ("leaderboard.md", "leaderboard.csv")


@dataclass(frozen=True)
class Leaderboard:
    """A table of models.

    Attributes:
        path: its directory, with `leaderboard.md` and `leaderboard.csv`.
        rows: a row for each model, benchmark, split and seed.
        text: of `leaderboard.md`.
    """

    path: Path
    rows: pd.DataFrame
    text: str


def write_public_split(
    benchmark: str, split: str, output: str | Path, *, show_progress: bool = False
) -> Path:
    """Draw a split of a benchmark, solve it, and write it as a `.npz` for any program.

    The images are checked against the split's hash, and the fields are verified by their residuals.

    Args:
        benchmark: such as "fixed_values_64".
        split: train, validation, test, or the name of a shift.
        output: the file.
        show_progress: whether to draw a progress bar.

    Returns:
        The file.

    Raises:
        ConfigurationError: there is no such benchmark or split.
        DataError: this machine draws other images, or a field isn't verified.
        OutputError: the file can't be written, or isn't named `.npz`.
    """
    chosen, path = public_split(benchmark, split), Path(output)
    if path.suffix.lower() != ".npz":
        raise OutputError(f"{path} is of an unknown kind; a split is written to a .npz")
    check_file(path)
    counts, each = chosen.numbers
    total = each * len(counts)
    with progress_bar(total, f"Solving {chosen.name}", "images", shown=show_progress) as bar:
        largest = write_archive(chosen, path, bar.update)
    logger.info(
        f"{chosen.name}: {total} images, SHA-256 {chosen.sha256}; the fields are proven to be "
        f"right within {largest:.1e} of the largest value"
    )
    return path


def load_benchmark(
    benchmark: str,
    split: str = "test",
    *,
    data_dir: str | Path = "data",
    show_progress: bool = True,
) -> BenchmarkSplit:
    """A split of a benchmark, as arrays for NumPy, PyTorch, JAX and Keras.

    It is drawn, solved and verified here when it is first asked for, and kept as
    `data_dir/benchmark/BENCHMARK/SPLIT.npz`. `diffkeras benchmark-data` lists benchmarks and
    splits.

    Args:
        benchmark: such as "tissue_64".
        split: train, validation, test, or the name of a shift.
        data_dir: where data are kept.
        show_progress: whether to draw a progress bar while it is solved.

    Raises:
        ConfigurationError: there is no such benchmark or split.
        DataError: this machine draws other images, a field isn't verified, or the file is damaged.
        OutputError: the file can't be written.

    Example:
        >>> import diffkeras as dk
        >>> test = dk.load_benchmark("fixed_values_64", "edges")  # doctest: +SKIP
        >>> test.inputs.shape, test.fields.shape  # doctest: +SKIP
        ((200, 64, 64, 1), (200, 64, 64, 1))
    """
    public_split(benchmark, split)
    path = Path(data_dir) / FOLDER / benchmark / f"{split}.npz"
    if not path.exists():
        write_public_split(benchmark, split, path, show_progress=show_progress)
    return read_archive(path)


def make_leaderboard(
    submissions: Sequence[str | Path],
    output: str | Path,
    *,
    data_dir: str | Path = "data",
    show_progress: bool = False,
) -> Leaderboard:
    """Score models by their predictions of public splits, and write a table.

    Args:
        submissions: directories with `manifest.yaml` and BENCHMARK/SPLIT_SEED.npz.
        output: directory of the results.
        data_dir: where data are kept; splits that are missing are made.
        show_progress: whether to draw progress bars.

    Raises:
        ConfigurationError: a manifest with a missing or wrong field, or two models of one name.
        DataError: predictions of another split, shape, order or type, or with NaN.
        OutputError: `output` can't be written.
    """
    path = Path(output)
    check_replaceable(path, FILES[0], FILES)
    read = [Submission.read(Path(submission)) for submission in submissions]

    def split_of(benchmark: str, split: str) -> BenchmarkSplit:
        return load_benchmark(benchmark, split, data_dir=data_dir, show_progress=show_progress)

    total = sum(len(submission.splits) for submission in read)
    with progress_bar(total, "Scoring", "splits", shown=show_progress) as bar:
        rows = leaderboard(read, split_of, bar.update)
    text = markdown(rows, read)
    with replacing_files(path, FILES, last=FILES[0]) as partial:
        write_csv(partial / "leaderboard.csv", rows.columns.tolist(), rows.itertuples(index=False))
        write_text(partial / "leaderboard.md", text)
    return Leaderboard(path, rows, text)


def generate_test_set(
    name: str,
    data_dir: str | Path,
    *,
    overrides: Mapping[str, Any] | None = None,
    processes: int = 1,
    show_progress: bool = False,
) -> Config:
    """Generate the datasets of a test split of a benchmark where they are missing.

    Args:
        name: e.g. "fixed_values_64", or "fixed_values_64/edges" for a shifted one.
        data_dir: where datasets are.
        overrides: settings of the evaluation, fewer source counts (`data.sources`) or fewer images
            (`data.test_examples`), by dotted key.
        processes: how many solve.
        show_progress: whether to draw a progress bar.

    Returns:
        Its configuration with the overrides, for `evaluate` and `evaluate_foreign`.

    Raises:
        ConfigurationError: there is no such benchmark, or an override would make another test set.
        DataError: this machine draws other images.
        OutputError: `data_dir` can't be written.
    """
    split = public_test_set(name)
    part = split.part(overrides or {})
    split.check()
    generate(split.test_config(), data_dir, processes=processes, show_progress=show_progress)
    return part
