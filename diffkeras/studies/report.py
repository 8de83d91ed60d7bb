"""The results of a study as files: tables, a figure, and a report in one HTML file."""

import math
import os
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkeras.data.section import format_counts
from diffkeras.evaluation.errors import ERRORS, IN_WORDS, MAES
from diffkeras.identity import fingerprint
from diffkeras.reporting.figures import legend_above, log_ticks
from diffkeras.reporting.html import write_report
from diffkeras.reporting.style import WIDTH, for_page, new_figure, series_style
from diffkeras.reporting.text import Table, duration, mark_best, number, value_text
from diffkeras.studies.answer import answer, in_words, mean_and_ends, numbers_of
from diffkeras.studies.cost import budget_in_words
from diffkeras.studies.evaluations import ALL
from diffkeras.studies.plan import PlannedRun, Study, label_of, name_of
from diffkeras.studies.results import SIZE, StudyData, by_setting, write_table, write_tables
from diffkeras.studies.study_directory import (
    FAILED,
    FAILED_COLUMNS,
    REPORT,
    STUDY_FILE,
    FailedRun,
    identify,
)
from diffkeras.surrogates.run_directory import Run
from diffkeras.system.atomic_files import write_bytes, write_csv, write_json
from diffkeras.system.messages import low_to_high
from diffkeras.system.result_folders import replacing_files
from diffkeras.view.target import REGIONS

