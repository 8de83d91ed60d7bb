"""The results of a study as files: tables, figures, and a report in one HTML file."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.evaluation.errors import ERRORS
from diffkeras.reporting.html import write_report
from diffkeras.reporting.tables import Table, mark_best, number
from diffkeras.reporting.text import duration, low_to_high, value_text
from diffkeras.studies.analyses import ANALYSES
from diffkeras.studies.analysis import Analysis, grouped
from diffkeras.studies.study import PlannedRun, Study
from diffkeras.studies.study_data import (
    ALL,
    SIZE,
    STUDY_FILE,
    StudyData,
    TooFewRunsError,
    label_of,
    name_of,
    types_of,
    write_table,
    write_tables,
)
from diffkeras.studies.study_directory import (
    FAILED,
    REPORT,
    FailedRun,
    describe_study,
    failed_table,
    with_date,
)
from diffkeras.system.atomic_files import write_bytes, write_csv, write_json
from diffkeras.system.result_folders import replacing_files

LONGEST_TABLE = 16  # rows; longer tables are folded


def write_study(
    directory: Path,
    study: Study,
    data: StudyData,
    runs: Sequence[PlannedRun],
    *,
    planned: int,
    failed: Sequence[FailedRun] = (),
    command: str = "",
) -> None:
    """Write tables, figures and the report of a study, replacing those of an earlier call.

    All of them are written to a temporary folder first, so an error keeps an earlier report.
    `runs` are the finished ones of the `planned` ones, at least one.

    Raises:
        OutputError: a file can't be written.
    """
    analyses = [analysis for analysis in ANALYSES if analysis.applies(data)]
    tables: dict[str, pd.DataFrame] = {}
    refusals: dict[str, str] = {}
    for analysis in analyses:
        try:
            tables[analysis.name] = analysis.table(data)
        except TooFewRunsError as error:
            refusals[analysis.name] = str(error)
    figures = {a.name: a.draw(tables[a.name], data) for a in analyses if a.name in tables}
    numbers = {"planned": planned, "finished": len(runs), "failed": len(failed)}
    description = describe_study(study, data, runs, numbers, command)
    description["too_few_runs"] = refusals
    description["tables"] = {name: types_of(table) for name, table in tables.items()}
    description = with_date(description, directory / STUDY_FILE)
    with replacing_files(directory, last=REPORT) as partial:
        write_json(partial / STUDY_FILE, description)
        write_tables(partial, data)
        if failed:
            write_csv(partial / FAILED, *failed_table(failed))
        for name, table in tables.items():
            write_table(partial / "tables" / f"{name}.csv", table)
            write_bytes(partial / "figures" / f"{name}.svg", figures[name])
        write_report(
            partial / REPORT,
            "study_report.html.j2",
            title=description["title"],
            lead=description["question"],
            pictures=figures,
            configuration=study.base.to_yaml(),
            facts=_facts(description),
            factors=[(name_of(name), ", ".join(v)) for name, v in data.factors.items()],
            answers=[_answer(a, tables.get(a.name), refusals.get(a.name, "")) for a in analyses],
            summaries=summaries(tables["errors"], data),
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
    weights, examples = (
        low_to_high(min(numbers), max(numbers), ",")
        for numbers in (description["trainable_parameters"], description["training_examples"])
    )
    scale = (
        f"{rows}×{columns} nodes, {description['sources']}, "
        f"{weights} trainable parameters, {examples} training examples"
    )
    finished = (
        f"{runs['finished']} of {runs['planned']} finished, {runs['failed']} failed; "
        f"training took {duration(description['training_seconds'])} in all"
    )
    recipe = ", ".join(f"{key} {value_text(value)}" for key, value in description["recipe"].items())
    return [
        ("budget", description["budget"]),
        ("scale", scale),
        ("test images", "; ".join(named)),
        ("runs", finished),
        ("recipe", recipe),
        ("machine", "; ".join(description["machines"])),
        ("commit", "; ".join(description["commits"]) or "not known"),
        ("command", description["command"]),
        ("date", description["date"]),
    ]


def _answer(analysis: Analysis, table: pd.DataFrame | None, refusal: str) -> dict[str, Any]:
    """An analysis for the template; the table of errors has a form of its own."""
    shown = None if table is None or analysis.name == "errors" else readable_table(table)
    return {
        "name": analysis.name,
        "title": analysis.title,
        "explanation": analysis.explains,
        "refusal": refusal,
        "table": shown,
        "folded": shown is not None and len(shown.rows) > LONGEST_TABLE,
        "has_figure": table is not None,
    }


def _baselines(data: StudyData, test_set: str) -> Table:
    chosen = data.baselines
    chosen = chosen[(chosen["test_set"] == test_set) & (chosen["sources"] == ALL)]
    rows = list(zip(chosen["method"], chosen[list(ERRORS)].to_numpy(float).tolist(), strict=True))
    return Table(["method", *ERRORS.values()], mark_best(rows))


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
    if value is None or value is pd.NA:
        return number(None)
    return number(value) if isinstance(value, float) else str(value)


def summaries(table: pd.DataFrame, data: StudyData) -> list[tuple[str, Table]]:
    """The table of the analysis "errors" in a wide form, for each test set.

    A row is a setting with its means over seeds; the best of each column is marked.
    """
    settings = data.settings()
    tables = []
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
        head = ["setting (runs)", *ERRORS.values(), "lattice MAE, min – max"]
        tables.append((label, Table(head, marked)))
    return tables
