"""Messages: values and ranges in them, and where a warning comes from."""

import reprlib
import sys
from typing import Any

LONGEST = 60  # characters


def short(value: Any) -> str:
    """The representation of a value of any size, cut to 60 characters."""
    shortener = reprlib.Repr()  # it doesn't print a huge value in full before cutting it
    shortener.maxstring = shortener.maxother = shortener.maxlong = 3 * LONGEST
    text = shortener.repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def low_to_high(low: float, high: float, form: str = "g") -> str:
    """A range for people, or one number if both ends are written alike by a format."""
    least, most = f"{low:{form}}", f"{high:{form}}"
    return least if least == most else f"{least} to {most}"


def level_outside() -> int:
    """The stack level, for a warning, of the function outside of diffkeras that caused it."""
    level, frame = 1, sys._getframe(1)
    ours = ("diffkeras.", "contextlib")
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(ours):
        level, frame = level + 1, frame.f_back
    return level
