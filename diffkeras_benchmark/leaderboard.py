"""A table of models from their predictions of public splits, which any program can make.

Errors, and the proven bounds of the largest errors, are means over the images, then over the seeds,
beside the standard deviation between seeds.
"""

import logging
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diffkeras.errors import ConfigurationError, DataError
from diffkeras.evaluation.errors import image_errors
from diffkeras.reporting.text import markdown_table
from diffkeras.system.progress import progress_bar
from diffkeras.system.result_folders import check_replaceable, replacing_files
from diffkeras_benchmark.archive import LARGEST_BOUND, BenchmarkSplit, predictions_of
from diffkeras_benchmark.data import load
from diffkeras_benchmark.problems import SHIFTS
from diffkeras_benchmark.splits import BENCHMARKS
from diffkeras_benchmark.submissions import Manifest, Submission

logger = logging.getLogger("diffkeras.benchmark")  # which the command prints

FILES = ("leaderboard.md", "leaderboard.csv")
KEYS = ["benchmark", "split"]
SCORES = {  # column → heading
    "relative_l2": "relative L2 error",
    "max_error": "largest error of a node",
    "bound": "proven bound of it",
    "mae": "mean error",
}
RANKED = "relative_l2"
COLUMNS = ["benchmark", "split", "model", "seeds"]
COLUMNS += [column for error in SCORES for column in (error, f"{error}_std")]
ABOUT = [each.name for each in fields(Manifest) if each.name not in COLUMNS]
COLUMNS += ABOUT
NUMBERS = [name for name in ABOUT if name.endswith("_seconds") or "milliseconds" in name]
CSV = ".csv"
MODELS = (
    *("model", "authors", "parameters", "training images", "training, s", "seeds"),
    *("hardware", "tuning"),
)
TEXTS = ("authors", "hardware", "tuning")
WORDS = (*KEYS, "model", *TEXTS, "url")
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
        rows: of `leaderboard.csv`, one per benchmark, split and model: the number of seeds, each
            error's mean over them and standard deviation, and the fields of the manifest.
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
    published: bool = True,
    show_progress: bool = False,
) -> Leaderboard:
    """Score models by their predictions of public splits, and write a table.

    Args:
        submissions: directories with `manifest.yaml` and BENCHMARK/SPLIT_SEED.npz, or the
            `leaderboard.csv` of an earlier call or of others, whose rows are taken as they are.
            Equal rows become one.
        output: directory of the results.
        data_dir: where data are kept; splits that are missing are made.
        published: whether the published rows of the same splits come into the table.
        show_progress: whether to draw progress bars.

    Raises:
        ConfigurationError: no submission, a manifest with a missing or wrong field, or rows of
            one split and model that differ.
        DataError: predictions of another split, shape, order or type, or with NaN; a CSV file that
            is no leaderboard's.
        OutputError: `output` can't be written.
    """
    path = Path(output)
    if not submissions:
        raise ConfigurationError("name at least one submission")
    check_replaceable(path, FILES[0], FILES)
    if (path / FILES[0]).is_file():
        logger.info(f"replacing the earlier leaderboard in {path}")
    paths = [Path(submission) for submission in submissions]
    tables = [rows_in(path) for path in paths if path.suffix == CSV]
    read = [Submission.read(path) for path in paths if path.suffix != CSV]

    def split_of(benchmark: str, split: str) -> BenchmarkSplit:
        return load(benchmark, split, data_dir=data_dir, show_progress=show_progress)

    total = sum(len(submission.splits) for submission in read)
    with progress_bar(total, "Scoring", "splits", shown=show_progress) as bar:
        rows = pd.concat([*scores_of(read, split_of, bar.update), *tables], ignore_index=True)
    rows = merged(rows, published_rows() if published else rows[:0])
    rows = rows.sort_values([*KEYS, RANKED], key=_places, kind="stable", ignore_index=True)
    text = markdown(rows, {submission.manifest.model for submission in read})
    with replacing_files(path, last=FILES[0]) as partial:
        rows.to_csv(partial / "leaderboard.csv", index=False)
        (partial / "leaderboard.md").write_text(text, encoding="utf-8")
    return Leaderboard(path, rows, text)


