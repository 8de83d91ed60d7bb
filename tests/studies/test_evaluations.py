from pathlib import Path

import pandas as pd
import pytest

from diffkeras.config import Config
from diffkeras.errors import RunError
from diffkeras.studies.config import WorstCasesConfig
from diffkeras.studies.results import check_searches, passes
from diffkeras.studies.study_data import SEARCH_NUMBERS

SETTINGS = WorstCasesConfig(starts=2)


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """That of two searches, which is written."""
    rows = pd.DataFrame({name: [1.5, 2.5] for name in SEARCH_NUMBERS} | {"sources": [1, 2]})
    rows.to_csv(tmp_path / "searches.csv", index=False)
    return rows


def test_searches_are_complete(table: pd.DataFrame, tmp_path: Path, tiny: Config) -> None:
    check_searches(tmp_path, tiny, SETTINGS)
    assert passes(check_searches, tmp_path, tiny, SETTINGS)
    assert not passes(check_searches, tmp_path, tiny, WorstCasesConfig(starts=3))
    assert not passes(check_searches, tmp_path / "new", tiny, SETTINGS)
    # there are no more test images
    few = tiny.with_overrides({"data.test_examples": 1, "evaluation.bounds": 0})
    assert passes(check_searches, tmp_path, few, WorstCasesConfig(starts=3))


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: text[:-1],
        lambda text: "".join(text.splitlines(keepends=True)[:-1]),
        lambda text: text.splitlines()[0] + "\n",
        lambda text: text.replace("violations", "violation"),
        lambda text: text.replace("1.5", "x", 1),
        lambda text: text.replace("1.5", "", 1),
        lambda text: text.replace(",2\n", ",two\n", 1),
        lambda text: "\0" + text,
    ],
)
def test_damaged_searches_are_named(
    table: pd.DataFrame, tmp_path: Path, tiny: Config, damage: object
) -> None:
    file = tmp_path / "searches.csv"
    assert callable(damage)
    changed = damage(file.read_text())
    assert changed != file.read_text()
    file.write_text(changed)
    with pytest.raises(RunError, match=r"searches\.csv is .*damaged"):
        check_searches(tmp_path, tiny, SETTINGS)
