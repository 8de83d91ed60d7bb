from dataclasses import replace

import pandas as pd
import pytest

from paper.analyses.worst_cases import ANALYSIS
from paper.study_data import SEARCH_NUMBERS, StudyData
from paper.tests.synthetic_study import synthetic_study


def study_with(searches: pd.DataFrame | None, **design) -> StudyData:
    return replace(synthetic_study(fractions=(1.0,), images=2, **design), searches=searches)


def search(run: str, number: int, **changed) -> dict[str, object]:
    """A row as studies have it; losses and seeds are the varied factors."""
    names = [f"{kind}_of_{field}" for field in FIELDS for kind in ("error", "bound")]
    measured = dict.fromkeys((*SEARCH_NUMBERS, *names), 0.1) | {
        "search": number,
        "sources": str(number + 3),
        "test_max_error": 0.5,
        "found_error": 1.0,
        "random_error": 0.8,
        "ratio": 2.0,
        "evaluations": 100,
        "certified_images": 12,
        "violations": 0,
        "discs": "{}",
    }
    factors = {"data.train_fraction": "1.0", "training.loss": "absolute", "training.seed": run}
    return {**factors, "run": f"run{run}", **measured, **changed}


FIELDS = ("prediction", "corrected")
ONE_LOSS = {"losses": {"absolute": 1.0}}


def test_each_search_has_a_row_and_the_last_one_sums_up():
    rows = [
        search("0", 0, ratio=1.5, violations=1, evaluations=90),
        search("0", 1, ratio=1.1, found_error=0.9),
        search("1", 0, ratio=4.0, found_error=1.6, bound_of_prediction=1.7),
    ]
    table = ANALYSIS.table(study_with(pd.DataFrame(rows), **ONE_LOSS))
    assert table["search"].tolist() == ["0", "1", "0", "all"]
    assert table["run"].tolist() == ["run0", "run0", "run1", "all"]
    assert table["random_ratio"].tolist()[:3] == pytest.approx([1.25, 1.125, 2.0])
    last = table.iloc[3]
    assert (last["ratio"], last["ratio_min"], last["ratio_max"]) == (1.5, 1.1, 4.0)
    assert last["random_ratio"] == pytest.approx(1.25)
    assert (last["violations"], last["evaluations"], last["certified_images"]) == (1, 290, 36)
    assert (last["found_error"], last["bound_of_prediction"]) == (1.6, 1.7)
    assert table["ratio_min"].isna().tolist() == [True, True, True, False]


def test_settings_are_summed_up_one_by_one_and_seeds_together():
    rows = [
        search("0", 0, ratio=1.5),
        search("1", 0, ratio=3.5),
        search("0", 0, ratio=7.0, **{"training.loss": "squared"}),
    ]
    table = ANALYSIS.table(study_with(pd.DataFrame(rows)))
    summed = table[table["search"] == "all"]
    assert dict(zip(summed["training.loss"], summed["ratio"], strict=True)) == {
        "absolute": 2.5,
        "squared": 7.0,
    }
    assert set(summed["training.seed"]) == {"all"}
