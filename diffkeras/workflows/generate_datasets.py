"""Generate the datasets of a configuration."""

import logging
from collections.abc import Sequence
from pathlib import Path

from diffkeras.config import Config
from diffkeras.data import Making, dataset_status, making
from diffkeras.data.writing.estimate import format_bytes, format_seconds
from diffkeras.data.writing.generation import tidy_up
from diffkeras.system.atomic_files import check_directory
from diffkeras.system.progress import progress_bar

logger = logging.getLogger(__name__)


def generate(
    config: Config,
    data_dir: Path,
    *,
    workers: int = 1,
    beam_options: Sequence[str] | None = None,
    show_progress: bool = False,
) -> list[Path]:
    """Make the datasets that are missing, one per source count.

    Args:
        config: physics, source counts, sizes and seed.
        data_dir: where datasets lie, each in a directory of its own.
        workers: processes that solve and write; the records are the same however many.
        beam_options: options of an Apache Beam pipeline that does it instead.
        show_progress: whether to draw a progress bar.

    Returns:
        The directories of the datasets, in the order of the source counts.

    Raises:
        ConfigurationError: Beam isn't installed.
        DataError: the directory can't be written or is too small, holds a damaged dataset, or
            another process makes one of these.
        PackingError: so many or so large discs don't fit.
    """
    if beam_options is not None:
        from diffkeras.data.writing.beam import parse_options

        parse_options(beam_options)
    check_directory(data_dir)
    counts = config.data.sources
    for count in counts:
        # fail on the last source count before an hour is spent on the first
        _try_recipe(config, count)
    statuses = {count: dataset_status(config, count, data_dir, mend=True) for count in counts}
    for count, status in statuses.items():
        if status.holds(config):
            logger.info(f"{_plural(count)}: already at {status.path}, skipped")
            tidy_up(config, count, data_dir)

    def finished(count: int) -> None:
        logger.info(f"{_plural(count)}: {statuses[count].path}")

    missing = [count for count, status in statuses.items() if not status.holds(config)]
    with making(config, missing, data_dir) as job:
        if job.workshops:
            _announce(job, workers if beam_options is None else None, data_dir)
            job.forecast.check_space(data_dir)
        shown = show_progress and bool(job.workshops) and beam_options is None
        with progress_bar(job.forecast.examples, "Solving", "examples", shown=shown) as bar:
            if beam_options is None:
                job.run(workers, on_examples=bar.update, on_dataset=finished)
            else:
                job.run_on_beam(beam_options, on_dataset=finished)
    return [status.path for status in statuses.values()]


def _announce(job: Making, workers: int | None, data_dir: Path) -> None:
    forecast = job.forecast
    kept = f" ({job.kept} more are there already)" if job.kept else ""
    if workers is None:
        time = f"{format_seconds(forecast.core_seconds)} on one core"
    else:
        processes = forecast.useful_workers(workers)
        time = f"about {format_seconds(forecast.seconds(workers))} with "
        time += f"{processes} process" + ("es" if processes > 1 else "")
    logger.info(
        f"to make in {data_dir}: {forecast.examples} examples{kept}, "
        f"{format_bytes(forecast.bytes)}, {time}"
    )


def _try_recipe(config: Config, count: int) -> None:
    from tfds_builders import DiffusionFieldsConfig

    DiffusionFieldsConfig.of_config(count, config).recipe().sources("train", 0)


def _plural(count: int) -> str:
    return f"{count} source" if count == 1 else f"{count} sources"
