"""The results of a study as files: tables, a figure, and a report in one HTML file."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.evaluation.errors import ERRORS
from diffkeras.reporting.html import write_report
from diffkeras.reporting.tables import Table, mark_best, number
from diffkeras.reporting.text import duration, value_text
from diffkeras.studies.answer import answer, in_words, mean_and_ends
from diffkeras.studies.curves import FOLDER, write_curves
from diffkeras.studies.figure import draw
from diffkeras.studies.study import PlannedRun, Study
from diffkeras.studies.study_data import (
    ALL,
    SIZE,
    STUDY_FILE,
    StudyData,
    by_setting,
    label_of,
    name_of,
    write_table,
    write_tables,
)
from diffkeras.studies.study_directory import (
    FAILED,
    REPORT,
    FailedRun,
    budget_of,
    describe_study,
    failed_table,
    with_date,
)
from diffkeras.system.atomic_files import write_bytes, write_csv, write_json
from diffkeras.system.messages import low_to_high
from diffkeras.system.result_folders import replacing_files


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
    """Write tables, the figure and the report of a study, replacing those of an earlier call.

    All of them are written to a temporary folder first, so an error keeps an earlier report.
    `runs` are the finished ones of the `planned` ones, at least one.

    Raises:
        OutputError: a file can't be written.
    """
    found = answer(data)
    varied = [effect.factor for effect in found.effects]
    table, figure = error_table(data), draw(data, varied)
    numbers = {"planned": planned, "finished": len(runs), "failed": len(failed)}
    description = describe_study(study, data, runs, numbers, command)
    description["answer"] = in_words(found, {name: budget_of(study, name) for name in varied})
    description = with_date(description, directory / STUDY_FILE)
    with replacing_files(directory, last=REPORT) as partial:
        if failed:
            write_csv(partial / FAILED, *failed_table(failed))
        write_json(partial / STUDY_FILE, description)
        write_tables(partial, data)
        write_curves(partial / FOLDER, directory / FOLDER, runs)
        write_table(partial / "errors.csv", table)
        write_bytes(partial / "errors.svg", figure)
        write_report(
            partial / REPORT,
            "study_report.html.j2",
            title=description["title"],
            lead=description["question"],
            pictures={"errors": figure},
            configuration=study.base.to_yaml(),
            answer=description["answer"],
            caption=_caption(data, varied),
            facts=_facts(description),
            factors=[(name_of(name), ", ".join(v)) for name, v in data.factors.items()],
            summaries=[(label, _readable(table, data, label)) for label in data.test_sets],
            baselines=[(label, _baselines(data, label)) for label in data.test_sets],
            runs=_runs(data, runs, directory),
            failed=[(run.title, run.run, run.error) for run in failed],
        )


def error_table(data: StudyData) -> pd.DataFrame:
    """A row for each test set and setting: number of `runs`, and the errors over seeds.

    Errors are geometric means; `mae_low` and `mae_high` are the ends of the lattice MAE's interval.
    """
    rows: list[dict[str, Any]] = []
    for label in data.test_sets:
        for setting, group in by_setting(data.overall(label), data.settings):
            means = {error: mean_and_ends(group, error) for error in ERRORS}
            row: dict[str, Any] = {"test_set": label, **setting, "runs": len(group)}
            row |= {error: mean for error, (mean, _, _) in means.items()}
            _, row["mae_low"], row["mae_high"] = means["mae"]
            rows.append(row)
    return pd.DataFrame(rows)


def _readable(table: pd.DataFrame, data: StudyData, test_set: str) -> Table:
    """The rows of a test set for people, with the best of each column marked."""
    rows, intervals = [], []
    for row in table[table["test_set"] == test_set].to_dict("records"):
        setting = label_of({name: row[name] for name in data.settings}) or "all runs"
        rows.append((f"{setting} ({row['runs']})", [row[error] for error in ERRORS]))
        intervals.append(f"{number(row['mae_low'])} – {number(row['mae_high'])}")
    marked = [[*row, text] for row, text in zip(mark_best(rows), intervals, strict=True)]
    return Table(["setting (runs)", *ERRORS.values(), "lattice MAE, 95 %"], marked)


def _caption(data: StudyData, varied: Sequence[str]) -> str:
    """What the figure shows."""
    rows = data.overall()
    repetitions = rows["repetition"].nunique()
    over = f" against the {name_of(varied[0])}" if varied else ""
    spread = f"; bars are 95 % intervals over {repetitions} seeds" if repetitions > 1 else ""
    return f"Mean absolute error in each region{over}. Points are geometric means{spread}."


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
        f"{weights} trainable parameters, {examples} training examples in all"
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


def _baselines(data: StudyData, test_set: str) -> Table:
    chosen = data.baselines
    chosen = chosen[(chosen["test_set"] == test_set) & (chosen["sources"] == ALL)]
    rows = list(zip(chosen["method"], chosen[list(ERRORS)].to_numpy(float).tolist(), strict=True))
    return Table(["method", *ERRORS.values()], mark_best(rows))


def _runs(data: StudyData, runs: Sequence[PlannedRun], directory: Path) -> list[dict[str, Any]]:
    """A row for each run, with a link to its directory."""
    rows = data.overall().to_dict("records")
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
