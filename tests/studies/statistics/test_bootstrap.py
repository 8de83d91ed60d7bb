import numpy as np
import pytest
from scipy import stats

from diffkeras.studies.statistics import bootstrap
from diffkeras.studies.statistics.bootstrap import mean, percentile_99, resampled, seed_ratio


def test_statistics_take_weights_as_repetitions() -> None:
    values = np.array([[3.0, 1.0, 2.0], [5.0, 5.0, 8.0]])
    weights = np.array([[1.0, 1.0, 1.0], [0.0, 3.0, 1.0]])
    np.testing.assert_allclose(mean(weights, values), [[2, 6], [1.25, 5.75]])
    np.testing.assert_allclose(percentile_99(weights, values), [[3, 8], [2, 8]])


def test_percentile_is_the_error_of_an_image() -> None:
    values = np.random.default_rng(0).permutation(np.arange(1.0, 201.0))[None]
    # as evaluation's quantiles: 198 of 200 images are 99 %
    expected = np.quantile(values, 0.99, method="inverted_cdf")
    assert percentile_99(np.ones((1, 200)), values)[0, 0] == expected == 198
    assert percentile_99(np.full((1, 200), 100 / 99), values)[0, 0] == 198


def test_each_source_count_keeps_its_number_of_images() -> None:
    sources = np.repeat([1, 2, 5], [3, 10, 1])
    exact, drawn = resampled(sources[None].astype(float), sources)
    np.testing.assert_allclose(drawn, np.full(drawn.shape, exact[0]))


def test_variance_of_a_mean_over_few_images_is_unbiased() -> None:
    values = np.array([[1.0, 2.0, 4.0, 9.0]])
    _, drawn = resampled(values, np.ones(4, int), resamples=20_000)
    assert drawn.var() == pytest.approx(values.var(ddof=1) / 4, rel=0.05)


def test_runs_share_resamples_and_source_counts_do_not() -> None:
    values = np.random.default_rng(0).normal(size=(1, 50))
    _, first = resampled(np.concatenate([values, 2 * values]), np.full(50, 1))
    _, other = resampled(values, np.full(50, 2))
    np.testing.assert_allclose(first[:, 1], 2 * first[:, 0])
    assert abs(np.corrcoef(first[:, 0], other[:, 0])[0, 1]) < 0.1


def test_memory_does_not_change_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    values, sources = np.random.default_rng(0).normal(size=(2, 30)), np.repeat([1, 2, 3], 10)
    _, at_once = resampled(values, sources, resamples=50)
    monkeypatch.setattr(bootstrap, "NUMBERS_AT_ONCE", 200)
    _, in_parts = resampled(values, sources, resamples=50)
    np.testing.assert_allclose(at_once, in_parts)


def constant(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Errors of seeds that no image changes."""
    return values, np.tile(values, (bootstrap.RESAMPLES, 1))


def test_equal_ratios_of_all_seeds_leave_no_doubt() -> None:
    errors = np.array([1.0, 5.0, 0.2])
    found = seed_ratio(constant(1.1 * errors), constant(errors), 20)
    np.testing.assert_allclose([found.ratio, found.low, found.high], 1.1)
    assert (found.seeds, found.seeds_agree) == (3, 3)


def test_few_seeds_that_no_image_changes_have_the_interval_of_a_t_test() -> None:
    first, second = np.array([1.0, 2.0, 4.0]), np.array([0.9, 1.9, 3.5])
    found = seed_ratio(constant(first), constant(second), 500)
    differences = np.log(first / second)
    low, high = stats.t.interval(0.95, 2, differences.mean(), stats.sem(differences))
    assert (found.t_low, found.t_high) == pytest.approx((np.exp(low), np.exp(high)))
    assert found.t_p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert np.log([found.low, found.high]) == pytest.approx([low, high], abs=0.03 * (high - low))
    assert found.ratio == pytest.approx(np.exp(differences.mean()))


def test_images_that_no_seed_changes_have_the_interval_of_their_mean() -> None:
    values = np.exp(np.random.default_rng(3).normal(0, 0.05, size=80))
    one, many = np.ones((3, 80)), np.tile(values, (3, 1))
    groups = [resampled(group, np.full(80, 2)) for group in (many, one)]
    found = seed_ratio(*groups, 80)
    reach = stats.t.ppf(0.975, 79) * stats.sem(values)
    assert [found.low, found.high] == pytest.approx(
        [values.mean() - reach, values.mean() + reach], abs=0.1 * reach
    )


def test_seeds_that_disagree_are_counted() -> None:
    found = seed_ratio(constant(np.array([0.5, 0.5, 1.2])), constant(np.ones(3)), 20)
    assert found.seeds_agree == 2


def test_interval_covers_the_truth_for_other_seeds_and_images() -> None:
    rng = np.random.default_rng(2)
    hits, repetitions = 0, 300
    for _ in range(repetitions):
        hard = rng.normal(0, 0.3, size=60)
        images = rng.normal(0, 0.1, size=(2, 1, 60))
        seeds = rng.normal(0, 0.025, size=(2, 3, 1))
        values = np.exp(hard + images + seeds)  # (groups, seeds, images)
        groups = [resampled(group, np.ones(60, int), resamples=300) for group in values]
        found = seed_ratio(*groups, 60)
        hits += found.low <= 1 <= found.high
    # about 0.8 without the seeds or without the images
    assert 0.92 <= hits / repetitions < 1
