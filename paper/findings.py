"""The figures and tables of the findings, from the committed results of studies.

The tables of each study are made again from the rows of its runs. Then everything is made that the
pages in docs/ show: paper/results/figures/STUDY/ANALYSIS.svg (for phones ANALYSIS_phone.svg),
paper/results/findings/STUDY/ANALYSIS.md and about.md, and paper/results/findings/studies.md, a
table of all studies.
"""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from benchmarks.shared.print_style import PRINT_STYLE, print_style
from diffkeras.errors import RunError
from diffkeras.reporting.text import duration
from docs.phone_figures import write_pictures
from paper.analyses import ANALYSES
from paper.analysis import grouped
from paper.study_data import (
    ERRORS,
    EXAMPLES,
    SIZE,
    STUDY_FILE,
    NoImagesError,
    StudyData,
    TooFewRunsError,
    label_of,
    name_of,
    names_damaged,
    read_description,
    read_study,
    read_table,
    types_of,
    write_table,
)

COMMITTED = (STUDY_FILE, "runs.csv", "baselines.csv", "searches.csv", EXAMPLES)
KEPT = (
    "Made when the study was run: it needs the errors of single images, which are not committed. "
    "Its intervals are of a bootstrap over seeds and images; diffkeras now computes them by the "
    "delta method. No verdict reads this table.\n"
)
LONG = 24  # characters
SHOWN = re.compile(r"paper/results/(?:figures|findings)/[\w.-]+/[\w.-]+\.(?:svg|md)")
DASH = "–"

Cells = list[list[str]]


def write_findings(root: Path, source: Path | None = None) -> list[str]:
    """Copy finished studies from a directory, and draw; the paths that no study has.

    Args:
        root: of the repository, with docs/ and paper/results/.
        source: directory of studies that `diffkeras study` has written.
    """
    results = root / "paper" / "results"
    studies = results / "studies"
    for directory in finished(source) if source else ():
        copy(directory, studies / directory.name)
    for directory in finished(studies):
        remake(directory)
    missing = []
    for shown in sorted(shown_on_pages(root / "docs")):
        made = content(studies, shown)
        if made is None:
            missing.append(shown)
        elif isinstance(made, Figure):
            write_pictures(made, root / shown, 100, PRINT_STYLE)
        else:
            _write(root / shown, made)
    rows = [row_of_study(path) for path in finished(studies)]
    head = ["study", "runs", "budget", "training time", "machine", "code", "date"]
    _write(results / "findings" / "studies.md", _in_markdown("", head, rows))
    return missing


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def finished(directory: Path) -> Iterator[Path]:
    """The directories of studies with results."""
    for mark in sorted(directory.glob(f"*/{STUDY_FILE}")):
        if (mark.parent / "runs.csv").is_file():
            yield mark.parent


def copy(source: Path, target: Path) -> None:
    """Replace the committed files of a study."""
    target.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(target / "tables", ignore_errors=True)
    for name in COMMITTED:
        (target / name).unlink(missing_ok=True)
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def remake(directory: Path) -> None:
    """Make the tables of a study again from its rows.

    A table that needs the errors of single images is kept where these are not committed.
    """
    description = read_description(directory)
    names = description.setdefault("tables", {})
    refused = description.setdefault("too_few_runs", {})
    with names_damaged([directory / STUDY_FILE]):
        data = read_study(directory)
        analyses = [each for each in ANALYSES if each.applies(data)]
    kept = []
    for analysis in analyses:
        name, file = analysis.name, directory / "tables" / f"{analysis.name}.csv"
        try:
            with names_damaged([directory / "runs.csv"]):
                table = analysis.table(data)
        except NoImagesError as error:
            if name in names:
                kept.append(name)
            else:
                refused[name] = str(error)
        except TooFewRunsError as error:
            if name in names:  # so there were enough
                raise RunError(f"{directory / 'runs.csv'} is damaged: {error}") from None
            refused[name] = str(error)
        else:
            refused.pop(name, None)
            with names_damaged([directory / STUDY_FILE]):
                same = name in names and _equal(file, names[name], table)
            if not same:
                names[name] = types_of(table)
                write_table(file, table)
    if kept:
        description["kept_tables"] = kept
    text = json.dumps(description, indent=2, ensure_ascii=False)
    _write(directory / STUDY_FILE, f"{text}\n")


def _equal(file: Path, types: dict[str, str], table: pd.DataFrame) -> bool:
    """Whether a file has this table, to the digits that are shown, whatever the processor."""
    try:
        old = read_table(file, types)
        pd.testing.assert_frame_equal(old, table, check_dtype=False, rtol=1e-3, atol=1e-9)
    except (AssertionError, RunError):  # RunError: it is damaged, and is made again
        return False
    return True


def shown_on_pages(docs: Path) -> set[str]:
    """The pictures and tables of findings that pages show."""
    return {path for page in docs.glob("*.md") for path in SHOWN.findall(page.read_text("utf-8"))}


