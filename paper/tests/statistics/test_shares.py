import numpy as np
import pytest

from paper.statistics.shares import draw_shares, shares_of
from paper.study_data import LOSS, SEED, SIZE, StudyData, TooFewRunsError
from paper.tests.synthetic_study import synthetic_study

SMALL = {"sources": (1, 2)}


def lattice(data: StudyData) -> dict[str, dict[str, float]]:
    return shares_of(data).table.set_index("factor").to_dict("index")


def test_shares_are_those_of_the_true_variances():
    data = synthetic_study(**SMALL, seeds=10, noise=0.2, fall=0.0)
    found = lattice(data)
    sizes = data.overall[SIZE].unique()
    of_size = np.var(np.log(0.107 - 0.01 * np.log(sizes)))
    of_loss = np.var(np.log([1.0, 1.15, 1.05]))
    total = of_size + of_loss + 0.2**2
    truth = {"size": of_size, "loss": of_loss, "size × loss": 0.0, "seed": 0.2**2}
    for factor, variance in truth.items():
        row = found[factor]
        assert row["low"] <= variance / total <= row["high"]
        assert row["low"] <= row["share"] <= row["high"]
        assert row["share"] == pytest.approx(variance / total, abs=0.06)
    assert sum(found[factor]["share"] for factor in truth) == pytest.approx(1)
    assert found["size"]["p"] < 1e-6 < found["size × loss"]["p"]
    assert found["seed, the same in all cells"]["p"] > 0.01


def test_seeds_that_draws_share_hide_no_draws_and_show_no_size():
    """A seed is better or worse in a setting with all draws, so these are not independent."""
    design = {"fractions": (0.25, 0.5, 1.0), "losses": {"absolute": 1.0, "squared": 1.0}}
    draws = {"draws": 3, "draw_noise": 0.03, "seeds": 2, "noise": 0.002}
    data = synthetic_study(**SMALL, **design, **draws, law=lambda size: 0.05)
    settings = data.runs.groupby([SIZE, LOSS, SEED]).ngroup()
    factors = np.random.default_rng(0).lognormal(sigma=0.3, size=settings.nunique())
    data.runs["mae"] *= factors[settings]
    found = lattice(data)
    assert found["draw of the examples, by size"]["p"] < 1e-4
    assert found["seed, the same in all draws"]["p"] < 1e-4
    assert min(found[name]["p"] for name in ("size", "loss", "size × loss")) > 0.01


def test_a_failed_run_costs_its_seed_and_a_missing_cell_the_statistic():
    data = synthetic_study(**SMALL, fractions=(0.5, 1.0))
    runs = data.runs
    cell = (runs[LOSS] == "squared") & (runs[SIZE] == 240)
    failed = StudyData(data.factors, runs[~(cell & (runs[SEED] == "2"))], data.baselines)
    assert lattice(failed)["seed"]["df"] == 2 * 3 * (2 - 1)
    missing = StudyData(data.factors, runs[~(cell & (runs[SEED] != "0"))], data.baselines)
    with pytest.raises(TooFewRunsError, match="size, loss"):
        shares_of(missing)


def test_intervals_contain_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    sizes, losses, noise = np.linspace(-0.5, 0.5, 6), np.linspace(-0.2, 0.2, 4), 0.3
    truth = np.array([sizes.var(), losses.var(), noise**2])
    truth /= truth.sum()
    inside = np.zeros(3)
    for _ in range(100):
        values = sizes[:, None, None] + losses[:, None] + rng.normal(scale=noise, size=(6, 4, 3))
        of_size = 12 * values.mean((1, 2)).var() * 6
        of_loss = 18 * values.mean((0, 2)).var() * 4
        sums = np.array([of_size, of_loss, 72 * values.var() - of_size - of_loss])
        low, high = np.percentile(draw_shares(sums, np.array([5, 3, 63])), (2.5, 97.5), axis=1)
        inside += (low <= truth) & (truth <= high)
    assert (inside >= 88).all()
    assert (inside <= 99).all()


def test_intervals_are_those_for_other_seeds():
    rng = np.random.default_rng(0)
    sizes, of_seeds, noise = np.linspace(-0.5, 0.5, 6), 0.3, 0.1
    truth = np.array([sizes.var(), of_seeds**2, noise**2])
    truth /= truth.sum()
    inside = np.zeros(3)
    yardsticks, repeats = np.array([2, 2, 2]), np.array([np.inf, 6, np.inf])
    for _ in range(100):
        seeds = rng.normal(scale=of_seeds, size=3)
        values = sizes[:, None] + seeds + rng.normal(scale=noise, size=(6, 3))
        of_size, of_seed = 18 * values.mean(1).var(), 18 * values.mean(0).var()
        sums = np.array([of_size, of_seed, 18 * values.var() - of_size - of_seed])
        drawn = draw_shares(sums, np.array([5, 2, 10]), yardsticks, repeats)
        low, high = np.percentile(drawn, (2.5, 97.5), axis=1)
        inside += (low <= truth) & (truth <= high)
    assert (inside >= 88).all()
    assert (inside <= 99).all()
