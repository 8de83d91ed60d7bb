"""The public splits of the benchmark. They are drawn, solved and read without TensorFlow."""

import logging
from pathlib import Path

from diffkeras.errors import DataError, OutputError
from diffkeras.system.array_files import check_file, read_arrays, write_bytes
from diffkeras.system.progress import progress_bar
from diffkeras_benchmark.archive import BenchmarkSplit, read_archive, write_archive
from diffkeras_benchmark.croissant import card_of, write_card
from diffkeras_benchmark.splits import PublicSplit, public_split

logger = logging.getLogger("diffkeras.benchmark")  # which the command prints

FOLDER = "benchmark"  # within the data directory


def kept_file(benchmark: str, split: str, data_dir: str | Path = "data") -> Path:
    """The file of a split that `load` and the leaderboard read, and write if it is missing."""
    return Path(data_dir) / FOLDER / benchmark / f"{split}.npz"


def write_split(
    benchmark: str,
    split: str,
    output: str | Path,
    *,
    data_dir: str | Path = "data",
    show_progress: bool = False,
) -> Path:
    """Write a split of a benchmark as a `.npz` for any program.

    It is a copy of the file that `load` reads. If that is missing, the split is drawn and solved,
    its images are checked against its hash, its fields are verified by their residuals, and it is
    kept for `load`. A card in the format Croissant, such as `train.croissant.json`, is written
    beside each file.

    Args:
        benchmark: such as "fixed_values_64".
        split: train, validation, test, or the name of a shift.
        output: the file.
        data_dir: where data are kept.
        show_progress: whether to draw a progress bar while it is solved.

    Returns:
        The file.

    Raises:
        ConfigurationError: there is no such benchmark or split.
        DataError: this machine draws other images, a field isn't verified, or the file that `load`
            reads is damaged.
        OutputError: the file can't be written, isn't named `.npz`, or is there and no split.
    """
    chosen, path = public_split(benchmark, split), Path(output)
    if path.suffix.lower() != ".npz":
        raise OutputError(f"{path} is of an unknown kind; a split is written to a .npz")
    _check_output(path)
    load(benchmark, split, data_dir=data_dir, show_progress=show_progress)
    kept = kept_file(benchmark, split, data_dir)
    if not (path.exists() and path.samefile(kept)):
        write_bytes(path, kept.read_bytes())
        write_card(chosen, path)
    return path


def _solve(chosen: PublicSplit, path: Path, show_progress: bool) -> None:
    """Draw a split, solve it, and write it with its card."""
    _check_output(path)
    counts, each = chosen.numbers
    total = each * len(counts)
    with progress_bar(total, f"Solving {chosen.name}", "images", shown=show_progress) as bar:
        largest = write_archive(chosen, path, bar.update)
    write_card(chosen, path)
    logger.info(
        f"{chosen.name}: {total} images, SHA-256 {chosen.sha256}; the fields are proven to be "
        f"right within {largest:.1e} of the largest value; kept in {path}"
    )


def _check_output(path: Path) -> None:
    """Raise an OutputError if a split can't be written, or would replace a file of the user."""
    check_file(path)
    card = card_of(path)
    if path.exists():
        try:
            ours = {"name", "sha256"} <= read_arrays(path, "splits", only=("name", "sha256")).keys()
        except DataError:
            ours = False
    else:
        ours = not card.exists()
    if not ours:
        found = path if path.exists() else card
        raise OutputError(f"{found} is no split that was written earlier; choose another name")


def load(
    benchmark: str,
    split: str = "test",
    *,
    data_dir: str | Path = "data",
    show_progress: bool = True,
) -> BenchmarkSplit:
    """A split of a benchmark, as arrays for NumPy, PyTorch, JAX and Keras.

    It is drawn, solved and verified here when it is first asked for, and kept as
    `data_dir/benchmark/BENCHMARK/SPLIT.npz`. `diffkeras-benchmark data` lists benchmarks and
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
        >>> import diffkeras_benchmark
        >>> test = diffkeras_benchmark.load("fixed_values_64", "edges")  # doctest: +SKIP
        >>> test.inputs.shape, test.fields.shape  # doctest: +SKIP
        ((200, 64, 64, 1), (200, 64, 64, 1))
    """
    chosen = public_split(benchmark, split)
    path = kept_file(benchmark, split, data_dir)
    if not path.exists():
        _solve(chosen, path, show_progress)
    if (read := read_archive(path)).name != chosen.name:
        raise DataError(
            f"{path} holds {read.name}, not {chosen.name}; delete it, and it will be written again"
        )
    return read
