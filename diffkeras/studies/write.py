"""Write the results of a study."""

from collections.abc import Sequence
from pathlib import Path

from diffkeras.studies.analyses import ANALYSES
from diffkeras.studies.config import Study
from diffkeras.studies.plan import PlannedRun
from diffkeras.studies.report import write_html
from diffkeras.studies.study_data import MARK, StudyData, types_of, write_table, write_tables
from diffkeras.studies.study_directory import FailedRun, describe_study, with_date
from diffkeras.system.atomic_files import replacing_files, write_bytes, write_json

FILES = (
    MARK,
    "runs.csv",
    "baselines.csv",
    "searches.csv",
    "examples.csv.gz",
    "tables/*.csv",
    "figures/*.svg",
    "figures/*.png",
    "report.html",
)


def write_study(
    directory: Path,
    study: Study,
    data: StudyData,
    runs: Sequence[PlannedRun],
    *,
    failed: Sequence[FailedRun] = (),
    planned: int | None = None,
    command: str = "",
) -> None:
    """Write `FILES` into the directory of a study, replacing those of an earlier call.

    All of them are written to a temporary folder first, so an error keeps an earlier report.

    Args:
        directory: of the study.
        study: the study.
        data: its measurements, see `read_results`.
        runs: its finished runs, at least one.
        failed: those that ended with an error.
        planned: the number of its runs, by default the finished and the failed ones.
        command: by which it was run.

    Raises:
        OutputError: a file can't be written.
    """
    answers = [analysis.answer(data) for analysis in ANALYSES if analysis.applies(data)]
    description = describe_study(
        study,
        data,
        runs,
        planned=len(runs) + len(failed) if planned is None else planned,
        failed=len(failed),
        command=command,
    )
    description["too_few_runs"] = {a.name: a.refusal for a in answers if a.refusal}
    description["tables"] = {a.name: types_of(a.table) for a in answers if a.table is not None}
    description = with_date(description, directory / MARK)
    with replacing_files(directory, FILES, last="report.html") as partial:
        write_json(partial / MARK, description)
        write_tables(partial, data)
        for answer in answers:
            if answer.table is not None:
                write_table(partial / "tables" / f"{answer.name}.csv", answer.table)
                write_bytes(partial / "figures" / f"{answer.name}.svg", answer.svg)
                write_bytes(partial / "figures" / f"{answer.name}.png", answer.png)
        write_html(
            partial / "report.html",
            description,
            data,
            answers,
            directory=directory,
            base=study.base,
            runs=runs,
            failed=failed,
        )
