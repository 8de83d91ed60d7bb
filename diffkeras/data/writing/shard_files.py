"""The file of a shard: solved, and written as a whole."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.records import make_record
from diffkeras.data.shards import RECORD_OVERHEAD, Shard
from diffkeras.errors import OutputError
from diffkeras.system.atomic_files import replacing
from diffkeras.system.tensorflow_setup import tensorflow_os_errors

FLUSH_BYTES = 8 << 20


@dataclass(frozen=True)
class ShardTask:
    """A shard that has to be written to a directory."""

    dataset: DatasetConfig
    shard: Shard
    directory: Path

    @property
    def path(self) -> Path:
        """Its file."""
        return self.directory / self.shard.name


def write_shard(task: ShardTask, tick: Callable[[], None] = lambda: None) -> None:
    """Solve the examples of a shard and write them; the bytes are the same in every process.

    The file gets its name when it is complete, so that after a crash of the process or the machine
    it is either complete or missing.
    """
    size = flushed = 0
    try:
        with replacing(task.path) as partial, tensorflow_os_errors():
            with tf.io.TFRecordWriter(str(partial)) as writer:
                for k in task.shard.numbers:
                    record = make_record(task.dataset, task.shard.split, k)
                    writer.write(record)
                    size += len(record) + RECORD_OVERHEAD
                    if size - flushed >= FLUSH_BYTES:
                        writer.flush()
                        _start_writeback(partial)
                        flushed = size
                    tick()
            if partial.stat().st_size != size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OutputError as error:
        raise OutputError(
            f"{error}; finished files are kept: free disk space or change the permissions, then "
            "run the same command again"
        ) from None


def _start_writeback(path: Path) -> None:
    # the disk writes while the next example is solved, instead of everything at the end
    if hasattr(os, "posix_fadvise"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