def score(submission: Submission, split: BenchmarkSplit) -> pd.DataFrame:
    """The row of a submission: means over the images of a split, each with a proof, and seeds."""
    benchmark, _, name = split.name.partition("/")
    exact, images = split.fields[..., 0], split.inputs[..., 0]
    means = []
    for seed in submission.manifest.seeds:
        fields = predictions_of(submission.file(benchmark, name, seed), split)
        table = image_errors(fields, exact, images).assign(bound=split.certify(fields))
        means.append(table[[*SCORES]].mean())
    seeds = pd.DataFrame(means)
    row: dict[str, Any] = {"benchmark": benchmark, "split": name}
    row |= {"model": submission.manifest.model, "seeds": len(seeds)}
    for error in SCORES:
        row |= {error: seeds[error].mean(), f"{error}_std": seeds[error].std()}
    row |= {name: getattr(submission.manifest, name) for name in ABOUT}
    row["url"] = row["url"] or ""
    return pd.DataFrame([row]).astype(dict.fromkeys(NUMBERS, float))  # None becomes NaN


def scores_of(
    submissions: list[Submission],
    split_of: Callable[[str, str], BenchmarkSplit],
    on_split: Callable[[int], object] = lambda number: None,
) -> list[pd.DataFrame]:
    """The row of each submission, benchmark and split; `on_split` counts them."""
    rows = []
    for benchmark, split in dict.fromkeys(pair for each in submissions for pair in each.splits):
        images = split_of(benchmark, split)
        for submission in submissions:
            if (benchmark, split) in submission.splits:
                rows.append(score(submission, images))
                on_split(1)
    return rows


def rows_in(path: Path) -> pd.DataFrame:
    """The rows of a `leaderboard.csv`; a DataError for a missing or another file."""
    try:
        rows = pd.read_csv(
            path,
            dtype=dict.fromkeys(WORDS, str),
            keep_default_na=False,  # a model may be named "NA"
            na_values={name: [""] for name in COLUMNS if name not in WORDS},
        )
        known = set(rows["benchmark"]) <= set(BENCHMARKS) and set(rows["split"]) <= set(ORDER)
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"{path} can't be read as a leaderboard: {error}") from None
    if not known or list(rows) != COLUMNS or not np.isfinite(rows[[*SCORES]].to_numpy(float)).all():
        raise DataError(
            f"{path} is no leaderboard, whose columns are {', '.join(COLUMNS)}, with the names of "
            "benchmarks and splits and finite errors"
        )
    try:
        rows = rows.astype(dict.fromkeys(NUMBERS, float))
        for row in rows.to_dict("records"):
            _manifest(row)
    except ValueError as error:
        raise DataError(f"{path} has a wrong row: {error}") from None
    return rows


def _manifest(row: dict[Any, Any]) -> Manifest:
    """What a row says of its model; its seeds are numbered from 0."""
    about = {name: row[name] for name in ("model", *ABOUT) if row[name] == row[name]}
    about |= {"seeds": [*range(row["seeds"])], "url": row["url"] or None}
    return Manifest.read({name: value for name, value in about.items() if value is not None})


def published_rows() -> pd.DataFrame:
    """The rows of `published.csv`."""
    with as_file(files("diffkeras_benchmark") / "published.csv") as path:
        return rows_in(path)


