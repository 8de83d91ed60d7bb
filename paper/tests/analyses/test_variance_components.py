from typing import Any

import numpy as np
import pandas as pd
import pytest

from diffkeras.evaluation.errors import ERRORS
from paper.analyses.variance_components import (
    DISJOINT_SUBSETS,
    SEED_NAMES,
    SEED_SOURCES,
    components,
)
from paper.study_data import SIZE, StudyData
from paper.tests.synthetic_study import synthetic_study

SMALL = {"images": 2, "losses": {"absolute": 1.0}, "fractions": (0.25, 1.0)}


def crossed(values: np.ndarray) -> list[dict[str, Any]]:
    """The components of ln errors (weights, orders)."""
    weights, orders = np.indices(values.shape)
    runs = {"ln_error": values.ravel(), "weights": weights.ravel(), "orders": orders.ravel()}
    return components(pd.DataFrame(runs), ("weights", "orders"), SEED_NAMES)


def test_weights_and_order_are_separated():
    data = synthetic_study(
        **SMALL, seeds=12, order_seeds=10, noise=0.05, order_noise=0.02, fall=0.25
    )
    table = SEED_SOURCES.table(data)
    largest = table[(table["region"] == "lattice") & (table[SIZE] == 1200)].set_index("component")
    fall = 4**-0.25  # from the smallest size of this study
    for name, truth in (("initial weights", 0.05), ("minibatch order", 0.02)):
        row = largest.loc[name]
        assert row["low"] < truth * fall < row["high"]
        assert row["sd"] == pytest.approx(truth * fall, rel=0.6)
        assert row["sd"] == pytest.approx(np.sqrt(row["variance"]))
    assert largest.loc["initial weights", ["weight_seeds", "order_seeds", "df"]].tolist() == [
        12,
        10,
        11,
    ]
    assert largest["share"].sum() == pytest.approx(1)


def test_components_add_up_to_the_variance_of_independent_runs():
    rng = np.random.default_rng(0)
    estimates = []
    inside = np.zeros(3)
    truth = np.array([0.3, 0.1, 0.2])
    for _ in range(40):
        values = (
            rng.normal(scale=truth[0], size=(4, 1))
            + rng.normal(scale=truth[1], size=(1, 6))
            + rng.normal(scale=truth[2], size=(4, 6))
        )
        rows = pd.DataFrame(crossed(values))
        estimates.append(rows["variance"].to_numpy())
        inside += (rows["low"] <= truth) & (truth <= rows["high"])
    # clipping at 0 lifts the mean of the smaller component a little
    assert np.mean(estimates, axis=0) == pytest.approx(truth**2, rel=0.35)
    assert (inside >= 36).all()


def test_a_negative_component_is_0():
    checkerboard = np.indices((4, 4)).sum(axis=0) % 2 * 0.1
    rows = pd.DataFrame(crossed(checkerboard)).set_index("component")
    assert rows["variance"].tolist()[:2] == [0, 0]
    assert rows.loc["both together", "share"] == 1


def study(
    subset: float, seed: float, rest: float, subsets: int = 5, seeds: int = 3, random: int = 0
) -> StudyData:
    """ln errors are sums of normal numbers of these standard deviations."""
    rng = np.random.default_rng(random)
    parts = [str(part) for part in range(subsets)]
    data = synthetic_study(
        fractions=[1.0],
        losses={"absolute": 1.0},
        variants=dict.fromkeys(parts, lambda n: 1.0),
        seeds=seeds,
        sources=(1, 2),
        images=2,
        noise=0,
    )
    of_subset = dict(zip(parts, rng.normal(0, subset, subsets), strict=True))
    of_seed = {str(number): rng.normal(0, seed) for number in range(seeds)}
    runs = data.runs.rename(columns={"variant": "data.train_part"})
    own = {run: rng.normal(0, rest) for run in runs["run"].unique()}
    logarithms = (
        runs["data.train_part"].map(of_subset)
        + runs["training.seed"].map(of_seed)
        + runs["run"].map(own)
    )
    runs["mae"] *= np.exp(logarithms)
    runs[[name for name in ERRORS if name != "mae"]] = np.nan
    factors = {"data.train_part": parts, "training.seed": data.factors["training.seed"]}
    return StudyData(factors, runs, data.baselines)


def standard_deviations(data: StudyData) -> pd.Series:
    table = DISJOINT_SUBSETS.table(data)
    return table[table["error"] == "mae"].set_index("component")["sd"]


def test_parts_are_separated():
    of_subsets = standard_deviations(study(0.2, 0.02, 0.02, subsets=20, seeds=10))
    of_seeds = standard_deviations(study(0.02, 0.2, 0.02, subsets=10, seeds=20))
    of_both = standard_deviations(study(0.02, 0.02, 0.2, subsets=20, seeds=20))
    assert of_subsets["subset"] == pytest.approx(0.2, rel=0.4)
    assert of_seeds["seed"] == pytest.approx(0.2, rel=0.4)
    assert of_both["subset × seed"] == pytest.approx(0.2, rel=0.15)
    assert of_subsets["seed"] < 0.06 > of_seeds["subset"]
    assert of_both["subset"] < 0.1 > of_both["seed"]
