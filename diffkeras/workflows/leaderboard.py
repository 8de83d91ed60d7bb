"""The leaderboard of models that predict the public splits."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from diffkeras.errors import ConfigurationError
from diffkeras.evaluation.benchmark_data.archive import BenchmarkSplit
from diffkeras.evaluation.benchmark_data.leaderboard import Submission, leaderboard, markdown
from diffkeras.system.atomic_files import write_csv, write_text
from diffkeras.system.progress import progress_bar
from diffkeras.system.result_folders import check_replaceable, replacing_files
from diffkeras.workflows.benchmark_data import load_benchmark

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
        ConfigurationError: no submission, a manifest with a missing or wrong field, or two
            models of one name.
        DataError: predictions of another split, shape, order or type, or with NaN.
        OutputError: `output` can't be written.
    """
    path = Path(output)
    if not submissions:
        raise ConfigurationError("name at least one submission")
    check_replaceable(path, FILES[0], FILES)
    read = [Submission.read(Path(submission)) for submission in submissions]

    def split_of(benchmark: str, split: str) -> BenchmarkSplit:
        return load_benchmark(benchmark, split, data_dir=data_dir, show_progress=show_progress)

    total = sum(len(submission.splits) for submission in read)
    with progress_bar(total, "Scoring", "splits", shown=show_progress) as bar:
        rows = leaderboard(read, split_of, bar.update)
    text = markdown(rows, read)
    with replacing_files(path, last=FILES[0]) as partial:
        write_csv(partial / "leaderboard.csv", rows.columns.tolist(), rows.itertuples(index=False))
        write_text(partial / "leaderboard.md", text)
    return Leaderboard(path, rows, text)
