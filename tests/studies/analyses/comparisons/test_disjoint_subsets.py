import dataclasses
import io

import numpy as np
import pandas as pd
import pytest

from diffkeras.studies.analyses import ANALYSES, TooFewRunsError
from diffkeras.studies.analyses.comparisons.disjoint_subsets import ANALYSIS
from diffkeras.studies.study_data import StudyData
from tests.helpers.synthetic_study import synthetic_study


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
    for error in ("mae", "mae_sources", "max_error"):
        runs[error] *= np.exp(logarithms)
    factors = {"data.train_part": parts, "training.seed": data.factors["training.seed"]}
    return StudyData(factors, runs, data.baselines)


def standard_deviations(data: StudyData) -> pd.Series:
    table = ANALYSIS.table(data)
    return table[table["error"] == "mae"].set_index("component")["sd"]


def test_parts_are_told_apart() -> None:
    of_subsets = standard_deviations(study(0.2, 0.02, 0.02, subsets=20, seeds=10))
    of_seeds = standard_deviations(study(0.02, 0.2, 0.02, subsets=10, seeds=20))
    of_both = standard_deviations(study(0.02, 0.02, 0.2, subsets=20, seeds=20))
    assert of_subsets["subset"] == pytest.approx(0.2, rel=0.4)
    assert of_seeds["seed"] == pytest.approx(0.2, rel=0.4)
    assert of_both["subset × seed"] == pytest.approx(0.2, rel=0.15)
    assert of_subsets["seed"] < 0.06 > of_seeds["subset"]
    assert of_both["subset"] < 0.1 > of_both["seed"]


def test_f_test_finds_the_subsets() -> None:
    table = ANALYSIS.table(study(0.2, 0.0, 0.02))
    p = table[table["error"] == "mae"].set_index("component")["p"]
    assert p["subset"] < 0.001
    assert p["seed"] > 0.01
    assert np.isnan(p["subset × seed"])


def test_each_error_has_its_own_parts() -> None:
    data = study(0.2, 0.02, 0.02)
    doubled = data.runs.assign(mae_sources=data.runs["mae_sources"] ** 2)
    table = ANALYSIS.table(dataclasses.replace(data, runs=doubled))
    sd = table.set_index(["error", "component"])["sd"]
    assert sd["mae_sources", "subset"] == pytest.approx(2 * sd["mae", "subset"])
    assert sd["mae_field", "subset"] < 1e-6 < sd["mae", "subset"]
    assert set(table["subsets"]) == {5}
    assert set(table["seeds"]) == {3}


def test_a_failed_run_takes_its_seed_along() -> None:
    data = study(0.2, 0.02, 0.02)
    runs = data.runs[data.runs["run"] != data.runs["run"].iloc[0]]
    table = ANALYSIS.table(dataclasses.replace(data, runs=runs))
    assert set(table["seeds"]) == {2}


def test_too_few_subsets_or_seeds() -> None:
    with pytest.raises(TooFewRunsError, match="2 subsets with 3 seeds"):
        ANALYSIS.table(study(0.1, 0.1, 0.1, subsets=2))
    with pytest.raises(TooFewRunsError, match="5 subsets with 1 seeds"):
        ANALYSIS.table(study(0.1, 0.1, 0.1, seeds=1))


def test_it_applies_to_parts_with_seeds() -> None:
    assert ANALYSIS in ANALYSES
    assert ANALYSIS.applies(study(0.1, 0.1, 0.1))
    assert not ANALYSIS.applies(study(0.1, 0.1, 0.1, seeds=1))
    assert not ANALYSIS.applies(synthetic_study(fractions=[1.0]))


def test_figure_has_standard_deviations_in_percent() -> None:
    data = study(0.2, 0.05, 0.02)
    table = ANALYSIS.table(data)
    committed = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    (axis,) = ANALYSIS.draw(committed, data).axes
    (subsets,) = (line for line in axis.lines if line.get_label() == "subset")
    sd = table[table["component"] == "subset"].set_index("error")["sd"]
    labels = [label.get_text().replace(" ", "_") for label in axis.get_xticklabels()]
    np.testing.assert_allclose(subsets.get_ydata(), 100 * sd[labels])
