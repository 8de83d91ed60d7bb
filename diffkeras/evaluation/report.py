"""The files and tables that an evaluation leaves."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from matplotlib.figure import Figure

from diffkeras.config import Config
from diffkeras.data.section import format_counts
from diffkeras.evaluation.errors import ERRORS, EXPLANATIONS, IN_WORDS, MAES, METRICS
from diffkeras.evaluation.measurement import ALL, Measurement
from diffkeras.evaluation.methods import (
    EXACT,
    PREDICTIONS,
    SURROGATE,
    ZERO_FIELD,
    Subject,
    baselines,
)
from diffkeras.identity import run_identity
from diffkeras.reporting.html import write_report
from diffkeras.reporting.style import for_page, to_image
from diffkeras.reporting.text import Table, mark_best, number
from diffkeras.system.atomic_files import write_bytes, write_csv, write_json, write_text
from diffkeras.system.environment import available_cores
from diffkeras.system.tensorflow_setup import describe_device

PARTS = [ERRORS[name] for name in MAES[1:]]  # errors of regions
FORMATS = ("png", "pdf", "svg")  # of figures
RESOLUTION = 200  # dots per inch
FILES = ("metrics.json", "examples.csv", "errors.tex", "report.html")  # besides figures/


def write_results(
    path: Path,
    measured: Measurement,
    subject: Subject,
    tested: Config,
    figures: Mapping[str, Figure],
    formats: Iterable[str],
) -> None:
    """Write `FILES` and figures into a directory; without figures only metrics and examples."""
    learned = subject.run.config() if subject.run else None
    metrics, proven, clock = measured.metrics(), measured.proven(), describe_clock()
    content = {
        "run": run_identity(learned) if learned else None,
        "test_examples": tested.data.test_examples * len(tested.data.sources),
        "methods": metrics,
        "bounds": proven,
        "clock": clock,
    }
    write_json(path / "metrics.json", content)
    columns = ["method", "sources", "example", "diffusion_length", *ERRORS]
    errors = measured.errors
    errors = errors[[name for name in columns if name in errors]]
    write_csv(
        path / "examples.csv", errors.columns.tolist(), errors.itertuples(index=False, name=None)
    )
    if not figures:
        return
    for name, figure in figures.items():
        for kind in formats:
            write_bytes(path / "figures" / f"{name}.{kind}", to_image(figure, kind, RESOLUTION))
    pictures = {name: for_page(figure) for name, figure in figures.items()}
    overall = overall_table(metrics)
    write_text(path / "errors.tex", overall.to_latex())
    write_report(
        path / "report.html",
        "evaluation.html.j2",
        title=_title(subject, tested),
        lead=_lead(subject, tested),
        pictures=pictures,
        configuration=(learned or tested).to_yaml(without=() if learned else ("model", "training")),
        subject=subject,
        model=_in_words(subject),
        tested=tested,
        methods=[method for method in measured.methods if method.name in metrics],
        overall=overall,
        of_field=_table("method", METRICS, metrics, [ALL]),
        per_count=_table(
            "sources: method", ERRORS, metrics, [n for n in metrics[subject.name] if n != ALL]
        ),
        bounds=_bounds_table(proven),
        answer=_answer(metrics, subject),
        left_out=_left_out_in_words(tested),
        explanations=EXPLANATIONS,
        of_regions=IN_WORDS,
        clock=clock,
    )


def describe_clock() -> str:
    """What the times are, for tables."""
    threads = tf.config.threading.get_intra_op_parallelism_threads() or available_cores()
    return (
        f"wall-clock time: TensorFlow on {describe_device()} with {threads} thread(s), all other "
        "methods in one thread"
    )


def _title(subject: Subject, tested: Config) -> str:
    if subject.compared:
        return f"Evaluation of {', '.join(model.name for model in subject.models)}"
    if subject.name not in (SURROGATE, PREDICTIONS):
        return f"Evaluation of {subject.name}"
    if subject.run:
        return f"Surrogate {tested.name}"
    return f"Evaluation of {subject.models[0].description}"


def _in_words(subject: Subject) -> str:
    """What is evaluated, within a sentence."""
    return f"the {subject.name}" if subject.name in (SURROGATE, PREDICTIONS) else subject.name


def _lead(subject: Subject, tested: Config) -> str:
    data, (rows, columns) = tested.data, tested.physics.lattice
    counts = format_counts(data.sources).replace("-", " to ").replace(",", ", ")
    images = f"{data.test_examples * len(data.sources)} test images of {rows}×{columns} nodes"
    media = ", in tissues of cells and regions" if data.maps else ""
    if data.diffusion_length:
        media = " and diffusion lengths of {:g} to {:g}".format(*data.diffusion_length)
    lead = f"Evaluated on {images} with {counts} sources{media}"
    if subject.run:
        return f"{lead}, which were used neither for training nor for choosing the model."
    return f"{lead}. Here “{subject.name}” is {subject.models[0].description}."


def overall_table(metrics: Mapping[str, Any]) -> Table:
    """Errors of each method over all test images, the smallest of each column marked, and times."""
    errors = _table("method", ERRORS, metrics, [ALL])
    times = [by_count[ALL]["milliseconds"] for by_count in metrics.values()]
    exact = metrics[EXACT][ALL]["milliseconds"] if EXACT in metrics else None
    shares = [time / exact if exact and time is not None else None for time in times]
    rows = [
        [*row, number(time), number(share)]
        for row, time, share in zip(errors.rows, times, shares, strict=True)
    ]
    columns = [*errors.columns, "ms per image", "time / exact solver"]
    return Table(columns, rows, important=[name for name in columns if name not in PARTS])


def _table(
    first: str, columns: Mapping[str, str], metrics: Mapping[str, Any], counts: Iterable[str]
) -> Table:
    """Errors of each method for source counts, the smallest of each count and column marked."""
    rows = []
    for count in counts:
        before = "" if count == ALL else f"{count}: "
        rows += mark_best(
            [
                (f"{before}{method}", [by_count[count][name] for name in columns])
                for method, by_count in metrics.items()
            ]
        )
    return Table([first, *columns.values()], rows)


def _answer(metrics: Mapping[str, Any], subject: Subject) -> str:
    """What the evaluation found, in some sentences."""
    own, zeros = metrics[subject.name][ALL], metrics.get(ZERO_FIELD, {}).get(ALL)
    share = f", {own['mae'] / zeros['mae']:.1%} of a zero field's" if zeros else ""
    sentences = [f"Lattice MAE {number(own['mae'])}{share}; at most {number(own['max_error'])}."]
    times = [
        metrics.get(name, {}).get(ALL, {}).get("milliseconds") for name in (subject.name, EXACT)
    ]
    if all(times):
        mine, exact = map(number, times)
        sentences.append(f"An image takes {mine} ms, by the exact solver {exact} ms.")
    return " ".join([*sentences, _ahead_in_words(metrics, subject)]).strip()


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
    names: dict[str, str] = {}
    for kind in ("prediction", "corrected"):
        names |= {f"{kind}_bound": f"{kind}: bound", f"{kind}_max_error": "true"}
        names[f"{kind}_mae"] = "lattice MAE"
    shown = {name: label for name, label in names.items() if name in proven.get(ALL, {})}
    rows = []
    for count, bounds in proven.items():
        plural = "" if count == "1" else "s"
        values = (bounds[name] if name.endswith("mae") else bounds[name]["max"] for name in shown)
        label = ALL if count == ALL else f"{count} source{plural}"
        rows.append([label, *map(number, values)])
    return Table(["largest error", *shown.values()], rows)
