"""Files of arrays, `.npz`."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from diffkeras.errors import DataError
from diffkeras.system.atomic_files import check_regular, write_bytes

UNREADABLE = (
    *(OSError, ValueError, TypeError, KeyError, AttributeError, EOFError),
    *(zipfile.BadZipFile, zlib.error),
)


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays by name.

    Raises:
        OutputError: the file can't be written.
    """
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_bytes(path, content.getbuffer())


def read_arrays(path: Path, what: str) -> dict[str, Any]:
    """The arrays of a file by name.

    Raises:
        DataError: it is missing or damaged; the message says that it is no `what`.
    """
    try:
        check_regular(path)
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except UNREADABLE as error:
        raise DataError(f"{path} is missing or damaged, and no {what}: {error}") from None
