"""Writing one shard, in any process, so that a file with its name is always complete."""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from diffkeras.data.dataset_config import DatasetConfig
from diffkeras.data.records import make_record
from diffkeras.data.shards import RECORD_OVERHEAD, Shard
from diffkeras.data.writing.replacement import sync
from diffkeras.errors import DataError

FLUSH_BYTES = 8 << 20


@dataclass(frozen=True)
class ShardTask:
    """A shard that has to be written.

    Attributes:
        dataset: the dataset's configuration.
        shard: its examples.
        directory: where its file goes.
    """

    dataset: DatasetConfig
    shard: Shard
    directory: Path

    @property
    def path(self) -> Path:
        """Its file."""
        return self.directory / self.shard.name


def write_shard(task: ShardTask, tick: Callable[[], None] = lambda: None) -> None:
    """Solve the examples of a shard and write them; the bytes are the same in every process.

    The file is written under another name, flushed to the disk and renamed, so that after a crash
    of the process or the machine it is either complete or missing.

    Args:
        task: the shard.
        tick: called after each example; an exception that it raises ends the work.

    Raises:
        DataError: the file can't be written.
    """
    partial = task.directory / f".{task.shard.name}.{secrets.token_hex(8)}.partial"
    size = flushed = 0
    try:
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
        sync(partial)
        partial.replace(task.path)
        sync(task.directory)
    except (OSError, tf.errors.OpError) as error:
        reason = error.strerror if isinstance(error, OSError) else error.message
        raise DataError(
            f"{task.path} can't be written: {reason}; finished files are kept: solve the problem "
            "and run the same command again"
        ) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _start_writeback(path: Path) -> None:
    # The disk writes while the next example is solved, instead of everything at the end.
    if hasattr(os, "posix_fadvise"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
