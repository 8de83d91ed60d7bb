"""Folders of results: a command replaces or deletes only what an earlier result lists as its own.

The list is a file in the folder. All other files there belong to the user: they stay, and a result
that would replace one of them is refused. Processes change a folder one after the other.
"""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from diffkeras.errors import OutputError, RunError
from diffkeras.system.atomic_files import (
    PARTIAL,
    check_directory,
    names_unwritable,
    read_json,
    sync,
    temporary,
    write_json,
)
from diffkeras.system.file_lock import UNTIL_FREE, locked

MANIFEST = ".diffkeras-files.json"
LOCK = f"{PARTIAL}.lock"  # in the folder, since the one above may be read-only


@contextlib.contextmanager
def replacing_files(path: Path, last: str) -> Iterator[Path]:
    """Yield an empty directory whose files replace the result in `path` at the end of the block.

    Files of the earlier result that the new one doesn't have are removed. Everything else in the
    folder stays. `last` is the file that marks a complete result and names its command. It is
    removed before the other files change, and the new one comes when they are on the disk, so after
    a crash there is the earlier result, the new one, or one that is known to be incomplete.

    Raises:
        OutputError: the folder can't be written, or the result would replace a file of the user.
    """
    check_replaceable(path, last)
    try:
        with _locked(path):
            check_replaceable(path, last)
            partial = temporary(path, "result")  # within: it may be a file system of its own
            try:
                with names_unwritable(path):
                    shutil.rmtree(partial, ignore_errors=True)
                    partial.mkdir(parents=True)
                with names_unwritable(path, partial):
                    yield partial
                with names_unwritable(path):
                    _replace(path, partial, last)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    finally:
        with contextlib.suppress(OSError):  # something else is in it
            path.rmdir()


def _replace(path: Path, partial: Path, last: str) -> None:
    """Replace the result in a folder by the one in a folder below it."""
    files = [file for file in partial.rglob("*") if file.is_file()]
    for file in files:
        sync(file)
    names = {file.relative_to(partial).as_posix() for file in files}
    check_replaceable(path, last, names)
    # if this is stopped, both results are listed, and the next call knows all their files
    earlier = _listed(path, last) or set()
    _list(path, earlier | names, last)
    remove_files(path, {last} & earlier)
    sync(path)
    remove_files(path, earlier - names)
    for name in names - {last}:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (partial / name).replace(path / name)
    _list(path, names, last)
    for directory in {path, *((path / name).parent for name in names)}:
        sync(directory)
    (partial / last).replace(path / last)
    sync(path)


@contextlib.contextmanager
def claiming(path: Path, name: str, last: str) -> Iterator[None]:
    """List a file that the block writes among the files of the result with the file `last`.

    Raises:
        OutputError: the folder has a file of the user of that name, or can't be written.
    """
    check_replaceable(path, last, [name])
    with _locked(path):
        check_replaceable(path, last, [name])
        listed = _listed(path, last) or set()
        if name not in listed:
            _list(path, listed | {name}, last)
        yield


def _locked(path: Path) -> contextlib.AbstractContextManager[None]:
    """Wait until no other process changes a folder, and keep others from it."""
    return locked(path / LOCK, f"the directory {path}", UNTIL_FREE)


def check_replaceable(path: Path, last: str, names: Iterable[str] = ()) -> None:
    """Raise an OutputError, before the work, if a result can't be written to a folder.

    Without an earlier result of the same kind, it must be empty or new. What it has under `names`
    must be files of that result.
    """
    if path.exists() and not path.is_dir():
        raise OutputError(f"{path} is a file; choose another directory")
    with names_unwritable(path):
        listed = _listed(path, last)
        if listed is None:
            entries = sorted(path.iterdir()) if path.is_dir() else []
            foreign = (entry for entry in entries if not entry.name.startswith(PARTIAL))
        else:
            foreign = (path / name for name in sorted(names) if not _is_free(path, name, listed))
        if found := next(foreign, None):
            if listed != _listed(path, last):  # another process has just begun to replace it
                check_replaceable(path, last, names)
                return
            raise OutputError(
                f"{found} is no file of an earlier result of this command; choose another "
                "directory, or move this file away"
            )
        check_directory(path if path.is_dir() else Path(os.path.abspath(path)).parent)


def _is_free(path: Path, name: str, listed: set[str]) -> bool:
    """Whether nothing has this name in a folder but a file of the earlier result."""
    place, folders = path / name, _above(path, name)
    if any(os.path.lexists(each) and (each.is_symlink() or not each.is_dir()) for each in folders):
        return False
    return not os.path.lexists(place) or (name in listed and _is_plain(place))


def _above(path: Path, name: str) -> list[Path]:
    """The folders between a folder and a file below it, the innermost first."""
    return [path / parent for parent in PurePosixPath(name).parents[:-1]]


def _is_plain(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()


def remove_files(path: Path, names: Iterable[str]) -> None:
    """Remove regular files below a folder, by name, and directories in it that are empty then.

    What has become a symbolic link, or lies behind one, is not removed.
    """
    parents: set[Path] = set()
    for name in names:
        folders = _above(path, name)
        if _is_plain(path / name) and not any(folder.is_symlink() for folder in folders):
            (path / name).unlink()
            parents |= {*folders}
    for folder in sorted(parents, reverse=True):  # inner ones first
        with contextlib.suppress(OSError):
            folder.rmdir()


def _listed(path: Path, last: str) -> set[str] | None:
    """The files of the earlier result in a folder; None if there is none.

    Raises:
        OutputError: the list is damaged, or the result is of another command.
    """
    file = path / MANIFEST
    if not os.path.lexists(file):
        return None
    try:
        if file.is_symlink():
            raise ValueError
        content = read_json(file)
        names = {PurePosixPath(name) for name in content["files"]}
        if any(name.is_absolute() or ".." in name.parts for name in names):
            raise ValueError
    except (RunError, TypeError, KeyError, ValueError):
        raise OutputError(
            f"{file} is damaged; choose another directory, or delete {path}"
        ) from None
    if content.get("last") != last:
        raise OutputError(
            f"{path} holds the result of another command, with {content.get('last')}; choose "
            "another directory"
        )
    return {str(name) for name in names}


def _list(path: Path, names: set[str], last: str) -> None:
    write_json(path / MANIFEST, {"last": last, "files": sorted(names)})
