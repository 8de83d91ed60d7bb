"""Where a warning comes from, for its user."""

import sys


def level_outside() -> int:
    """The stack level, for a warning, of the function outside of diffkeras that caused it."""
    level, frame = 1, sys._getframe(1)
    ours = ("diffkeras.", "contextlib")
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(ours):
        level, frame = level + 1, frame.f_back
    return level
