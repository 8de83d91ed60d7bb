import numpy as np
import pandas as pd
import pytest

from diffkeras.studies.statistics.run_groups import CompleteDesign


@pytest.fixture
def runs() -> pd.DataFrame:
    frame = pd.MultiIndex.from_product(
        [[60, 15], ["b", "a", "c"], ["0", "1", "2"]], names=["size", "loss", "seed"]
    ).to_frame(index=False)
    return frame.assign(mae=np.exp(np.arange(18.0)))


def test_all_runs_of_a_complete_design_are_used(runs: pd.DataFrame) -> None:
    design = CompleteDesign.of(
        runs.sample(frac=1, random_state=0), "mae", ["size", "loss"], ["seed"]
    )
    assert (design.levels, design.seeds) == ((2, 3), 3)
    assert sorted(design.runs["ln_error"]) == pytest.approx(np.arange(18))
    assert design.effects == [(0,), (1,), (0, 1)]


def test_a_seed_that_misses_a_cell_is_left_out(runs: pd.DataFrame) -> None:
    runs.loc[4, "mae"] = np.nan  # seed 1
    design = CompleteDesign.of(runs, "mae", ["size", "loss"], ["seed"])
    assert design.seeds == 2
    kept = runs[runs["seed"] != "1"]
    assert sorted(design.runs["ln_error"]) == pytest.approx(sorted(np.log(kept["mae"])))


def test_a_cell_without_runs_leaves_nothing(runs: pd.DataFrame) -> None:
    left = runs[(runs["size"] != 15) | (runs["loss"] != "a")]
    assert CompleteDesign.of(left, "mae", ["size", "loss"], ["seed"]).seeds == 0


def test_seeds_of_two_kinds_are_told_apart_by_both(runs: pd.DataFrame) -> None:
    crossed = runs.rename(columns={"loss": "order"})
    design = CompleteDesign.of(crossed, "mae", ["size"], ["seed", "order"])
    assert (design.levels, design.seeds) == ((2,), 9)
    assert design.runs[["seed_0", "seed_1"]].drop_duplicates().shape == (9, 2)
