"""What the claims are judged by."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from diffkeras.errors import RunError
from paper.verdicts import claims

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


@pytest.mark.parametrize(
    ("name", "column", "value"),
    [
        ("training", "nodes", "512²"),
        ("solver", "side", "512"),
        ("solver_production", "time [ms]", ""),
    ],
)
def test_a_speed_that_was_not_measured_is_an_error(tmp_path, name, column, value):
    """Not a verdict of its own: a comparison with NaN decides nothing."""
    for file in ("training.csv", *claims.TABLES.values()):
        shutil.copy(RESULTS / file, tmp_path)
    file = tmp_path / f"{name}.csv"
    rows = pd.read_csv(file, dtype=str, keep_default_na=False)
    rows = rows[rows[column] != value] if value else rows.assign(**{column: value})
    rows.to_csv(file, index=False)
    with pytest.raises(RunError, match=rf"{re.escape(str(file))} has no figure for .* 512² nodes"):
        list(claims.times(tmp_path))
