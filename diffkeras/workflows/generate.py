"""Generate the datasets of a configuration."""

from collections.abc import Callable
from pathlib import Path

from diffkeras.config import SPLITS, Config
from diffkeras.data import dataset_status, generate_dataset
from diffkeras.errors import DataError
from diffkeras.workflows.progress import progress_bar


def generate(
    config: Config,
    data_dir: Path,
    *,
    workers: int = 1,
    show_progress: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Make the datasets that are missing, one per source count.

    Args:
        config: physics, source counts, sizes and seed.
        data_dir: where datasets lie, each in a directory of its own.
        workers: processes that solve; the records are the same however many.
        show_progress: whether to draw a progress bar.
        report: is told a line per dataset.

    Returns:
        The directories of the datasets, in the order of the source counts.

    Raises:
        DataError: the directory can't be written, or holds a damaged dataset.
        PackingError: so many or so large discs don't fit.
    """
    check_writable(data_dir)
    statuses = [dataset_status(config, count, data_dir) for count in config.data.sources]
    for status in statuses:
        # fail on the last source count before an hour is spent on the first
        if not status.holds(config):
            _try_recipe(config, status.count)
    per_dataset = sum(config.data.examples(split) for split in SPLITS)
    missing = [status for status in statuses if not status.holds(config)]
    with progress_bar(
        per_dataset * len(missing), "Solving", "examples", shown=show_progress and bool(missing)
    ) as bar:
        for status in statuses:
            if status.holds(config):
                report(f"{_plural(status.count)}: already at {status.path}, skipped")
                continue
            path = generate_dataset(
                config, status.count, data_dir, workers=workers, on_example=bar.update
            )
            bar.refresh()
            report(f"{_plural(status.count)}: {path}")
    return [status.path for status in statuses]


def check_writable(directory: Path) -> None:
    """Try to write a file there.

    Raises:
        DataError: it can't be written.
    """
    probe = directory / ".diffkeras-probe"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may have been faster
    except OSError as error:
        raise DataError(
            f"the data directory {directory} can't be written: {error.strerror}; choose another "
            "by --data-dir"
        ) from None


def _try_recipe(config: Config, count: int) -> None:
    from tfds_builders import DiffusionFieldsConfig

    DiffusionFieldsConfig.of_config(count, config).recipe().sources("train", 0)


def _plural(count: int) -> str:
    return f"{count} source" if count == 1 else f"{count} sources"
