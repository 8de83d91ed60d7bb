"""The results of a study as files: tables, a figure, and a report in one HTML file."""

import contextlib
import datetime
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from diffkeras.config import Config
from diffkeras.errors import RunError
from diffkeras.evaluation.errors import ERRORS
from diffkeras.identity import fingerprint
from diffkeras.reporting.html import write_report
from diffkeras.reporting.text import Table, duration, mark_best, number, value_text
from diffkeras.studies.answer import answer, in_words, mean_and_ends
from diffkeras.studies.cost import budget_in_words, budget_of, test_set_in_words
from diffkeras.studies.evaluations import ALL
from diffkeras.studies.figure import draw
from diffkeras.studies.plan import PlannedRun, Study, label_of, name_of
from diffkeras.studies.results import SIZE, StudyData, by_setting, write_table, write_tables
from diffkeras.studies.study_directory import (
    FAILED,
    REPORT,
    STUDY_FILE,
    FailedRun,
    failed_table,
    identify,
)
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import read_json, write_bytes, write_csv, write_json
from diffkeras.system.messages import low_to_high
from diffkeras.system.result_folders import replacing_files

DATE = "date"
# the keys that say how a surrogate is trained, as a paper would report them
RECIPE = (
    *("training.loss", "training.optimizer", "training.learning_rate", "training.schedule"),
    *("training.warmup", "training.batch_size", "training.steps_per_epoch", "training.epochs"),
    *("training.rollback_factor", "model.architecture", "model.initial_weights"),
    *("model.transform", "model.width", "model.depth"),
)
READINGS = {
    "fixed_value": "sources of fixed value",
    "production": "sources that produce",
}
CURVES_FOLDER = "tensorboard"
# column of the history → tag
CURVES = {"val_mae": "validation/lattice MAE", "loss": "training/loss"}
LONGEST = 120  # characters of a folder's name


def write_study(
    directory: Path,
    study: Study,
    data: StudyData,
    runs: Sequence[PlannedRun],
    *,
    planned: int,
    failed: Sequence[FailedRun] = (),
    command: str = "",
) -> str:
    """Write tables, the figure and the report of a study, replacing an earlier call's.

    All of them are written to a temporary folder first, so an error keeps an earlier report.
    `runs` are the finished ones of the `planned` ones, at least one.

    Returns:
        The answer to the study's question, in words.

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
        _write_curves(partial / CURVES_FOLDER, directory / CURVES_FOLDER, runs, data)
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
    return str(description["answer"])


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


def describe_study(
    study: Study,
    data: StudyData,
    runs: Sequence[PlannedRun],
    numbers: dict[str, int],
    command: str,
) -> dict[str, Any]:
    """The content of study.json: question, factors, scale, budget, cost, machine and versions."""
    states = [Run(run.run_dir).state() for run in runs]
    physics = study.base.physics
    return {
        **identify(study),
        "question": study.question,
        "test_images": {label: test_set_in_words(test) for label, test in study.test_sets.items()},
        "lattice": list(physics.lattice),
        "sources": READINGS[physics.sources],
        "trainable_parameters": sorted({state.get("trainable_parameters", 0) for state in states}),
        "training_examples": sorted({int(size) for size in data.overall()[SIZE]}),
        "budget": budget_in_words([run.config for run in runs]),
        "runs": numbers,
        "training_seconds": round(sum(state.get("seconds") or 0.0 for state in states), 1),
        "machines": _distinct([state["machine"] for state in states]),
        "versions": _distinct([state["versions"] for state in states]),
        "commits": _distinct([state["commit"] for state in states if state.get("commit")]),
        "recipe": recipe_of(study.base),
        "command": command,
    }


def recipe_of(config: Config) -> dict[str, Any]:
    """How the runs of a study are trained where its factors don't say otherwise, by key."""
    values = {}
    for key in RECIPE:
        section, name = key.split(".")
        values[key] = getattr(config, section).to_dict()[name]
    return values


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for place, value in enumerate(values) if value not in values[:place]]


def with_date(description: dict[str, Any], file: Path) -> dict[str, Any]:
    """The description with today's date, or that of an earlier file with the same description.

    So a second call that measures nothing new leaves the file as it is.
    """
    with contextlib.suppress(RunError):
        before = read_json(file)
        if isinstance(before, dict) and before == {**description, DATE: before.get(DATE)}:
            return before
    return {**description, DATE: datetime.date.today().isoformat()}


def _write_curves(target: Path, earlier: Path, runs: Sequence[PlannedRun], data: StudyData) -> None:
    """Write curves, test errors and factors (HParams) of runs for TensorBoard.

    Each run has a folder in `target`. Those of an `earlier` report are copied.
    """
    import tensorflow as tf
    from tensorboard.plugins.hparams import api as hparams

    for run in runs:
        name = _folder_of(run)
        if (earlier / name).is_dir():
            shutil.copytree(earlier / name, target / name)
            continue
        state, history = Run(run.run_dir).state(), Run(run.run_dir).history()
        writer = tf.summary.create_file_writer(str(target / name))
        with writer.as_default():
            factors = {
                name: value if isinstance(value, int | float) else value_text(value)
                for name, value in run.values.items()
            }
            hparams.hparams(factors, trial_id=run.identity)
            for row in history:
                for column, tag in CURVES.items():
                    if column in row:
                        tf.summary.scalar(tag, row[column], step=int(row["epoch"]))
            for label in run.tests:
                rows = data.overall(label)
                for error, title in ERRORS.items():
                    value = rows.loc[rows["run"] == run.identity, error].item()
                    tf.summary.scalar(f"{label}/{title}", value, step=state["best_epoch"])
        writer.close()


def _folder_of(run: PlannedRun) -> str:
    """Such as "training fraction=0.5, seed=0, 0123": its end tells runs and their tests apart."""
    words = ", ".join(f"{name_of(name)}={value_text(value)}" for name, value in run.values.items())
    safe = "".join(letter if letter.isalnum() or letter in " =,.+-_()" else "_" for letter in words)
    tests = {label: path.name for label, path in run.tests.items()}
    return f"{safe[:LONGEST].strip()}, {fingerprint({run.identity: tests}, 4)}"
