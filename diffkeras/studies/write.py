"""Write the results of a study."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from diffkeras.evaluation.errors import ERRORS
from diffkeras.studies.analyses import ANALYSES
from diffkeras.studies.config import Study
from diffkeras.studies.plan import PlannedRun
from diffkeras.studies.report import write_html
from diffkeras.studies.study_data import MARK, SIZE, StudyData, types_of, write_table, write_tables
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
    "tensorboard/*.tfevents.*",
    "tensorboard/*/*.tfevents.*",
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
        write_hparams(partial / "tensorboard", data)
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


def write_hparams(directory: Path, data: StudyData) -> None:
    """Write a session for each run: factors and size as hyperparameters, final errors as metrics.

    The errors are those over all images of the main test set; see them with
    `tensorboard --logdir DIRECTORY`.
    """
    names = [*data.factors, SIZE]
    with tf.summary.create_file_writer(str(directory)).as_default():
        hparams.hparams_config(
            [hparams.HParam(name) for name in names],
            [hparams.Metric(f"test/{error}", display_name=error) for error in ERRORS],
        )
    for row in data.overall.to_dict("records"):
        with tf.summary.create_file_writer(str(directory / row["run"])).as_default():
            hparams.hparams({name: _as_number(row[name]) for name in names}, trial_id=row["run"])
            for error in ERRORS:
                if not pd.isna(row[error]):
                    tf.summary.scalar(f"test/{error}", row[error], step=0)


def _as_number(value: object) -> float | str:
    """Numbers as numbers, which HParams can order."""
    try:
        return float(str(value))
    except ValueError:
        return str(value)
