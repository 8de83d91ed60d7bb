"""The tables of a study, which `diffkeras study` writes: the input of all statistics.

Also those that are written here: tables of statistics, and searches for worst cases.
"""

import contextlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from diffkeras import DiffkerasError
from diffkeras.errors import RunError
from diffkeras.evaluation.errors import ERRORS, MAES
from diffkeras.view.target import REGIONS

STUDY_FILE = "study.json"  # file that identifies the directory of a study
EXAMPLES = "examples.csv.gz"
SIZE = "training_examples"
SIZE_KEYS = ("data.train_fraction", "data.train_examples")  # factors that change SIZE
LOSS = "training.loss"
SEED = "training.seed"
ORDER_SEED = "training.order_seed"
VARIANT = "variant"
TRAIN_PART = "data.train_part"
DRAW = "data.seed"  # other training examples, drawn again
TRAINED_SOURCES = "trained_sources"
ALL = "all"
TEXT = ("run", "test_set", "sources", TRAINED_SOURCES, "method")  # text columns besides factors
# columns of worst-case searches: largest errors, and numbers that add up
SEARCH_ERRORS = ("start_error", "test_max_error", "random_error", "found_error")
SEARCH_SUMS = ("evaluations", "certified_images", "violations")
SEARCH_NUMBERS = (*SEARCH_ERRORS, *SEARCH_SUMS, "ratio", "search")
REGION_ERRORS = dict(zip(REGIONS, MAES, strict=True))  # region → column with its error


class TooFewRunsError(Exception):
    """A statistic needs more runs than there are. The report says "Not computed:" and its text."""


class NoImagesError(TooFewRunsError):
    """A statistic needs the errors of single images, and there are none."""


@dataclass(frozen=True)
class StudyData:
    """The measurements of a study.

    Attributes:
        factors: name of each varied setting → its values as text, in the order of the study file.
            Names are dotted keys such as "training.loss", or "variant".
        runs: a row for each run, test set and source count, and one over all counts. Columns: the
            factors (text), `run` (identity), `training_examples` (of all source counts),
            `trained_sources` (the source counts trained on, as text such as "1-5" or "1,5"),
            `steps`, `step_seconds` (training without validation), `seconds`, `best_epoch`,
            `test_set`, `sources` ("all", "1", …), and the errors of
            `diffkeras.evaluation.errors.ERRORS` (NaN where a region has no nodes).
        baselines: a row for each method, test set and source count: `method`, `test_set`,
            `sources`, and the same errors. Empty if the study measures none.
        examples: a row for each run and test image: `run`, `test_set`, `sources` (int), `example`
            (int), and the same errors. None where a study was read from committed tables that
            leave it out.
        searches: a row for each search of `paper.worst_cases`; None if there is none.
    """

    factors: dict[str, list[str]]
    runs: pd.DataFrame
    baselines: pd.DataFrame
    examples: pd.DataFrame | None = None
    searches: pd.DataFrame | None = None

    def varies(self, *names: str) -> bool:
        """Whether all of these have more than one value."""
        return all(name in self.runs and self.runs[name].nunique() > 1 for name in names)

    @property
    def size_varies(self) -> bool:
        """Whether the size of the training set is a factor of its own."""
        return self.varies(SIZE) and any(self.varies(key) for key in SIZE_KEYS)

    @property
    def seeds(self) -> list[str]:
        """The names of the seeds that vary."""
        return [name for name in (SEED, ORDER_SEED) if name in self.factors and self.varies(name)]

    @property
    def draws(self) -> list[str]:
        """The name of the seed of the training examples, if several were drawn.

        Not if each draw has one training seed of its own: then all runs of a setting are
        independent.
        """
        drawn = DRAW in self.factors and self.varies(DRAW)
        return [DRAW] if drawn and self.own_seeds != 1 else []

    @property
    def own_seeds(self) -> int:
        """The largest number of seeds of a draw of the examples; 0 if draws share their seeds."""
        return own_seeds(self.runs) if self.varies(DRAW) else 0

    @property
    def unit(self) -> str:
        """The column of `regions` and `with_seed` that tells independent runs of a setting apart.

        Runs of one draw share their examples, so it is the draw if each has seeds of its own. If
        draws share their seeds, it is the seed, which changes the error much more than the draw.
        """
        return DRAW if self.own_seeds else "seed"

    @property
    def sizes(self) -> list[int]:
        """The numbers of training examples, ascending."""
        return sorted(int(size) for size in self.runs[SIZE].unique())

    @property
    def test_sets(self) -> list[str]:
        """Labels of the test sets, the main one first."""
        return list(dict.fromkeys(self.runs["test_set"]))

    @property
    def overall(self) -> pd.DataFrame:
        """One row a run: the errors over all images of the main test set."""
        runs = self.runs
        return runs[(runs["test_set"] == self.test_sets[0]) & (runs["sources"] == ALL)]

    @property
    def regions(self) -> pd.DataFrame:
        """One row for each region and run: `overall` in long form, without regions without nodes.

        The columns with errors are replaced by `region`, its mean absolute `error` and `ln_error`.
        Runs are in the order of their seeds, whose values are also in `seed`, as one text. `draw`
        has the draw of the training examples; "" if all runs have the same, or each its own. `unit`
        is equal for runs of a setting that are not independent.
        """
        seeds = [name for name in (SEED, ORDER_SEED) if name in self.runs]
        runs = with_seed(self.overall)
        runs = runs.assign(draw=runs[DRAW] if self.draws else "", unit=runs[self.unit]).sort_values(
            seeds, kind="stable", ignore_index=True
        )
        parts = [
            runs.drop(columns=list(ERRORS)).assign(region=region, error=runs[column])
            for region, column in REGION_ERRORS.items()
        ]
        rows = pd.concat(parts).sort_index(kind="stable").dropna(subset=["error"])
        return rows.assign(ln_error=np.log(rows["error"])).reset_index(drop=True)

    def settings(self, *, without: Sequence[str] = ()) -> list[str]:
        """The varied factors other than seeds, of examples too, and other than those left out."""
        hidden = {SEED, ORDER_SEED, DRAW, *without}
        return [name for name in self.factors if self.varies(name) and name not in hidden]


