"""One of several equal parts of a study's runs, for several machines."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from diffkeras.errors import ConfigurationError

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """Every `parts`-th run of a study, beginning with number `part`.

    Attributes:
        part: which, counted from 1.
        parts: how many there are.
    """

    part: int
    parts: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The shard of e.g. "2/8".

        Raises:
            ConfigurationError: it is not K/N with K from 1 to N.
        """
        found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text.strip(), re.ASCII)
        if not found or int(found[1]) > int(found[2]):
            raise ConfigurationError(
                f"{text[:40]!r} is no shard; write K/N with K from 1 to N, as in 1/8 to 8/8"
            )
        return cls(int(found[1]), int(found[2]))

    def of(self, items: Sequence[Item]) -> list[Item]:
        """The items of this shard. Each item is in exactly one."""
        return list(items[self.part - 1 :: self.parts])

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"
