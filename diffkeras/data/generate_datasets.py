"""Generate the datasets of a configuration."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffkeras.config import Config
from diffkeras.data.dataset import DatasetConfig
from diffkeras.data.replacing import remove_leftovers
from diffkeras.data.stored import dataset_status
from diffkeras.errors import ConfigurationError, DataError, DiffkerasError
from diffkeras.reporting.text import duration, format_bytes
from diffkeras.system.atomic_files import check_directory, temporary
from diffkeras.system.progress import progress_bar

if TYPE_CHECKING:
    from diffkeras.data.generation import Generation

logger = logging.getLogger(__name__)


def generate(
    config: Config,
    data_dir: str | Path,
    *,
    processes: int = 1,
    beam_options: Sequence[str] | None = None,
    show_progress: bool = False,
) -> list[Path]:
    """Generate the datasets that are missing, one per source count.

    Args:
        config: physics, source counts, sizes and seed.
        data_dir: the directory of all datasets, each in a directory of its own.
        processes: how many solve and write; the files don't depend on it.
        beam_options: options of an Apache Beam pipeline that does it instead.
        show_progress: whether to draw a progress bar.

    Returns:
        The directories of the datasets, in the order of the source counts.

    Raises:
        ConfigurationError: Beam isn't installed, or doesn't accept the options; or the loss of
            training is unknown.
        OutputError: the directory can't be written.
        DataError: the disk is too small, a dataset is damaged, or the Beam pipeline failed.
        InUseError: another process is generating one of these.
        PackingError: the discs don't fit.
    """
    data_dir, counts = Path(data_dir), config.data.sources
    for count in counts:
        # raises an error before hours are spent on the other source counts
        config.recipe(count).drawn("train", 0)
    options = None if beam_options is None else parse_options(beam_options)
    statuses = [dataset_status(config, count, data_dir, allow_missing=True) for count in counts]
    missing = [status.count for status in statuses if not status.suffices(config)]
    for status in statuses:
        if status.count not in missing:
            logger.info(f"{DatasetConfig.of(status.count, config).name}: skipped, as it exists")
            remove_leftovers(status.path)
    paths = [status.path for status in statuses]
    if not missing:
        return paths
    # only if there is something to do
    from diffkeras.system.tensorflow_setup import load_tensorflow

    load_tensorflow()
    from diffkeras.data.generation import prepare_generation

    config.training.get_loss()  # so that training, hours later, accepts the configuration too
    check_directory(data_dir)
    with prepare_generation(config, missing, data_dir) as generation:
        estimate = generation.estimate
        useful = 1 if options is not None else estimate.useful_processes(processes)
        kept = f" ({generation.kept} more exist already)" if generation.kept else ""
        logger.info(
            f"generating {estimate.examples} examples{kept}: {format_bytes(estimate.bytes)}, "
            f"about {duration(estimate.seconds(useful))} with {useful} "
            f"process{'es' if useful > 1 else ''}"
        )
        estimate.check_space(data_dir)
        if options is not None:
            generate_on_beam(generation, options)
            return paths
        with progress_bar(estimate.examples, "Solving", "examples", shown=show_progress) as bar:
            generation.run(processes, on_examples=bar.update)
    return paths


def parse_options(options: Sequence[str]) -> Any:
    """Beam's `PipelineOptions` from words of a command line."""
    try:
        import apache_beam  # noqa: F401 - asked for first, as its modules may be loaded already
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise ConfigurationError(
            "Apache Beam isn't installed; install the extra: pip install '.[beam]' in a checkout"
        ) from None
    try:
        parsed = PipelineOptions(list(options))
        parsed.get_all_options()
    except SystemExit:  # argparse has printed the reason
        raise ConfigurationError(f"Beam doesn't accept the options {' '.join(options)}") from None
    return parsed


def generate_on_beam(generation: "Generation", options: Any) -> None:
    """Generate datasets one after the other by TFDS's own writer, in an Apache Beam pipeline.

    Each is put in its place when it is complete; an interrupted pipeline keeps nothing. The
    examples are the same as without Beam. TFDS chooses the number of files and compresses source
    images differently.
    """
    import tensorflow_datasets as tfds

    # the builder imports diffkeras, so not at the top
    from tfds_builders import Builder, DiffusionFieldsConfig

    for staging in generation.datasets:
        root = temporary(staging.directory, "beam")
        builder = Builder(
            config=DiffusionFieldsConfig.of(staging.dataset),
            data_dir=str(root),
            examples=staging.examples,
            beam=True,
        )
        download_config = tfds.download.DownloadConfig(beam_options=options)
        try:
            builder.download_and_prepare(download_config=download_config)
            staging.publish(Path(builder.data_path))
        except DiffkerasError:
            raise
        except Exception as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise DataError(f"the Beam pipeline failed: {reason[-1]}") from error
        finally:
            shutil.rmtree(root, ignore_errors=True)
