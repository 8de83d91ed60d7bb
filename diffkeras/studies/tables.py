"""The tables that a study leaves as files, and reading them back."""

import contextlib
import gzip
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.errors import DiffkerasError, RunError
from diffkeras.evaluation.errors import ERRORS
from diffkeras.studies.study_data import SIZE, TRAINED_SOURCES, StudyData
from diffkeras.system.atomic_files import read_json, write_bytes

MARK = "study.json"  # by which the directory of a study is known
TEXT = ("run", "test_set", "sources", TRAINED_SOURCES, "method")  # and the factors


def write_tables(directory: Path, data: StudyData) -> None:
    """Write runs.csv, baselines.csv, searches.csv, examples.csv.gz and examples.parquet."""
    write_table(directory / "runs.csv", data.runs)
    write_table(directory / "baselines.csv", data.baselines)
    if data.searches is not None:
        write_table(directory / "searches.csv", data.searches)
    if data.examples is not None:
        text = data.examples.to_csv(index=False, lineterminator="\n").encode()
        # without a date, so that the same table is the same file
        write_bytes(directory / "examples.csv.gz", gzip.compress(text, mtime=0))
        buffer = io.BytesIO()
        data.examples.to_parquet(buffer, index=False)
        write_bytes(directory / "examples.parquet", buffer.getvalue())


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Replace a CSV file by a table."""
    write_bytes(path, table.to_csv(index=False, lineterminator="\n").encode())


def read_table(path: Path, types: Mapping[str, str]) -> pd.DataFrame:
    """A table from a CSV file.

    Args:
        path: the file.
        types: column → type, for those that pandas can't tell: "str" keeps "1", "1.0" and "None"
            as they are.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        columns = pd.read_csv(path, nrows=0).columns
        text = {name: kind for name, kind in types.items() if kind == "str" and name in columns}
        missing = {name: [""] for name in columns if name not in text}
        found = pd.read_csv(path, dtype=text, keep_default_na=False, na_values=missing)
        return found.astype({k: kind for k, kind in types.items() if k in columns})
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged: {error}") from None


def types_of(table: pd.DataFrame) -> dict[str, str]:
    """The type of each column, for `read_table`."""
    return {
        str(name): "str" if pd.api.types.is_object_dtype(kind) else str(kind)
        for name, kind in table.dtypes.items()
    }


def read_study(directory: Path) -> StudyData:
    """The measurements of a study from its committed tables; the examples are not among them.

    Raises:
        RunError: study.json or a table is missing or damaged.
    """
    factors = read_description(directory)["factors"]
    text = dict.fromkeys((*factors, *TEXT), "str")
    tables = {}
    for name, needed in (
        ("runs", (*factors, "run", "test_set", "sources", SIZE, *ERRORS)),
        ("baselines", ("method", "test_set", "sources", *ERRORS)),
    ):
        path = directory / f"{name}.csv"
        tables[name] = read_table(path, text)
        missing = set(needed) - set(tables[name])
        if missing:
            raise RunError(f"{path} is damaged: it has no column {min(missing)}")
    searches = directory / "searches.csv"
    found = read_table(searches, text) if searches.is_file() else None
    return StudyData(factors, tables["runs"], tables["baselines"], None, found)


@contextlib.contextmanager
def names_damaged(files: Sequence[Path]) -> Iterator[None]:
    """Turn an error about missing or wrong content into a RunError that names the files."""
    try:
        yield
    except DiffkerasError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        names = " or ".join(map(str, files))
        reason = f"{type(error).__name__}: {error}"
        raise RunError(f"{names} is damaged, or of another version ({reason})") from None


def read_description(directory: Path) -> dict[str, Any]:
    """The content of study.json: what the study is, and what it was run on."""
    file = directory / MARK
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("factors"), dict):
        raise RunError(f"{file} is damaged, or written by another program")
    return content
