"""A table of models from their predictions of public splits, which any program can make.

Errors, and the proven bounds of the largest errors, are means over the images, then over the seeds,
beside the standard deviation between seeds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diffkeras.errors import ConfigurationError
from diffkeras.evaluation.errors import image_errors
from diffkeras.reporting.text import escaped, markdown_table
from diffkeras.system.progress import progress_bar
from diffkeras.system.result_folders import check_replaceable, replacing_files
from diffkeras_benchmark.archive import LARGEST_BOUND, BenchmarkSplit, predictions_of
from diffkeras_benchmark.data import load
from diffkeras_benchmark.problems import SHIFTS
from diffkeras_benchmark.splits import BENCHMARKS
from diffkeras_benchmark.submissions import Manifest, Submission

FILES = ("leaderboard.md", "leaderboard.csv")
KEYS = ["benchmark", "split"]
SCORES = {  # column → heading
    "relative_l2": "relative L2 error",
    "max_error": "largest error of a node",
    "bound": "proven bound of it",
    "mae": "mean error",
}
MODELS = (
    *("model", "authors", "parameters", "training images", "training, s", "seeds"),
    *("hardware", "tuning"),
)
TEXTS = ("authors", "hardware", "tuning")
TIMES = (
    *("model", "one field, ms", "`solve`, ms", "pays from, fields"),
    *("in batches, ms", "`solve` in batches, ms", "pays from, fields in batches"),
)
ORDER = {name: place for place, name in enumerate(("test", *SHIFTS, "validation", "train"))}


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
        return load(benchmark, split, data_dir=data_dir, show_progress=show_progress)

    total = sum(len(submission.splits) for submission in read)
    with progress_bar(total, "Scoring", "splits", shown=show_progress) as bar:
        rows = scores_of(read, split_of, bar.update)
    text = markdown(rows, read)
    with replacing_files(path, last=FILES[0]) as partial:
        rows.to_csv(partial / "leaderboard.csv", index=False)
        (partial / "leaderboard.md").write_text(text, encoding="utf-8")
    return Leaderboard(path, rows, text)


def score(submission: Submission, split: BenchmarkSplit) -> pd.DataFrame:
    """A row for each seed, with the means of the errors over the images of a split.

    Args:
        submission: the model.
        split: the images. Each takes a proof, which takes about as long as a solution.
    """
    benchmark, _, name = split.name.partition("/")
    exact, images = split.fields[..., 0], split.inputs[..., 0]
    rows = []
    for seed in submission.manifest.seeds:
        fields = predictions_of(submission.file(benchmark, name, seed), split)
        table = image_errors(fields, exact, images).assign(bound=split.certify(fields))
        means: dict[str, Any] = {error: float(table[error].mean()) for error in SCORES}
        model = submission.manifest.model
        rows.append({"benchmark": benchmark, "split": name, "model": model, "seed": seed, **means})
    return pd.DataFrame(rows)


def scores_of(
    submissions: list[Submission],
    split_of: Callable[[str, str], BenchmarkSplit],
    on_split: Callable[[int], object] = lambda number: None,
) -> pd.DataFrame:
    """A row for each submission, benchmark, split and seed.

    Args:
        submissions: the models, of different names.
        split_of: (benchmark, split) → its images.
        on_split: called with 1 for each split of a submission that is done.

    Raises:
        ConfigurationError: two submissions of one name.
        DataError: predictions that can't be used.
    """
    names = [submission.manifest.model for submission in submissions]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"two submissions have the model {name!r}; rename one of them")
    wanted = sorted({split for each in submissions for split in each.splits}, key=_place)
    tables = []
    for benchmark, split in wanted:
        images = split_of(benchmark, split)
        for submission in submissions:
            if (benchmark, split) in submission.splits:
                tables.append(score(submission, images))
                on_split(1)
    return pd.concat(tables, ignore_index=True)


def _place(split: tuple[str, str]) -> tuple[int, int]:
    return list(BENCHMARKS).index(split[0]), ORDER[split[1]]


def markdown(rows: pd.DataFrame, submissions: list[Submission]) -> str:
    """The tables of the splits, best model first, and those of the models and their times.

    Args:
        rows: of `scores_of`.
        submissions: the models.
    """
    shown = list(SCORES)
    parts = [
        "Errors and bounds are means over the images of a split, then over seeds (± standard "
        "deviation). Errors are those against the fields of the split, which have proven errors "
        f"of at most {LARGEST_BOUND:.0e} of the largest value themselves."
    ]
    for (benchmark, split), table in rows.groupby(KEYS, sort=False):
        scores = table.groupby("model")[shown].agg(["mean", "std"])
        scores = scores.sort_values((shown[0], "mean"))
        cells = [
            [
                escaped(str(model)),
                *(_with_spread(row[error, "mean"], row[error, "std"]) for error in shown),
            ]
            for model, row in scores.iterrows()
        ]
        head = ["model", *SCORES.values()]
        parts += [f"## {benchmark}, {split}", markdown_table(head, cells)]
    manifests = [submission.manifest for submission in submissions]
    parts += [
        "## Models",
        markdown_table(MODELS, [*map(_model, manifests)], TEXTS),
    ]
    if any(each.milliseconds_per_field or each.milliseconds_in_batches for each in manifests):
        parts += ["## Times", markdown_table(TIMES, [*map(_times, manifests)])]
    return "\n\n".join(parts) + "\n"


def _with_spread(mean: float, deviation: float) -> str:
    return f"{mean:.2g}" if np.isnan(deviation) else f"{mean:.2g} ± {deviation:.1g}"


def _model(manifest: Manifest) -> list[str]:
    name = escaped(manifest.model)
    return [
        name if manifest.url is None else f"[{name}]({manifest.url})",
        escaped(manifest.authors),
        f"{manifest.parameters:,}",
        f"{manifest.training_images:,}",
        f"{manifest.training_seconds:,.0f}",
        str(len(manifest.seeds)),
        escaped(manifest.hardware),
        escaped(manifest.tuning),
    ]


def _times(manifest: Manifest) -> list[str]:
    cells = [escaped(manifest.model)]
    for batches in (False, True):
        *times, pays_from = manifest.times(batches=batches)
        cells += ["" if time is None else f"{time:.2g}" for time in times]
        cells.append(_count(pays_from))
    return cells


def _count(number: float) -> str:
    if np.isnan(number):
        return ""
    return "never" if np.isinf(number) else f"{number:,.0f}"
