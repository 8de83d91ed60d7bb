import numpy as np
import pytest
from synthetic_study import synthetic_study

from diffkeras.studies.analyses.fluctuation import ANALYSIS
from diffkeras.studies.study_data import LOSS, SIZE, StudyData

SMALL = {"images": 2, "sources": (1, 2, 3, 4, 5)}


def test_rows_are_standard_deviations_over_seeds() -> None:
    data = synthetic_study(**SMALL, fractions=(0.1, 1.0))
    table = ANALYSIS.table(data)
    runs = data.overall
    errors = runs[(runs[LOSS] == "squared") & (runs[SIZE] == 120)]["mae_r2"]
    rows = table[
        (table[LOSS] == "squared") & (table[SIZE] == 120) & (table["region"] == "r2")
    ].set_index("quantity")
    assert rows.loc["absolute", "sd"] == pytest.approx(errors.std())
    assert rows.loc["relative", "sd"] == pytest.approx(np.log(errors).std())
    assert rows["df"].tolist() == [2, 2]
    pooled = table[(table[LOSS] == "all") & (table[SIZE] == 120) & (table["region"] == "r2")]
    variances = runs[runs[SIZE] == 120].groupby(LOSS)["mae_r2"].var()
    absolute = pooled.set_index("quantity").loc["absolute"]
    assert absolute["sd"] == pytest.approx(np.sqrt(variances.mean()))
    assert 3 < absolute["df"] <= 6


def test_the_exponent_of_the_truth_is_found() -> None:
    data = synthetic_study(**SMALL, seeds=8, fall=0.4, law=lambda size: 0.1 * size**-0.2)
    table = ANALYSIS.table(data)
    pooled = table[(table[LOSS] == "all") & (table["region"] == "lattice")]
    rows = pooled.groupby("quantity").first()
    for quantity, truth in (("relative", -0.4), ("absolute", -0.6)):
        row = rows.loc[quantity]
        assert row["exponent_low"] < truth < row["exponent_high"] < 0
        assert row["exponent_high"] - row["exponent_low"] < 0.25


def test_settings_that_scatter_alike_count_as_one() -> None:
    data = synthetic_study(**SMALL, losses={"absolute": 1.0, "twice": 2.0}, noise=0.05)
    runs = data.runs
    first, second = runs[LOSS] == "absolute", runs[LOSS] == "twice"
    runs.loc[second, "mae"] = 2 * runs.loc[first, "mae"].to_numpy()
    data = StudyData(data.factors, runs.sample(frac=1, random_state=0), data.baselines)
    table = ANALYSIS.table(data)
    rows = table[(table["region"] == "lattice") & (table["quantity"] == "relative")]
    alone, pooled = (rows[rows[LOSS] == name].iloc[0] for name in ("absolute", "all"))
    for column in ("df", "sd", "low", "high", "exponent"):
        assert pooled[column] == pytest.approx(alone[column], rel=1e-6)
    # the line of two series leaves more degrees of freedom
    assert pooled["exponent_low"] == pytest.approx(alone["exponent_low"], rel=0.1)


def test_one_setting_is_not_pooled() -> None:
    data = synthetic_study(**SMALL, losses={"absolute": 1.0}, fractions=(0.1, 1.0))
    table = ANALYSIS.table(data)
    assert LOSS not in table
    assert len(table) == 6 * 2 * 2
    assert len(ANALYSIS.draw(table, data).axes[0].containers) == 2


def test_the_figure_shows_what_is_pooled() -> None:
    data = synthetic_study(**SMALL, fractions=(0.1, 1.0))
    table = ANALYSIS.table(data)
    shown = table[
        (table[LOSS] == "all") & (table["region"] == "r3") & (table["quantity"] == "relative")
    ]
    axis = ANALYSIS.draw(table, data).axes[5]
    assert axis.containers[0].lines[0].get_ydata() == pytest.approx(shown["sd"].to_numpy())