def label_of(values: Mapping[str, str]) -> str:
    """Factors and their values, such as "train fraction 0.5, absolute"."""
    return ", ".join(
        value if name in (LOSS, VARIANT) else f"{name_of(name)} {value}"
        for name, value in values.items()
    )


def name_of(factor: str) -> str:
    """The last part of a key, in words; of the seed of the examples, what it changes."""
    return "draw" if factor == DRAW else factor.split(".")[-1].replace("_", " ")


def counts_in(text: str) -> tuple[int, ...]:
    """The source counts of a text such as "1-3,5"."""
    ends = [part.split("-") for part in text.split(",")]
    return tuple(count for part in ends for count in range(int(part[0]), int(part[-1]) + 1))


def with_seed(runs: pd.DataFrame) -> pd.DataFrame:
    """Runs with a column `seed`: the values of all seeds of each as one text, such as "0/1"."""
    names = [name for name in (SEED, ORDER_SEED) if name in runs]
    seeds = runs[names].astype(str).agg("/".join, axis=1) if names else ""
    return runs.assign(seed=seeds)


def own_seeds(runs: pd.DataFrame) -> int:
    """The largest number of seeds of a draw of the examples; 0 if draws share several seeds."""
    pairs = with_seed(runs)[[DRAW, "seed"]].drop_duplicates()
    shared = pairs["seed"].duplicated().any() and pairs["seed"].nunique() > 1
    return 0 if shared else int(pairs[DRAW].value_counts().max())


def certified_columns(searches: pd.DataFrame) -> list[str]:
    """The columns of searches with the errors of certified fields, and with their bounds."""
    return [str(name) for name in searches if str(name).startswith(("error_of_", "bound_of_"))]


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Replace a CSV file by a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, lineterminator="\n")


def read_table(path: Path, types: Mapping[str, str]) -> pd.DataFrame:
    """A table from a CSV file.

    `types` are those of columns that pandas can't infer: "str" keeps "1", "1.0" and "None" as they
    are.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            raise ValueError("it is cut off")
        columns = pd.read_csv(io.BytesIO(content), nrows=0).columns
        text = {name: kind for name, kind in types.items() if kind == "str" and name in columns}
        missing = {name: [""] for name in columns if name not in text}
        table = pd.read_csv(
            io.BytesIO(content), dtype=text, keep_default_na=False, na_values=missing
        )
        return table.astype({name: kind for name, kind in types.items() if name in columns})
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from None


def types_of(table: pd.DataFrame) -> dict[str, str]:
    """The type of each column, for `read_table`."""
    return {
        str(name): "str" if pd.api.types.is_object_dtype(kind) else str(kind)
        for name, kind in table.dtypes.items()
    }


def read_study(directory: Path) -> StudyData:
    """The measurements of a study from its tables; `examples` is None if they leave it out.

    Raises:
        RunError: study.json or a table is missing or damaged.
    """
    factors = read_description(directory)["factors"]
    text = dict.fromkeys((*factors, *TEXT), "str")
    files = {name: directory / f"{name}.csv" for name in ("runs", "baselines", "searches")}
    runs, baselines = (read_table(files[name], text) for name in ("runs", "baselines"))
    for table, file, needed in (
        (runs, files["runs"], (*factors, "run", "test_set", "sources", SIZE, *ERRORS)),
        (baselines, files["baselines"], ("method", "test_set", "sources", *ERRORS)),
    ):
        if missing := set(needed) - set(table):
            raise RunError(f"{file} is damaged: it has no column {min(missing)}")
    searches = read_table(files["searches"], text) if files["searches"].is_file() else None
    return StudyData(factors, runs, baselines, _read_examples(directory), searches)


def _read_examples(directory: Path) -> pd.DataFrame | None:
    """The errors of single images; None if there is no such file."""
    file = directory / EXAMPLES
    if not file.is_file():
        return None
    try:
        table = pd.read_csv(file, dtype={"run": str, "test_set": str})
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise RunError(f"{file} is damaged: {error}") from None
    if missing := {"run", "test_set", "sources", "example", *ERRORS} - set(table):
        raise RunError(f"{file} is damaged: it has no column {min(missing)}")
    return table


@contextlib.contextmanager
def names_damaged(files: Sequence[Path]) -> Iterator[None]:
    """Turn an error about missing or wrong content into a RunError that names the files."""
    try:
        yield
    except DiffkerasError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        names = " or ".join(map(str, files))
        raise RunError(f"{names} is damaged ({type(error).__name__}: {error})") from None


def read_description(directory: Path) -> dict[str, Any]:
    """The content of study.json: what the study is, and what it was run on."""
    file = directory / STUDY_FILE
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{file} is missing or damaged: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("factors"), dict):
        raise RunError(f"{file} is damaged, or written by another program")
    return content
