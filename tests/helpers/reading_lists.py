"""The files that run in a call, and those that CONTRIBUTING names for it."""

import inspect
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffkeras

ROOT = Path(diffkeras.__file__).parent


def files_that_run(function: Callable[[], Any]) -> list[str]:
    """The files of the package whose functions it calls, in the order of their first calls."""
    files: dict[str, None] = {}

    def look(frame: Any, event: str, _: Any) -> None:
        code = frame.f_code
        is_function = code.co_flags & inspect.CO_OPTIMIZED  # and no body of a module or a class
        if event == "call" and is_function and code.co_filename.startswith(f"{ROOT}/"):
            files.setdefault(Path(code.co_filename).relative_to(ROOT).as_posix())

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        function()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return list(files)


def reading_list(what: str) -> list[str]:
    """The files in the row of CONTRIBUTING's table that begins like this."""
    lines = (ROOT.parent / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| {what} |"))
    return re.findall(r"`([\w/]+\.py)`", row)
