"""Draw the figures of the findings, and write their tables, from the committed results of studies.

    make findings
    python docs/make_findings.py --from saved_models/studies

With --from, what is committed of each finished study is first copied from there into
docs/results/studies/. The script reads only these files. It makes the tables of each study again
from the rows of its runs, and makes what the pages in docs/ show:
images/findings/STUDY/ANALYSIS.svg (for phones ANALYSIS_phone.svg),
results/findings/STUDY/ANALYSIS.md and about.md, and results/findings/studies.md, a table of all
studies.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from diffkeras.errors import DiffkerasError, RunError
from diffkeras.reporting.style import PRINT_STYLE, print_style
from diffkeras.reporting.tables import Cell, Table
from diffkeras.reporting.text import duration
from diffkeras.studies.analyses import ANALYSES
from diffkeras.studies.report import readable_table, summaries
from diffkeras.studies.study_data import (
    EXAMPLES,
    STUDY_FILE,
    NoImagesError,
    TooFewRunsError,
    names_damaged,
    read_description,
    read_study,
    read_table,
    types_of,
    write_table,
)
from diffkeras.system.atomic_files import write_bytes, write_json, write_text
from docs.phone_figures import write_pictures

DOCS = Path(__file__).parent
COMMITTED = (STUDY_FILE, "runs.csv", "baselines.csv", "searches.csv", EXAMPLES, "tables/*.csv")
KEPT = (
    "Made when the study was run: it needs the errors of single images, which are not committed. "
    "Its intervals are of a bootstrap over seeds and images; diffkeras now computes them by the "
    "delta method. No verdict reads this table.\n"
)
LONG = 24  # characters
SHOWN = re.compile(r"(?:images|results)/findings/[\w.-]+/[\w.-]+\.(?:svg|md)")


def main(docs: Path, source: Path | None) -> list[str]:
    """Copy and draw; the paths that a page shows and no study has."""
    studies = docs / "results" / "studies"
    for directory in finished(source) if source else ():
        copy(directory, studies / directory.name)
    for directory in finished(studies):
        remake(directory)
    missing = []
    for shown in sorted(shown_on_pages(docs)):
        made = content(studies, shown)
        if made is None:
            missing.append(shown)
        elif isinstance(made, Figure):
            write_pictures(made, docs / shown, 100, PRINT_STYLE)
        else:
            write_text(docs / shown, made)
    rows = [row_of_study(path) for path in finished(studies)]
    write_text(docs / "results" / "findings" / "studies.md", studies_table(rows))
    return missing


def finished(directory: Path) -> Iterator[Path]:
    """The directories of studies with results."""
    for mark in sorted(directory.glob(f"*/{STUDY_FILE}")):
        if "tables" in read_description(mark.parent):
            yield mark.parent


def copy(source: Path, target: Path) -> None:
    """Copy the files of a study that are committed."""
    for pattern in COMMITTED:
        for file in source.glob(pattern):
            write_bytes(target / file.relative_to(source), file.read_bytes())


def remake(directory: Path) -> None:
    """Make the tables of a study again from its rows, those that need nothing else."""
    description = read_description(directory)
    names = description["tables"]
    with names_damaged([directory / STUDY_FILE]):
        data = read_study(directory)
        analyses = [each for each in ANALYSES if each.name in names and each.applies(data)]
    kept = []
    for analysis in analyses:
        try:
            with names_damaged([directory / "runs.csv"]):
                table = analysis.table(data)
        except NoImagesError:
            kept.append(analysis.name)
        except TooFewRunsError as error:  # studies with too few runs have no such table
            raise RunError(f"{directory / 'runs.csv'} is damaged: {error}") from None
        else:
            file, types = directory / "tables" / f"{analysis.name}.csv", types_of(table)
            with names_damaged([directory / STUDY_FILE]):
                same = _equal(file, names[analysis.name], table)
            if not same:
                names[analysis.name] = types
                write_table(file, table)
    if kept:
        description["kept_tables"] = kept
    write_json(directory / STUDY_FILE, description)


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
    *_, study, file = Path(shown).parts
    name, kind = file.rsplit(".", 1)
    directory = studies / study
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
            parts = [("", readable_table(table))] if name != "errors" else summaries(table, data)
            note = [KEPT] if name in description.get("kept_tables", ()) else []
            return "\n".join([about, *note, *map(_in_markdown, parts)])
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


def studies_table(rows: list[list[str]]) -> str:
    """A row for each study."""
    head = ["study", "runs", "budget", "training time", "machine", "code", "date"]
    return _in_markdown(("", Table(head, rows)))


def _in_markdown(part: tuple[str, Table]) -> str:
    label, table = part
    cells = zip(*table.rows, strict=True)  # long ones are text
    rule = ["---" if any(len(_cell(x)) > LONG for x in column) else "---:" for column in cells]
    rows = [table.columns, ["---", *rule[1:]], *table.rows]
    lines = [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join([*([f"Test set {label}:", ""] if label else []), *lines, ""])


def _cell(cell: Any) -> str:
    if isinstance(cell, Cell):
        return f"**{cell.text}**" if cell.best else cell.text
    return str(cell).replace("|", "\\|")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--from", dest="source", type=Path, help="directory of studies to copy")
    arguments = parser.parse_args()
    try:
        if arguments.source and not arguments.source.is_dir():
            raise RunError(f"{arguments.source} is no directory of studies")
        missing = main(DOCS, arguments.source)
    except DiffkerasError as error:
        sys.exit(f"error: {error}")
    if missing:
        sys.exit(f"error: no study has what pages show: {', '.join(missing)}")
