"""The synthetic studies of other tests have the law that they claim."""

import numpy as np
import pandas as pd
import pytest
from synthetic_study import BASELINES, REGION_FACTORS, Design, log_law, synthetic_study

from diffkeras.evaluation.errors import ERRORS
from diffkeras.studies.study_data import LOSS, ORDER_SEED, SEED, SIZE


def test_without_noise_errors_are_the_law() -> None:
    data = synthetic_study(noise=0)
    runs = data.overall
    assert len(runs) == 6 * 3 * 3
    assert data.varies(LOSS, SEED, "data.train_fraction")
    factor = runs[LOSS].map({"absolute": 1.0, "squared": 1.15, "huber(delta=0.1)": 1.05})
    expected = factor * runs[SIZE].map(log_law)
    for name in ("mae", "mae_sources", "mae_field", "mae_r1", "mae_r2"):
        np.testing.assert_allclose(runs[name], REGION_FACTORS[name] * expected, rtol=0.01)
    of_runs = data.examples.groupby("run", sort=False)["mae"].mean()
    np.testing.assert_allclose(of_runs, runs["mae"], rtol=1e-12)
    assert runs["training_examples"].unique().tolist() == [15, 60, 150, 300, 600, 1200]


def test_noise_of_weights_and_of_order_are_apart() -> None:
    data = synthetic_study(
        Design(
            fractions=(1.0,),
            losses={"absolute": 1.0},
            seeds=30,
            order_seeds=30,
            fall=0,
            sources=(5,),
            images=2,
        )
    )
    table = data.overall.pivot_table(index=SEED, columns=ORDER_SEED, values="mae")
    level = log_law(240)
    assert table.mean(axis=1).std() == pytest.approx(0.05 * level, rel=0.3)
    assert table.mean(axis=0).std() == pytest.approx(0.02 * level, rel=0.3)


def test_variants_depend_on_the_tested_count_and_test_sets_on_their_factor() -> None:
    data = synthetic_study(
        fractions=(1.0,),
        losses={"absolute": 1.0},
        variants={"only 1": lambda n: 1 + 0.5 * (n - 1), "joint": lambda n: 1.0},
        test_sets={"uniform": 1.0, "edge": 3.0},
        noise=0,
    )
    assert data.test_sets == ["uniform", "edge"]
    runs = data.runs.set_index(["variant", "test_set", "sources", SEED])["mae"]
    level = log_law(1200) * (1 + 5) / (1 + 3)
    assert runs["only 1", "uniform", "5", "0"] == pytest.approx(3 * level, rel=0.01)
    assert runs["joint", "uniform", "5", "0"] == pytest.approx(level, rel=0.01)
    assert runs["joint", "edge", "5", "0"] == pytest.approx(3 * level, rel=0.01)


def test_columns_are_those_of_a_study() -> None:
    data = synthetic_study()
    assert set(ERRORS) <= set(data.runs) & set(data.baselines)
    assert set(data.baselines["method"]) == set(BASELINES)
    assert data.examples is not None
    assert data.examples["mae_r3"].isna().any()
    assert not data.runs.isna().any(axis=None)
    pd.testing.assert_frame_equal(data.runs, synthetic_study().runs)


def test_variants_say_what_they_were_trained_on() -> None:
    constant = {"only 1": lambda n: 1.0, "joint": lambda n: 1.0}
    data = synthetic_study(fractions=(1.0,), variants=constant, trained={"only 1": "1"})
    trained = data.overall.groupby("variant")["trained_sources"].unique()
    assert trained["only 1"].tolist() == ["1"]
    assert trained["joint"].tolist() == ["1-5"]
