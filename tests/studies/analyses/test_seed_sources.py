import numpy as np
import pandas as pd
import pytest
from synthetic_study import synthetic_study

from diffkeras.studies.analyses.analysis import TooFewRunsError
from diffkeras.studies.analyses.seed_sources import ANALYSIS, components
from diffkeras.studies.statistics.complete_designs import CompleteDesign
from diffkeras.studies.study_data import ORDER_SEED, SEED, SIZE

SMALL = {"images": 2, "losses": {"absolute": 1.0}, "fractions": (0.25, 1.0)}
NAMES = ["initial weights", "minibatch order", "both together"]


def design(values: np.ndarray) -> CompleteDesign:
    """ln errors (weights, orders) as a design."""
    weights, orders = np.indices(values.shape)
    runs = pd.DataFrame(
        {"mae": np.exp(values.ravel()), "w": weights.ravel(), "o": orders.ravel()}, dtype=float
    )
    return CompleteDesign.of(runs, "mae", ["w"], ["o"])


def test_weights_and_order_are_told_apart() -> None:
    data = synthetic_study(
        **SMALL, seeds=12, order_seeds=10, noise=0.05, order_noise=0.02, fall=0.25
    )
    table = ANALYSIS.table(data)
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


def test_components_add_up_to_the_variance_of_independent_runs() -> None:
    rng = np.random.default_rng(0)
    estimates = []
    inside = np.zeros(3)
    truth = np.array([0.3, 0.1, 0.2])
    for _ in range(100):
        values = (
            rng.normal(scale=truth[0], size=(4, 1))
            + rng.normal(scale=truth[1], size=(1, 6))
            + rng.normal(scale=truth[2], size=(4, 6))
        )
        rows = pd.DataFrame(components(design(values)))
        estimates.append(rows["variance"].to_numpy())
        inside += (rows["low"] <= truth) & (truth <= rows["high"])
    # clipping at 0 lifts the mean of the smaller component a little
    assert np.mean(estimates, axis=0) == pytest.approx(truth**2, rel=0.35)
    assert (inside >= 88).all()


def test_a_negative_component_is_0() -> None:
    checkerboard = np.indices((4, 4)).sum(axis=0) % 2 * 0.1
    rows = pd.DataFrame(components(design(checkerboard))).set_index("component")
    assert rows["variance"].tolist()[:2] == [0, 0]
    assert rows.loc["both together", "share"] == 1


def test_two_seeds_of_a_kind_are_too_few() -> None:
    data = synthetic_study(**SMALL, seeds=4, order_seeds=2)
    assert ANALYSIS.applies(data)
    with pytest.raises(TooFewRunsError, match="3 seeds"):
        ANALYSIS.table(data)
    assert not ANALYSIS.applies(synthetic_study(**SMALL))


def test_seeds_that_failed_somewhere_are_left_out() -> None:
    data = synthetic_study(**SMALL, seeds=4, order_seeds=4)
    failed = (data.runs[SEED] == "0") & (data.runs[ORDER_SEED] == "2") & (data.runs[SIZE] == 300)
    data.runs.loc[failed, "mae_r1"] = np.nan
    table = ANALYSIS.table(data)
    numbers = table.groupby(["region", SIZE])["order_seeds"].first()
    assert numbers["r1", 300] == 3
    assert numbers["r1", 1200] == numbers["r2", 300] == 4


def test_the_figure_has_the_components_against_the_size() -> None:
    data = synthetic_study(**SMALL, seeds=3, order_seeds=3)
    table = ANALYSIS.table(data)
    figure = ANALYSIS.draw(table, data)
    shown = table[(table["region"] == "field")].set_index("component")
    for container, name in zip(figure.axes[2].containers, NAMES, strict=True):
        assert container.get_label() == name
        assert container.lines[0].get_ydata() == pytest.approx(shown.loc[name, "sd"].to_numpy())
