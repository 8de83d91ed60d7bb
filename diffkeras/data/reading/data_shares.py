"""Equal shares of a split, and the part of them that one reader takes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """Some of the equal shares that a split is read in.

    Share s of S of N examples holds those from s·⌊N/S⌋ to (s + 1)·⌊N/S⌋, and stands for the s-th of
    S equal pieces of every batch.

    Attributes:
        numbers: of the shares, one after another.
        shares: how many there are.
    """

    numbers: range = range(1)
    shares: int = 1

    @classmethod
    def whole(cls, shares: int = 1) -> "Part":
        """All shares."""
        return cls(range(shares), shares)

    def each(self) -> list["Part"]:
        """Every share by itself."""
        return [Part(range(n, n + 1), self.shares) for n in self.numbers]

    def of(self, examples: int) -> range:
        """The part's examples, of so many; those that can't be shared evenly are left out."""
        size = examples // self.shares
        return range(self.numbers.start * size, self.numbers.stop * size)


WHOLE = Part()
