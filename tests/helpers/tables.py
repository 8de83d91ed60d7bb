import csv
from pathlib import Path

import numpy as np


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, by column."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_history(run: Path) -> np.ndarray:
    """The numbers of each epoch of a run, with a field for each column."""
    return np.genfromtxt(run / "history.csv", delimiter=",", names=True)
