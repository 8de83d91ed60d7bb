"""Equal shares of a split, and those of them that one replica reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataShares:
    """Some of the equal shares in which a split is read.

    Share s of S of N examples holds the examples from s·⌊N/S⌋ to (s + 1)·⌊N/S⌋, and fills the s-th
    of S equal pieces of every batch.

    Attributes:
        numbers: which shares, one after another.
        total: how many there are.
    """

    numbers: range = range(1)
    total: int = 1

    @classmethod
    def all(cls, total: int) -> "DataShares":
        """All of that many shares."""
        return cls(range(total), total)

    def of(self, examples: int) -> range:
        """Numbers of the examples in these shares; a remainder that can't be shared is left out."""
        size = examples // self.total
        return range(self.numbers.start * size, self.numbers.stop * size)


EVERYTHING = DataShares()
