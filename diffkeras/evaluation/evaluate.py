"""Evaluate a trained surrogate and its baselines on test images."""

import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffkeras.config import Config
from diffkeras.data.examples import explain_damage
from diffkeras.data.replacing import keep_datasets
from diffkeras.errors import ConfigurationError, DataError
from diffkeras.evaluation.figures import FIGURES, draw_figures
from diffkeras.evaluation.images import ImageBatch, TestImages
from diffkeras.evaluation.measurement import Measurement
from diffkeras.evaluation.methods import (
    PREDICTIONS,
    SET,
    SURROGATE,
    Subject,
    baselines,
    different_physics,
    of_predictions,
    of_surrogate,
)
from diffkeras.evaluation.report import FILES, FORMATS, overall_table, write_results
from diffkeras.reporting.text import Table
from diffkeras.surrogates.run_directory import DATA, Run, shipped_config
from diffkeras.surrogates.surrogate import surrogate_of_run
from diffkeras.system.progress import progress_bar
from diffkeras.system.result_folders import check_replaceable, replacing_files

logger = logging.getLogger(__name__)

TIMED_ROUNDS = 3


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        path: its directory, with `metrics.json`, `examples.csv`, `figures/` and `report.html`.
        metrics: the methods of `metrics.json`: method → "all" or source count → errors.
        table: errors over all test images and time per image, for printing.
    """

    path: Path
    metrics: dict[str, Any]
    table: Table


def evaluate(
    model: str | Path,
    data_dir: str | Path | None = None,
    *,
    config: Config | None = None,
    overrides: Mapping[str, Any] | None = None,
    threads: int | None = None,
    output: str | Path | None = None,
    report: bool = True,
    figure_format: str = "png",
    name: str | None = None,
    compare: Mapping[str, str | Path] | None = None,
    show_progress: bool = False,
) -> Evaluation:
    """Measure a model's errors on the test split, per source count and over all.

    Args:
        model: a finished run, the name of a shipped surrogate, or the predictions of another
            program: a `.npz` with the fields of the test images, (images, rows, columns), of each
            source count, named `sources_NN`.
        data_dir: where the datasets are; by default where they were in training, or, if that
            directory is gone, `data`. Or a file of test images with their configuration, such as
            `diffkeras-benchmark data` writes.
        config: source counts, test examples and evaluation settings; by default the run's or the
            file's own. Its physics must be the run's, what sources do included, but for the
            lattice, and so must `data.divide_by_maximum`. A range of diffusion lengths must lie
            within the run's.
        overrides: values of the configuration to replace, by dotted key. If the datasets
            have fewer test examples than it asks for, these are taken, with a warning; not if
            `data.test_examples` is among the overrides.
        threads: threads that read data; by default as many as tf.data finds best.
        output: directory of the results; by default `evaluation/` in the run directory; a shipped
            surrogate and predictions need it.
        report: whether to write `figures/` and `report.html`, which take most of the time.
        figure_format: of the files in `figures/`, "png", "pdf" or "svg"; PNG is there in any case.
        name: of the model, in tables and figures; by default "surrogate", or "predictions".
        compare: other models by their names, which are measured on the same images: runs or
            shipped surrogates of the same physics, or predictions.
        show_progress: whether to draw a progress bar.

    Raises:
        RunError: the run directory is missing, unfinished or damaged.
        DataError: datasets are missing, damaged, or of other physics than the run's; predictions
            that can't be used.
        OutputError: `output` can't be written, or holds other files.
        ConfigurationError: predictions without test images or `output`, or of test data with a
            range of diffusion lengths; two methods of one name, or a name that is empty or can't be
            drawn; another format of figures.
    """
    run, learned, config_name = _opened(model), None, None
    if isinstance(run, Run):
        data_dir, path = Path(data_dir or run.data_dir()), Path(output or run.result("evaluation"))
        learned = run.config()
    elif output is None:
        raise ConfigurationError(f"{run} has predictions alone: give output, too")
    else:
        data_dir, path = Path(data_dir or DATA), Path(output)
    images = TestImages.find(data_dir, config, learned, overrides or {})
    if learned and isinstance(run, Run):
        if (images.config.physics, images.config.data) == (learned.physics, learned.data):
            config_name = shipped_config(run.path)
        _check_physics(run, learned, images.config)
    if figure_format not in FORMATS:
        raise ConfigurationError(
            f"figures are {', '.join(FORMATS[:-1])} or {FORMATS[-1]}, not "
            f"{figure_format!r:.60}; choose another figure_format"
        )
    formats = {"png", figure_format} if report else set()
    _check(images, path, formats, config_name)
    if name is None:
        name = SURROGATE if learned else PREDICTIONS
    subject = _subject(run, images, name)
    subject.compared.extend(_compared(name, compare or {}, images))
    return _evaluate(subject, images, path, formats, threads, show_progress)


def evaluate_baselines(
    config: Config, data_dir: Path, output: Path, *, threads: int | None = None
) -> Evaluation:
    """Measure the baselines of a configuration alone, without a report; see `evaluate`."""
    images = TestImages(config, data_dir)
    _check(images, output, ())
    return _evaluate(Subject([]), images, output, (), threads)


def _opened(model: str | Path) -> Run | Path:
    """A run, or the file of predictions."""
    place = Path(model)
    return place if place.suffix.lower() == ".npz" else Run.open(place)


def _subject(run: Run | Path, images: TestImages, name: str) -> Subject:
    """The model of a run, or in a file of predictions."""
    if isinstance(run, Path):
        with explain_damage(images.datasets):
            return of_predictions(run, images, name)
    run.history()  # if it is damaged, the error should come before the work
    surrogate = surrogate_of_run(run)
    _check_physics(run, surrogate.config, images.config)
    return of_surrogate(surrogate, run, name)


def _compared(own: str, models: Mapping[str, str | Path], images: TestImages) -> Iterator[Subject]:
    """Other models on the same test images."""
    taken = {method.name for method in baselines(images.config)}
    for name in (own, *models):
        if not name.strip():
            raise ConfigurationError(f"a model is named {name!r}; give it a name of letters")
        if taken & {name, name + SET}:
            raise ConfigurationError(f"two methods are named {name!r:.60}; choose other names")
        taken |= {name, name + SET}
    for name, place in models.items():
        yield _subject(_opened(place), images, name)


def _check_physics(run: Run, learned: Config, tested: Config) -> None:
    if different := different_physics(learned, tested):
        raise DataError(
            f"the run in {run.path} was trained on other physics than it is to be evaluated on: "
            f"{'; '.join(different)}"
        )


def _check(
    images: TestImages, path: Path, formats: Collection[str], config_name: str | None = None
) -> None:
    """Raise an error, before any work, if test images are missing or results can't be written."""
    images.check(config_name)
    drawn = [f"figures/{name}.{kind}" for name in FIGURES for kind in formats]
    check_replaceable(path, "metrics.json", [*FILES, *drawn])
    if (path / "metrics.json").is_file():
        logger.info(f"replacing the earlier evaluation in {path}")