CURVES = {"val_mae": "validation/lattice MAE", "loss": "training/loss"}  # by column of the history
LONGEST = 120  # characters of a folder's name
LONGEST_LINE = 20  # characters of a label
MOST_LINES = 9  # of a second factor; further ones are averaged over


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
    `runs` are the finished ones of the `planned` ones, at least one. Returns the answer in words.
    """
    found = answer(data)
    varied = [effect.factor for effect in found.effects]
    table, figure = error_table(data), draw(data, varied)
    described = _description(study, data, runs)
    # a larger training set may also have more steps, and a study can't separate the two causes
    described["answer"] = f"{in_words(found)} {described['budget']}"
    described["runs"] = {"planned": planned, "finished": len(runs), "failed": len(failed)}
    described["command"] = command
    with replacing_files(directory, last=REPORT) as partial:
        if failed:
            write_csv(partial / FAILED, FAILED_COLUMNS, map(astuple, failed))
        write_json(partial / STUDY_FILE, described)
        write_tables(partial, data)
        _write_curves(partial / "tensorboard", directory / "tensorboard", runs, data)
        write_table(partial / "errors.csv", table)
        write_bytes(partial / "errors.svg", figure)
        write_report(
            partial / REPORT,
            "study_report.html.j2",
            title=study.title,
            lead=study.question,
            pictures={"errors": figure},
            configuration=study.base.to_yaml(),
            answer=described["answer"],
            caption=_caption(data, varied),
            facts=_facts(described),
            of_regions=IN_WORDS,
            factors=[(name_of(name), ", ".join(v)) for name, v in data.factors.items()],
            summaries=[(label, _readable(table, data, label)) for label in data.test_sets],
            baselines=[(label, _baselines(data, label)) for label in data.test_sets],
            runs=_runs(data, runs, directory),
            failed=[astuple(run) for run in failed],
        )
    return str(described["answer"])


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


def draw(data: StudyData, factors: Sequence[str]) -> bytes:
    """The errors of the main test set as an SVG image, a panel for each region.

    The first factor is the axis, the second one has a line for each value, and further ones are
    averaged over.
    """
    return for_page(_figure(data, factors))


def _figure(data: StudyData, factors: Sequence[str]) -> Figure:
    across, *others = factors or [""]
    lines = [name for name in others[:1] if len(data.factors[name]) <= MOST_LINES]
    values = data.factors.get(across, [""])
    has_numbers = numbers_of(values) is not None and len(values) > 1
    rows = data.overall()
    height = 6.5 if has_numbers else 2.5 + 3 * max(0.35 * len(values), 1.0)
    legend = math.ceil(rows[lines[0]].nunique() / 2) if lines else 0  # its rows
    figure = new_figure(WIDTH, height + 0.3 * legend)
    grid = figure.subplots(3, 2, sharex=has_numbers, sharey=not has_numbers)
    for (region, title), error, axis in zip(REGIONS.items(), MAES, grid.flat, strict=True):
        axis.set_title(title if region in ("lattice", "sources", "field") else title.split(" (")[0])
        axis.grid(alpha=0.3)
        _draw(axis, rows, error, across, values, lines, has_numbers)
    for axis in grid[-1] if has_numbers else ():
        axis.set_xlabel(textwrap.fill(name_of(across), LONGEST_LINE))
    for axis in grid[:, 0] if has_numbers else grid[-1]:
        axis.set(**{"ylabel" if has_numbers else "xlabel": "mean absolute error"})
    if lines:
        legend_above(figure)
    return figure


def _draw(
    axis: Axes,
    rows: pd.DataFrame,
    error: str,
    across: str,
    values: Sequence[str],
    lines: Sequence[str],
    has_numbers: bool,
) -> None:
    """Geometric means over seeds with their intervals, or ranges if there is a single seed."""
    if not (rows[error] > 0).any():
        axis.text(0.5, 0.5, "no nodes", ha="center", va="center", transform=axis.transAxes)
        return
    groups = list(by_setting(rows, lines))
    for index, (setting, group) in enumerate(groups):
        shift = 0 if has_numbers else 0.6 * ((index + 0.5) / len(groups) - 0.5)
        points = []
        for place, value in enumerate(values):
            own = group[group[across] == value] if across else group
            mean, low, high = mean_and_ends(own, error)
            at = float(value) if has_numbers else place + shift
            points.append((at, mean, *np.nan_to_num([mean - low, high - mean])))
        places, means, below, above = np.transpose(points)  # NaN isn't drawn
        style = series_style(index) | {"linestyle": "-" if has_numbers else "", "capsize": 3}
        label = textwrap.fill(label_of(setting), LONGEST_LINE)
        if has_numbers:
            axis.errorbar(places, means, yerr=[below, above], label=label, **style)
        else:
            axis.errorbar(means, places, xerr=[below, above], label=label, **style)
    if has_numbers:
        if min(map(float, values)) > 0:
            axis.set_xscale("log")
            log_ticks(axis, "x")
        axis.set_yscale("log")
        log_ticks(axis, "y")
    else:
        labels = [textwrap.fill(value, LONGEST_LINE) for value in values]
        axis.set_yticks(range(len(values)), labels)
        axis.set_ylim(len(values) - 0.5, -0.5)
        axis.set_xscale("log")
        log_ticks(axis, "x", fewest=2)


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
    repetitions = data.overall()["repetition"].nunique()
    over = f" against the {name_of(varied[0])}" if varied else ""
    spread = f"; bars are 95 % intervals over {repetitions} seeds" if repetitions > 1 else ""
    return f"Mean absolute error in each region{over}. Points are geometric means{spread}."


def _facts(described: dict[str, Any]) -> list[tuple[str, str]]:
    """What was run, in words."""
    rows, columns = described["lattice"]
    runs, tests = described["runs"], described["test_images"].items()
    weights, examples = (
        low_to_high(min(numbers), max(numbers), ",")
        for numbers in (described["trainable_parameters"], described["training_examples"])
    )
    return [
        (
            "scale",
            f"{rows}×{columns} nodes, sources: {described['sources']}, {weights} trainable "
            f"parameters, {examples} training examples in all",
        ),
        ("test images", "; ".join(f"{label}: {words}" for label, words in tests)),
        (
            "runs",
            f"{runs['finished']} of {runs['planned']} finished, {runs['failed']} failed; training "
            f"took {duration(described['training_seconds'])} in all",
        ),
        ("machine", "; ".join(described["machines"])),
        ("commit", "; ".join(described["commits"]) or "not known"),
        ("command", described["command"]),
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


def _description(study: Study, data: StudyData, runs: Sequence[PlannedRun]) -> dict[str, Any]:
    """The content of study.json: question, factors, scale, budget, cost, machine and versions."""
    states = [Run(run.run_dir).state() for run in runs]
    return {
        **identify(study),
        "question": study.question,
        "test_images": {
            label: f"{test.data.test_examples} for each source count of "
            f"{format_counts(test.data.sources)}"
            for label, test in study.test_sets.items()
        },
        "lattice": list(study.base.physics.lattice),
        "sources": study.base.physics.sources,
        "trainable_parameters": sorted({state.get("trainable_parameters", 0) for state in states}),
        "training_examples": sorted({int(size) for size in data.overall()[SIZE]}),
        "budget": budget_in_words([run.config for run in runs]),
        "training_seconds": round(sum(state.get("seconds") or 0.0 for state in states), 1),
        "machines": _distinct([state["machine"] for state in states]),
        "versions": _distinct([state["versions"] for state in states]),
        "commits": _distinct([state["commit"] for state in states if state.get("commit")]),
        "base": study.base.to_dict(),
    }


def _distinct(values: Sequence[Any]) -> list[Any]:
    return [value for place, value in enumerate(values) if value not in values[:place]]


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
