"""How a new dataset takes the place of a former one, also if the program is stopped."""

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from diffkeras.data.stored import INFO, stored_splits
from diffkeras.errors import InUseError, OutputError
from diffkeras.system.atomic_files import sync
from diffkeras.system.file_lock import locked, remove_stale

METADATA = (INFO, "features.json", "metadata.json")


def lock_dataset(place: Path) -> contextlib.AbstractContextManager[None]:
    """Keep other processes from generating the dataset that has its place there."""
    data_dir, name = place.parents[2], place.parent.name
    return locked(data_dir / f".staging-{name}.lock", f"the dataset {name} in {data_dir}")


@contextlib.contextmanager
def keep_datasets(places: Iterable[Path]) -> Iterator[None]:
    """Keep all processes from replacing the datasets in these directories while they are read."""
    with contextlib.ExitStack() as stack:
        for place in places:
            _remove_stale_readers(place)
            if place.exists():
                name = f".reading-{place.parent.name}-{secrets.token_hex(4)}.lock"
                with contextlib.suppress(OutputError):  # nobody replaces what can't be written
                    stack.enter_context(locked(place.parents[2] / name, str(place)))
        yield


def check_unread(place: Path) -> None:
    """Raise an InUseError if another process reads the dataset that has its place there."""
    data_dir, name = place.parents[2], place.parent.name
    for lock in _readers(place):
        with locked(lock, f"the dataset {name} in {data_dir}", patience=0):
            pass  # of a process that was killed


def _readers(place: Path) -> list[Path]:
    """The lock files of processes that read a dataset, or were killed meanwhile."""
    return list(place.parents[2].glob(f".reading-{place.parent.name}-????????.lock"))


def _remove_stale_readers(place: Path) -> None:
    for lock in _readers(place):
        remove_stale(lock)


def remove_leftovers(place: Path) -> None:
    """Remove the files of processes that were killed: they read, or had replaced, a dataset."""
    _remove_stale_readers(place)
    lock = place.parents[2] / f".staging-{place.parent.name}.lock"
    if lock.exists() or _former(place).exists():
        # if another process is at work, it removes them
        with contextlib.suppress(InUseError, OutputError), lock_dataset(place):
            restore_dataset(place)


def own_files(place: Path) -> set[str]:
    """The files of the dataset in a directory by its metadata; others belong to the user."""
    return {
        *METADATA,
        *(file.name for split in stored_splits(place) for file in split.files.values()),
    }


def check_names(place: Path, names: Iterable[str]) -> None:
    """Raise an OutputError if a new dataset would replace a file of the user."""
    if place.exists():
        for name in sorted(set(names) - own_files(place)):
            if os.path.lexists(place / name):
                raise OutputError(
                    f"{place / name} is no file of the dataset that it lies in; move it away, then "
                    "run the same command again"
                )


def replace_dataset(place: Path, complete: Path) -> None:
    """Move a complete dataset to its place; files that the user added to a former one are kept."""
    check_names(place, (entry.name for entry in complete.iterdir()))
    check_unread(place)
    for entry in (*complete.iterdir(), complete):
        sync(entry)
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        if place.exists():
            place.rename(_former(place))
        complete.rename(place)
        sync(place.parent)
    finally:
        restore_dataset(place)


def restore_dataset(place: Path) -> None:
    """Undo or finish `replace_dataset` after a crash."""
    former = _former(place)
    if not former.exists():
        return
    if not place.exists():
        former.rename(place)
        return
    if (former / INFO).exists():
        own = own_files(former)
        for entry in list(former.iterdir()):
            if entry.name not in own and not os.path.lexists(place / entry.name):
                entry.rename(place / entry.name)
        for name in (*(own - {INFO}), INFO):  # last the one that names the others
            (former / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        former.rmdir()


def _former(place: Path) -> Path:
    return place.with_name(f".{place.name}.former")