def _evaluate(
    subject: Subject,
    images: TestImages,
    path: Path,
    formats: Collection[str],
    threads: int | None,
    show_progress: bool = False,
) -> Evaluation:
    config = images.config
    measured = Measurement([*subject.all_methods, *baselines(config)])
    total = config.data.test_examples * len(config.data.sources)
    with keep_datasets(images.datasets), explain_damage(images.datasets):
        with progress_bar(total, "Evaluating", "examples", shown=show_progress) as bar:
            for count in config.data.sources:
                first: ImageBatch | None = None
                left_to_bound = config.evaluation.bounds
                for batch in images.batches(count, threads):
                    measured.add(count, batch)
                    if subject.predict and left_to_bound > 0:
                        part = batch.first(left_to_bound)
                        measured.add_bounds(count, part, subject.predict(part))
                        left_to_bound -= len(part)
                    bar.update(len(batch))
                    first = first or batch
                if first:  # now that no thread reads ahead
                    measured.add_times(count, first, TIMED_ROUNDS)
        figures = draw_figures(measured, subject, images) if formats else {}
    with replacing_files(path, last="metrics.json") as partial:
        write_results(partial, measured, subject, config, figures, formats)
    metrics = measured.metrics()
    logger.info(f"evaluated {total} test images")
    return Evaluation(path, metrics, overall_table(metrics))
