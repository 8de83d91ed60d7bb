"""How a new dataset takes the place of a former one, also if the program is stopped."""

import contextlib
import shutil
from pathlib import Path

from diffkeras.data.dataset_config import NAME
from diffkeras.errors import InUseError, OutputError
from diffkeras.system.atomic_files import replacing, sync
from diffkeras.system.file_lock import locked

# other files in a dataset's directory belong to the user and are kept
OWN_FILES = ("dataset_info.json", "features.json", "metadata.json", f"{NAME}-*.tfrecord-*")


def lock_dataset(place: Path) -> contextlib.AbstractContextManager[None]:
    """Keep other processes from generating the dataset that has its place there."""
    data_dir, name = place.parents[2], place.parent.name
    return locked(data_dir / f".staging-{name}.lock", f"the dataset {name} in {data_dir}")


def remove_leftovers(place: Path) -> None:
    """Remove the files of a process that was killed after it had replaced a dataset."""
    lock = place.parents[2] / f".staging-{place.parent.name}.lock"
    if lock.exists() or _former(place).exists():
        # if another process is at work, it removes them
        with contextlib.suppress(InUseError, OutputError), lock_dataset(place):
            restore_dataset(place)


def replace_dataset(place: Path, complete: Path) -> None:
    """Move a complete dataset to its place; files that the user added to a former one are kept."""
    if place.exists():
        for file in place.iterdir():
            if not any(file.match(pattern) for pattern in OWN_FILES):
                copy = shutil.copytree if file.is_dir() else link_or_copy
                copy(file, complete / file.name)
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
    if _former(place).exists():
        if place.exists():
            shutil.rmtree(_former(place), ignore_errors=True)
        else:
            _former(place).rename(place)


def _former(place: Path) -> Path:
    return place.with_name(f".{place.name}.former")


def link_or_copy(file: Path, target: Path) -> None:
    """Make a hard link, or a copy where the file system has no links."""
    try:
        target.hardlink_to(file)
    except OSError:
        with replacing(target) as partial:
            shutil.copyfile(file, partial)
