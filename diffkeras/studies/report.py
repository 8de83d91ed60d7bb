"""The report of a study: one HTML file that needs no other."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.config import Config
from diffkeras.evaluation.errors import ERRORS
from diffkeras.evaluation.report import HEADINGS
from diffkeras.reporting.html import Table, mark_best, number, write_report
from diffkeras.reporting.text import duration
from diffkeras.studies.analysis import Answer, grouped
from diffkeras.studies.plan import PlannedRun
from diffkeras.studies.study_data import ALL, SIZE, StudyData, label_of, name_of
from diffkeras.studies.study_directory import FailedRun

LARGEST_PICTURE = 1_500_000  # bytes; larger figures are shown as PNG
LONGEST_TABLE = 16  # rows; longer tables are folded


def write_html(
    path: Path,
    description: Mapping[str, Any],
    data: StudyData,
    answers: Sequence[Answer],
    *,
    directory: Path,
    base: Config,
    runs: Sequence[PlannedRun],
    failed: Sequence[FailedRun],
) -> None:
    """Write report.html.

    Args:
        path: the file.
        description: content of study.json.
        data: the measurements.
        answers: of the analyses that apply.
        directory: of the study, from which links to the runs lead.
        base: configuration that the runs share, except for the factors.
        runs: the finished runs.
        failed: the runs that ended with an error.
    """
    errors = [answer.table for answer in answers if answer.name == "errors"]
    write_report(
        path,
        "study_report.html.j2",
        title=description["title"],
        lead=description["question"],
        pictures={
            answer.name: answer.svg if len(answer.svg) <= LARGEST_PICTURE else answer.png
            for answer in answers
            if answer.svg
        },
        configuration=base.to_yaml(),
        facts=_facts(description),
        factors=[(name_of(name), ", ".join(v)) for name, v in description["factors"].items()],
        answers=[_section(answer) for answer in answers],
        summaries=[s for table in errors if table is not None for s in summaries(table, data)],
        baselines=[(label, _baselines(data, label)) for label in data.test_sets],
        runs=_runs(data, runs, directory),
        failed=[(run.title, run.run, run.error) for run in failed],
    )


def _facts(description: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was run, in words."""
    rows, columns = description["lattice"]
    runs = description["runs"]
    tests = description["test_images"]
    named = [words if len(tests) == 1 else f"{label}: {words}" for label, words in tests.items()]
    scale = (
        f"{rows}×{columns} nodes, {description['sources']}, "
        f"{_span(description['trainable_parameters'])} trainable parameters, "
        f"{_span(description['training_examples'])} training examples"
    )
    finished = (
        f"{runs['finished']} of {runs['planned']} finished, {runs['failed']} failed; "
        f"training took {duration(description['training_seconds'])} in all"
    )
    return [
        ("budget", description["budget"]),
        ("scale", scale),
        ("test images", "; ".join(named)),
        ("runs", finished),
        ("machine", "; ".join(description["machines"])),
        ("command", description["command"]),
        ("date", description["date"]),
    ]


def _span(numbers: Sequence[int]) -> str:
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _section(answer: Answer) -> dict[str, Any]:
    """An analysis for the template; the table of errors has a form of its own."""
    shown = answer.table is not None and answer.name != "errors"
    table = readable_table(answer.table) if shown and answer.table is not None else None
    return {
        "name": answer.name,
        "title": answer.analysis.title,
        "explanation": answer.analysis.explanation,
        "refusal": answer.refusal,
        "table": table,
        "folded": table is not None and len(table.rows) > LONGEST_TABLE,
        "has_figure": bool(answer.svg),
    }


def _baselines(data: StudyData, test_set: str) -> Table:
    chosen = data.baselines
    chosen = chosen[(chosen["test_set"] == test_set) & (chosen["sources"] == ALL)]
    rows = list(zip(chosen["method"], chosen[list(ERRORS)].to_numpy(float).tolist(), strict=True))
    return Table(["method", *HEADINGS], mark_best(rows))


def _runs(data: StudyData, runs: Sequence[PlannedRun], directory: Path) -> list[dict[str, Any]]:
    """A row for each run, with a link to its directory."""
    rows = data.overall.to_dict("records")
    return [
        {
            "title": run.title,
            "link": Path(os.path.relpath(run.run_dir, directory)).as_posix(),
            "name": run.identity,
            "examples": row[SIZE],
            "error": number(row["mae"]),
            "best_epoch": row["best_epoch"],
            "steps": row["steps"],
            "seconds": duration(row["seconds"]),
        }
        for run, row in zip(runs, rows, strict=True)
    ]


def readable_table(table: pd.DataFrame) -> Table:
    """A table with numbers to three digits, and the names of its columns in words."""
    names = [name_of(str(name)) for name in table.columns]
    return Table(names, [[_as_text(value) for value in row] for row in table.to_numpy(object)])


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value is pd.NA or isinstance(value, float):
        return number(None if value is pd.NA else value)
    return str(value)


def summaries(table: pd.DataFrame, data: StudyData) -> list[tuple[str, Table]]:
    """The table of the analysis "errors" in a wide form, for each test set.

    A row is a setting with its means over seeds; the best of each column is marked.
    """
    settings = data.settings()
    found = []
    for label in data.test_sets:
        rows, ranges = [], []
        for setting, group in grouped(table[table["test_set"] == label], [*settings, SIZE]):
            by_error = group.set_index("error")
            name = label_of({name: setting[name] for name in settings}) or "all runs"
            means = by_error["mean"][list(ERRORS)].tolist()
            rows.append((f"{name} ({by_error['runs']['mae']})", means))
            low, high = by_error["min"]["mae"], by_error["max"]["mae"]
            ranges.append(f"{number(low)} – {number(high)}")
        marked = [[*row, text] for row, text in zip(mark_best(rows), ranges, strict=True)]
        head = ["setting (runs)", *HEADINGS, "lattice MAE, min – max"]
        found.append((label, Table(head, marked)))
    return found