def content(studies: Path, shown: str) -> Figure | str | None:
    """A picture or a table; None if it is of no study, or of no analysis of one."""
    path = Path(shown)
    name, kind, directory = path.stem, path.suffix[1:], studies / path.parent.name
    if not (directory / STUDY_FILE).is_file():
        return None
    description = read_description(directory)
    with names_damaged([directory / STUDY_FILE]):
        about = about_in_words(description)
        if name == "about":
            return about_in_words(description, budget=True)
        if name in description["too_few_runs"] and kind == "md":
            return f"Not computed: {description['too_few_runs'][name]}\n"
        types = description["tables"].get(name)
    analysis = {analysis.name: analysis for analysis in ANALYSES}.get(name)
    if types is None or analysis is None:
        return None
    file = directory / "tables" / f"{name}.csv"
    with names_damaged([file, directory / STUDY_FILE]):
        table, data = read_table(file, types), read_study(directory)
        if kind == "md":
            note = [KEPT] if name in description.get("kept_tables", ()) else []
            parts = summaries(table, data) if name == "errors" else [_readable(table)]
            return "\n".join([about, *note, *parts])
        if analysis.figure is None:
            return None
        with print_style():
            return analysis.figure(table, data)


def about_in_words(description: dict[str, Any], *, budget: bool = False) -> str:
    """A paragraph with the scale, the runs, the code, the machine and the command of a study."""
    rows, columns = description["lattice"]
    runs, tests = description["runs"], description["test_images"]
    return (
        f"{rows}×{columns} nodes, {description['sources']}; {runs['finished']} of "
        f"{runs['planned']} runs, tested on {'; '.join(tests.values())}. "
        + (f"{description['budget']} " if budget else "")
        + f"Trained in {duration(description['training_seconds'])} on "
        f"{'; '.join(description['machines'])}, by `{description['command']}` of "
        f"{code_of(description)} ({description['date']}).\n"
    )


def code_of(description: dict[str, Any]) -> str:
    """The versions of diffkeras of a study's runs, and its commits where they were kept."""
    versions = dict.fromkeys(f"diffkeras {one['diffkeras']}" for one in description["versions"])
    commits = [f"commit {commit[:8]}" for commit in description.get("commits", ())]
    return ", ".join([*versions, *commits])


def row_of_study(directory: Path) -> list[str]:
    """Name, runs, budget, training time, machine, code and date."""
    about = read_description(directory)
    with names_damaged([directory / STUDY_FILE]):
        return [
            f"`{directory.name}`",
            str(about["runs"]["finished"]),
            about["budget"],
            duration(about["training_seconds"]),
            "; ".join(about["machines"]),
            code_of(about),
            about["date"],
        ]


def _readable(table: pd.DataFrame) -> str:
    """A table with numbers to three digits, and the names of its columns in words."""
    rows = [[_as_text(value) for value in row] for row in table.to_numpy(object)]
    return _in_markdown("", [name_of(str(name)) for name in table.columns], rows)


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value is pd.NA:
        return DASH
    return _number(value) if isinstance(value, float) else str(value).replace("|", "\\|")


def _number(value: float) -> str:
    return DASH if pd.isna(value) else f"{value:.3g}"


def summaries(table: pd.DataFrame, data: StudyData) -> list[str]:
    """The table of the analysis "errors" in a wide form, for each test set.

    A row is a setting with its means over seeds; the smallest of each column is bold.
    """
    settings = data.settings()
    head = ["setting (runs)", *ERRORS.values(), "lattice MAE, min – max"]
    parts = []
    for label in data.test_sets:
        rows, ranges = {}, []
        for setting, group in grouped(table[table["test_set"] == label], [*settings, SIZE]):
            by_error = group.set_index("error")
            name = label_of({name: setting[name] for name in settings}) or "all runs"
            rows[_as_text(f"{name} ({by_error['runs']['mae']})")] = by_error["mean"][list(ERRORS)]
            low, high = by_error["min"]["mae"], by_error["max"]["mae"]
            ranges.append(f"{_number(low)} – {_number(high)}")
        means = pd.DataFrame(rows).T
        texts = means.map(_number)
        least = means.min().map(_number)
        bold = texts.where(texts.ne(least) | (texts == DASH), "**" + texts + "**")
        cells = zip(bold.index, bold.to_numpy().tolist(), ranges, strict=True)
        title = label if len(data.test_sets) > 1 else ""
        parts.append(_in_markdown(title, head, [[name, *row, text] for name, row, text in cells]))
    return parts


def _in_markdown(label: str, head: list[str], rows: Cells) -> str:
    columns = zip(*rows, strict=True)  # long cells are text
    rule = ["---" if any(len(cell) > LONG for cell in column) else "---:" for column in columns]
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---", *rule[1:]], *rows)]
    return "\n".join([*([f"Test set {label}:", ""] if label else []), *lines, ""])
