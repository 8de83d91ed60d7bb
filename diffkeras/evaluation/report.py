"""The files and tables that an evaluation leaves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from matplotlib.figure import Figure

from diffkeras.config import Config
from diffkeras.data.section import format_counts
from diffkeras.evaluation.errors import ERRORS, EXPLANATIONS, METRICS
from diffkeras.evaluation.measurement import ALL, Measurement
from diffkeras.evaluation.methods import EXACT, PREDICTIONS, SURROGATE, Subject, baselines
from diffkeras.identity import run_identity
from diffkeras.reporting.html import write_report
from diffkeras.reporting.style import to_image
from diffkeras.reporting.text import Table, mark_best, number
from diffkeras.system.atomic_files import write_bytes, write_csv, write_json, write_text
from diffkeras.system.environment import available_cores
from diffkeras.system.tensorflow_setup import describe_device

FORMATS = ("png", "pdf", "svg")  # of figures
FILES = ("metrics.json", "examples.csv", "errors.tex", "report.html")  # besides figures/


def write_results(
    path: Path,
    measured: Measurement,
    subject: Subject,
    tested: Config,
    figures: Mapping[str, Figure] | None,
    figure_format: str = "png",
) -> None:
    """Write `FILES`, and the figures as PNG and in a format of `FORMATS`, into a directory.

    Without figures there are no `figures/` and no `report.html`.
    """
    metrics = measured.metrics()
    learned = subject.run.config() if subject.run else None
    write_json(
        path / "metrics.json",
        {
            "run": run_identity(learned) if learned else None,
            "test_examples": tested.data.test_examples * len(tested.data.sources),
            "methods": metrics,
            "bounds": measured.proven(),
            "clock": describe_clock(),
        },
    )
    columns = ["method", "sources", "example", "diffusion_length", *ERRORS]
    errors = measured.errors
    errors = errors[[name for name in columns if name in errors]]
    rows = errors.itertuples(index=False, name=None)
    write_csv(path / "examples.csv", errors.columns.tolist(), rows)
    if figures is not None:
        for name, figure in figures.items():
            for kind in {"png", figure_format}:
                write_bytes(path / "figures" / f"{name}.{kind}", to_image(figure, kind))
        _write_pages(path, measured, subject, tested)


def describe_clock() -> str:
    """What the times are, for tables."""
    threads = tf.config.threading.get_intra_op_parallelism_threads() or available_cores()
    return (
        f"wall-clock time: TensorFlow on {describe_device()} with {threads} thread(s), all other "
        "methods in one thread"
    )


def _write_pages(path: Path, measured: Measurement, subject: Subject, tested: Config) -> None:
    metrics, proven, name = measured.metrics(), measured.proven(), subject.name
    names = [model.name for model in subject.models]
    learned = subject.run.config() if subject.run else None
    data = tested.data
    pictures = {file.stem: file.read_bytes() for file in (path / "figures").glob("*.png")}
    overall = overall_table(metrics)
    write_text(path / "errors.tex", overall.to_latex())
    write_report(
        path / "report.html",
        "evaluation.html.j2",
        title=_title(subject, tested),
        lead=f"Evaluated on {_tests_in_words(tested)}"
        + (", which were used neither for training nor for choosing the model." if learned else ".")
        + ("" if learned else f" Here “{name}” is {subject.models[0].description}."),
        pictures=pictures,
        configuration=(learned or tested).to_yaml(without=() if learned else ("model", "training")),
        model=_in_words(subject),
        others=", beside those of " + ", ".join(names[1:]) if subject.compared else "",
        methods={each.name: each.description for each in measured.methods if each.name in metrics},
        scale=_scale_in_words(tested),
        overall=overall,
        ahead=" ".join(
            filter(None, (_ahead_in_words(metrics, subject), _left_out_in_words(tested)))
        ),
        of_field=_field_table(metrics),
        explanations=EXPLANATIONS,
        clock=describe_clock(),
        timed=measured.methods[0].timed,
        batch_size=tested.evaluation.batch_size,
        per_count=_per_count_table(metrics),
        bounds=_bounds_table(proven),
        bounds_images=min(tested.evaluation.bounds, data.test_examples),
        production=tested.physics.produces,
        tissue=bool(tested.data.maps),
        divided=data.divide_by_maximum,
    )


def _title(subject: Subject, tested: Config) -> str:
    if subject.compared:
        return f"Evaluation of {', '.join(model.name for model in subject.models)}"
    if subject.name not in (SURROGATE, PREDICTIONS):
        return f"Evaluation of {subject.name}"
    return (
        f"Surrogate {tested.name}"
        if subject.run
        else f"Evaluation of {subject.models[0].description}"
    )


def _in_words(subject: Subject) -> str:
    """What is evaluated, within a sentence."""
    return f"the {subject.name}" if subject.name in (SURROGATE, PREDICTIONS) else subject.name


def _tests_in_words(config: Config) -> str:
    data, (rows, columns) = config.data, config.physics.lattice
    counts = format_counts(data.sources).replace("-", " to ").replace(",", ", ")
    images = f"{data.test_examples * len(data.sources)} test images of {rows}×{columns} nodes"
    media = ", in tissues of cells and regions" if data.maps else ""
    if data.diffusion_length:
        media = " and diffusion lengths of {:g} to {:g}".format(*data.diffusion_length)
    return f"{images} with {counts} sources{media}"


def _scale_in_words(tested: Config) -> str:
    if tested.data.divide_by_maximum:
        return "Fields are divided by their maximum."
    return "" if tested.data.placement.overlap else "Source values are at most 1."


def overall_table(metrics: Mapping[str, Any]) -> Table:
    """Errors of each method over all test images, the smallest of each column marked, and times."""
    exact = metrics[EXACT][ALL]["milliseconds"] if EXACT in metrics else None
    rows = mark_best(_rows(metrics, ALL))
    for row, by_count in zip(rows, metrics.values(), strict=True):
        time = by_count[ALL]["milliseconds"]
        row += [number(time), number(time / exact if exact and time is not None else None)]
    return Table(["method", *ERRORS.values(), "ms per image", "of the exact solver's"], rows)


def _field_table(metrics: Mapping[str, Any]) -> Table:
    """The metrics of `field_metrics` over all test images, the smallest of each column marked."""
    rows = [
        (method, [by_count[ALL][name] for name in METRICS]) for method, by_count in metrics.items()
    ]
    return Table(["method", *METRICS.values()], mark_best(rows))


def _per_count_table(metrics: Mapping[str, Any]) -> Table:
    """Errors of each method for each source count."""
    rows = []
    for count in next(iter(metrics.values())):
        if count != ALL:
            rows += mark_best(_rows(metrics, count, f"{count}: "))
    return Table(["sources: method", *ERRORS.values()], rows)


def _rows(
    metrics: Mapping[str, Any], count: str, before: str = ""
) -> list[tuple[str, list[float | None]]]:
    return [
        (f"{before}{method}", [by_count[count][name] for name in ERRORS])
        for method, by_count in metrics.items()
    ]


def _ahead_in_words(metrics: Mapping[str, Any], subject: Subject) -> str:
    """The baselines with a smaller error than what is evaluated, in a sentence."""
    learned = {method.name for method in subject.all_methods}
    others = [method for method in metrics if method not in learned]
    own, what = metrics[subject.name][ALL]["mae"], _in_words(subject)
    ahead = [method for method in others if metrics[method][ALL]["mae"] < own]
    if ahead:
        return f"Baselines with a smaller lattice MAE than {what}: {', '.join(ahead)}."
    return f"No baseline here has a smaller lattice MAE than {what}." if others else ""


def _left_out_in_words(tested: Config) -> str:
    """The baselines that a configuration doesn't ask for, in a sentence."""
    every = tested.with_overrides({"evaluation.baselines": None})
    asked = {method.name for method in baselines(tested)}
    left = [method.name for method in baselines(every) if method.name not in asked]
    if not left:
        return ""
    return f"Not measured here, by evaluation.baselines of the configuration: {', '.join(left)}."


def _bounds_table(proven: Mapping[str, Any]) -> Table:
    """Proven bounds and true errors, of predictions and of corrected fields."""
    names = {
        "prediction_bound": "prediction: bound",
        "prediction_max_error": "true",
        "prediction_mae": "MAE",
        "corrected_bound": "corrected: bound",
        "corrected_max_error": "true",
        "corrected_mae": "MAE",
    }
    shown = {name: label for name, label in names.items() if name in proven.get(ALL, {})}
    rows = []
    for count, bounds in proven.items():
        plural = "" if count == "1" else "s"
        values = (bounds[name] if name.endswith("mae") else bounds[name]["max"] for name in shown)
        label = ALL if count == ALL else f"{count} source{plural}"
        rows.append([label, *map(number, values)])
    return Table(["largest error", *shown.values()], rows)
