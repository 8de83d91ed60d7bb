"""The same shards, written by the workers of an Apache Beam pipeline.

The runner hands out the shards' names only. Each worker solves, serialises and writes whole shards
itself, so no record passes through the runner, and a pipeline that is stopped is resumed by the
next call. The workers must have diffkeras installed and see the data directory by the same path.
"""

from collections.abc import Sequence
from typing import Any

import threadpoolctl

from diffkeras.data.writing.shard_writer import ShardTask, write_shard
from diffkeras.errors import ConfigurationError, DataError, DiffkerasError


def parse_options(options: Sequence[str]) -> Any:
    """Beam's `PipelineOptions` from words of a command line.

    Raises:
        ConfigurationError: Beam isn't installed, or a value can't be used.
    """
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise ConfigurationError(
            "Apache Beam isn't installed; install the extra: pip install 'diffkeras[beam]'"
        ) from None
    try:
        parsed = PipelineOptions(list(options))
        parsed.get_all_options()
    except SystemExit:  # argparse has told why
        raise ConfigurationError(f"Beam doesn't take the options {' '.join(options)}") from None
    return parsed


def _write(task: ShardTask) -> None:
    with threadpoolctl.threadpool_limits(1):
        write_shard(task)


def write_shards(tasks: Sequence[ShardTask], options: Sequence[str]) -> None:
    """Have a pipeline write shards.

    Args:
        tasks: the shards.
        options: Beam's pipeline options, e.g. ["--runner=FlinkRunner", "--parallelism=64"].

    Raises:
        ConfigurationError: see `parse_options`.
        DataError: the pipeline failed; whole shards are kept.
    """
    parsed = parse_options(options)
    if not tasks:
        return
    import apache_beam as beam

    try:
        with beam.Pipeline(options=parsed) as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(list(tasks))
                | "Share" >> beam.Reshuffle()
                | "Write" >> beam.Map(_write)
            )
    except DiffkerasError:
        raise
    except Exception as error:  # a runner may raise anything
        reason = str(error).strip().splitlines()
        raise DataError(
            f"the Beam pipeline failed: {reason[-1] if reason else type(error).__name__}; whole "
            "shards are kept: run the same command again"
        ) from error