def merged(rows: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Rows with the published ones of the same splits, each once; an error if two differ."""
    same = pd.MultiIndex.from_frame(published[KEYS]).isin(pd.MultiIndex.from_frame(rows[KEYS]))
    rows = pd.concat([rows, published[same]], ignore_index=True)
    rows = rows[~rows.map(_rounded).duplicated()]
    twice = rows[rows.duplicated([*KEYS, "model"])]
    if len(twice):
        benchmark, split, model = key = tuple(twice[[*KEYS, "model"]].iloc[0])
        words = f"two rows of {benchmark}, {split} have the model {model!r} and differ"
        if key in published.set_index([*KEYS, "model"]).index:
            raise ConfigurationError(
                f"{words}, and one of them is published; if the other is your model, rename it in "
                "its manifest.yaml; if it is in a CSV file, delete it there"
            )
        raise ConfigurationError(f"{words}; leave one of them out, or rename its model")
    return rows


def _rounded(value: Any) -> Any:
    """A cell by which rows are compared: scores of other machines differ in their last digits."""
    return f"{value:.6g}" if isinstance(value, float) else value


def _places(column: pd.Series) -> pd.Series:
    """What rows are sorted by: benchmarks and splits in their order, then the error."""
    orders = {"benchmark": {name: k for k, name in enumerate(BENCHMARKS)}, "split": ORDER}
    return column.map(orders[str(column.name)]) if column.name in orders else column


def markdown(rows: pd.DataFrame, models: Collection[str] = ()) -> str:
    """Tables of the splits, best model first, of the models and of their times.

    `models` are emphasised, if there are others.
    """
    own = models if {*models} < {*rows["model"]} else ()
    about = [(row["benchmark"], _manifest(row)) for row in rows.to_dict("records")]
    timed = [(name, each) for name, each in about if each.has_times]
    parts = [
        "Errors and bounds are means over the images of a split, then over seeds (± standard "
        "deviation). Errors are those against the fields of the split, which have proven errors "
        f"of at most {LARGEST_BOUND:.0e} of the largest value themselves."
    ]
    for (benchmark, split), table in rows.groupby(KEYS, sort=False):
        cells = [
            [
                f"**{_escaped(row['model'])}**" if row["model"] in own else _escaped(row["model"]),
                *(_with_spread(row[error], row[f"{error}_std"]) for error in SCORES),
            ]
            for row in table.to_dict("records")
        ]
        head = ["model", *SCORES.values()]
        parts += [f"## {benchmark}, {split}", markdown_table(head, cells)]
    parts += [
        "## Models",
        markdown_table(MODELS, _unique(_model(each) for _, each in about), TEXTS),
    ]
    if timed:
        names = rows["benchmark"].nunique() > 1
        times = (_times(each, f"{name}, " if names else "") for name, each in timed)
        parts += ["## Times", markdown_table(TIMES, _unique(times))]
    return "\n\n".join(parts) + "\n"


def _with_spread(mean: float, deviation: float) -> str:
    return f"{mean:.2g}" if np.isnan(deviation) else f"{mean:.2g} ± {deviation:.1g}"


def _unique(rows: Iterable[list[str]]) -> list[Sequence[str]]:
    return [*dict.fromkeys(map(tuple, rows))]


def _model(manifest: Manifest) -> list[str]:
    name = _escaped(manifest.model)
    return [
        name if manifest.url is None else f"[{name}]({manifest.url})",
        _escaped(manifest.authors),
        f"{manifest.parameters:,}",
        f"{manifest.training_images:,}",
        f"{manifest.training_seconds:,.0f}",
        str(len(manifest.seeds)),
        _escaped(manifest.hardware),
        _escaped(manifest.tuning),
    ]


def _times(manifest: Manifest, benchmark: str) -> list[str]:
    cells = [f"{benchmark}{_escaped(manifest.model)}"]
    for batches in (False, True):
        *times, pays_from = manifest.times(batches=batches)
        cells += ["" if time is None else f"{time:.2g}" for time in times]
        cells.append(_count(pays_from))
    return cells


def _count(number: float) -> str:
    if np.isnan(number):
        return ""
    return "never" if np.isinf(number) else f"{number:,.0f}"


def _escaped(text: str) -> str:
    """Text of users in Markdown, where it shows as it was written."""
    return re.sub(r"([\\`*\[\]<>])", r"\\\1", text)
