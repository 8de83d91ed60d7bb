"""Writing one shard, by whatever process, so that only whole ones ever bear its name."""

import contextlib
import errno
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from diffkeras.data.shards import RECORD_OVERHEAD, Shard
from diffkeras.errors import OutputError
from diffkeras.system.atomic_files import replacing
from diffkeras.system.tensorflow_setup import tensorflow_os_errors
from tfds_builders import Builder, DiffusionFieldsConfig

HAND_OVER = 8 << 20  # bytes


@dataclass(frozen=True)
class ShardTask:
    """A shard that is to be written.

    Attributes:
        dataset: the dataset's configuration.
        shard: its examples.
        directory: where its file goes.
    """

    dataset: DiffusionFieldsConfig
    shard: Shard
    directory: Path

    @property
    def path(self) -> Path:
        """Its file."""
        return self.directory / self.shard.name


def write_shard(task: ShardTask, tick: Callable[[], None] = lambda: None) -> None:
    """Solve the examples of a shard and write them; what any process makes has the same bytes.

    The file gets its name once it is complete, so a crash of the process or of the machine leaves
    a complete shard or none.

    Args:
        task: the shard.
        tick: called after each example; what it raises ends the work.

    Raises:
        OutputError: the file can't be written.
    """
    builder = get_builder(task.dataset)
    size = handed = 0
    try:
        # unique: Beam may have two workers write the same shard, to use whichever is ready first
        with replacing(task.path, unique=True) as partial, tensorflow_os_errors():
            with tf.io.TFRecordWriter(str(partial)) as writer:
                for k in task.shard.numbers:
                    record = builder.record(task.shard.split, k)
                    writer.write(record)
                    size += len(record) + RECORD_OVERHEAD
                    if size - handed >= HAND_OVER:
                        writer.flush()
                        _hand_over(partial)
                        handed = size
                    tick()
            if partial.stat().st_size != size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OutputError as error:
        raise OutputError(
            f"{error}; finished files are kept: free disk space or change the permissions, then "
            "run the same command again"
        ) from None


_builders: dict[str, Builder] = {}


def get_builder(dataset: DiffusionFieldsConfig) -> Builder:
    """A builder that makes records of a dataset, bound to no directory."""
    if dataset.name not in _builders:
        nowhere = os.path.join(os.devnull, dataset.name)
        with quiet_absl():  # TFDS warns of every configuration that isn't listed in the builder
            _builders[dataset.name] = Builder(config=dataset, data_dir=nowhere)
    return _builders[dataset.name]


def _hand_over(path: Path) -> None:
    # the disk takes up what is written while the next example is solved, not all at the end
    if hasattr(os, "posix_fadvise"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def quiet_absl() -> Iterator[None]:
    """TFDS makes builders without its warning."""
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
