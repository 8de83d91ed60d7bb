"""Generate the datasets of a configuration."""

import logging
from collections.abc import Sequence
from pathlib import Path

from diffkeras.config import Config
from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.storage import dataset_status
from diffkeras.data.writing.replacement import remove_leftovers
from diffkeras.reporting.text import duration
from diffkeras.system.atomic_files import check_directory
from diffkeras.system.progress import progress_bar

logger = logging.getLogger(__name__)


def generate(
    config: Config,
    data_dir: str | Path,
    *,
    workers: int = 1,
    beam_options: Sequence[str] | None = None,
    show_progress: bool = False,
) -> list[Path]:
    """Generate the datasets that are missing, one per source count.

    Args:
        config: physics, source counts, sizes and seed.
        data_dir: the directory of all datasets, each in a directory of its own.
        workers: processes that solve and write; the files don't depend on it.
        beam_options: options of an Apache Beam pipeline that does it instead.
        show_progress: whether to draw a progress bar.

    Returns:
        The directories of the datasets, in the order of the source counts.

    Raises:
        ConfigurationError: Beam isn't installed, or doesn't accept the options.
        OutputError: the directory can't be written.
        DataError: it has too little space or holds a damaged dataset, or the Beam pipeline failed.
        InUseError: another process is generating one of these.
        PackingError: the discs don't fit.
    """
    data_dir = Path(data_dir)
    counts = config.data.sources
    for count in counts:
        # Raises an error before hours are spent on the other source counts.
        DatasetConfig.of(count, config).recipe().sources("train", 0)
    if beam_options is not None:
        from diffkeras.workflows.generate_on_beam import generate_on_beam, parse_options

        pipeline_options = parse_options(beam_options)
    check_directory(data_dir)
    statuses = [dataset_status(config, count, data_dir, allow_missing=True) for count in counts]
    missing = [status.count for status in statuses if not status.holds(config)]
    for status in statuses:
        if status.count not in missing:
            logger.info("%s: skipped, already at %s", _plural(status.count), status.path)
            remove_leftovers(status.path)
    if missing:
        # TensorFlow is loaded only if there is something to do.
        from diffkeras.system.tensorflow_setup import load_tensorflow

        load_tensorflow()
        from diffkeras.data.writing.estimate import format_bytes
        from diffkeras.data.writing.generation import prepare_generation

        with prepare_generation(config, missing, data_dir) as generation:
            estimate = generation.estimate
            processes = 1 if beam_options is not None else estimate.useful_processes(workers)
            kept = f" ({generation.kept} more exist already)" if generation.kept else ""
            logger.info(
                f"generating {estimate.examples} examples{kept}: {format_bytes(estimate.bytes)}, "
                f"about {duration(estimate.seconds(processes))} with {processes} "
                f"process{'es' if processes > 1 else ''}"
            )
            estimate.check_space(data_dir)
            if beam_options is not None:
                generate_on_beam(generation, pipeline_options)
            else:
                with progress_bar(
                    estimate.examples, "Solving", "examples", shown=show_progress
                ) as bar:
                    generation.run(workers, on_examples=bar.update)
    return [status.path for status in statuses]


def _plural(count: int) -> str:
    return f"{count} source" if count == 1 else f"{count} sources"
