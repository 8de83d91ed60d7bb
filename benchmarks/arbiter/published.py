"""The numbers that other programs have published, from `published.csv`.

The files that it names are in https://github.com/PerMedCoE/observatory_benchmark at commit
237de17b, below multiscale_benchmark/2022_09_hackathon/, in molecules or in µM as written there.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from benchmarks.arbiter.readings import MOLECULES, TESTS, UnitTest


@dataclass(frozen=True)
class Published:
    """The last value of a program's run."""

    test: UnitTest  # which test
    tool: str  # which program, and which of its runs
    value: float  # its last value [µM]
    reading: str | None  # key of the reading that it fits; none if no reading gives this number
    why: str  # what is known about the rest

    @classmethod
    def of(cls, row: dict[str, str]) -> "Published":
        value = float(row["value"]) / (1.0 if row["unit"] == "µM" else MOLECULES)
        return cls(
            TESTS[row["test"]], row["program"], value, row["reading"] or None, row["what is known"]
        )


with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
    PUBLISHED = tuple(map(Published.of, csv.DictReader(file)))
