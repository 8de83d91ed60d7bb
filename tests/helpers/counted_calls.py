"""Calls that are noted, of which one is interrupted."""

from typing import Any

import pytest


class CountedCalls:
    """Patches functions: the call of number `stop_at` raises KeyboardInterrupt instead.

    Attributes:
        made: name and first argument of each call so far.
    """

    def __init__(self, patch: pytest.MonkeyPatch, *places: tuple[Any, str]) -> None:
        self.made: list[tuple[str, Any]] = []
        self.stop_at = 0
        for owner, name in places:
            patch.setattr(owner, name, self._counted(name, getattr(owner, name)))

    def _counted(self, name: str, call: Any) -> Any:
        def count(*arguments: Any, **options: Any) -> Any:
            self.made.append((name, arguments[0]))
            if len(self.made) == self.stop_at:
                raise KeyboardInterrupt
            return call(*arguments, **options)

        return count
