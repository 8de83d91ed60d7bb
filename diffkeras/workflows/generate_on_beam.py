"""Generate datasets in an Apache Beam pipeline, by TFDS's own writer.

An interrupted pipeline keeps nothing. The records hold the same examples as those of
`diffkeras generate` without Beam, in other bytes and in as many files as TFDS chooses.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from diffkeras.data.writing.generation import Generation
from diffkeras.errors import ConfigurationError, DataError


def parse_options(options: Sequence[str]) -> Any:
    """Beam's `PipelineOptions` from words of a command line."""
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError:
        raise ConfigurationError(
            "Apache Beam isn't installed; install the extra: pip install 'diffkeras[beam]'"
        ) from None
    try:
        parsed = PipelineOptions(list(options))
        parsed.get_all_options()
    except SystemExit:  # argparse has printed the reason.
        raise ConfigurationError(f"Beam doesn't accept the options {' '.join(options)}") from None
    return parsed


def generate_on_beam(generation: Generation, options: Any) -> None:
    """Generate datasets one after the other, and put each in its place when it is complete.

    Args:
        generation: the datasets.
        options: Beam's pipeline options.
    """
    # Only here does diffkeras need the builder, which needs diffkeras.
    from tfds_builders import Builder, DiffusionFieldsConfig

    for count, staging in generation.staging.items():
        root = staging.directory / "beam"
        shutil.rmtree(root, ignore_errors=True)
        builder = Builder(
            config=DiffusionFieldsConfig.of(staging.dataset),
            data_dir=str(root),
            examples=staging.examples,
            beam=True,
        )
        download_config = tfds.download.DownloadConfig(beam_options=options)
        try:
            builder.download_and_prepare(download_config=download_config)
        except Exception as error:
            shutil.rmtree(root, ignore_errors=True)
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise DataError(f"the Beam pipeline failed: {reason[-1]}") from error
        generation.publish(count, Path(builder.data_path))
