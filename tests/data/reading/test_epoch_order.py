"""The order of the training examples, at the paper's size, where no data are needed."""

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.config import Config, parse_config
from diffkeras.data import DataShares
from diffkeras.data.reading.batches import endless_order, epoch_order
from diffkeras.data.reading.data_shares import EVERYTHING

EXAMPLES = 320_000
PAPER = parse_config({})


def order(config: Config, epoch: int, shares: DataShares = EVERYTHING) -> np.ndarray:
    own = EXAMPLES // shares.total * len(shares.numbers)
    return epoch_order(config, own, shares, tf.constant(epoch, tf.int64)).numpy()


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, of the places that examples have in two epochs."""
    return float(np.corrcoef(np.argsort(one), np.argsort(other))[0, 1])


def test_epochs_and_seeds_are_uncorrelated_permutations() -> None:
    assert len(PAPER.data.sources) * PAPER.data.train_examples == EXAMPLES
    other_seed = PAPER.with_overrides({"training.seed": 1})
    orders = [order(PAPER, 0), order(PAPER, 1), order(PAPER, 2), order(other_seed, 0)]
    for index, one in enumerate(orders):
        assert np.array_equal(np.sort(one), np.arange(EXAMPLES))
        assert abs(rank_correlation(one, np.arange(EXAMPLES))) < 0.01
        for other in orders[:index]:
            assert abs(rank_correlation(one, other)) < 0.01
    assert np.array_equal(order(PAPER, 1), orders[1])


def test_batches_mix_all_source_counts() -> None:
    counts = order(PAPER, 0).reshape(-1, 32) // PAPER.data.train_examples
    distinct = np.array([np.unique(batch).size for batch in counts])
    # 32 draws from 20 hit 20·(1 − 0.95³²) = 16.1 on average.
    assert distinct.mean() == pytest.approx(16.1, abs=0.1)


@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_any_number_of_replicas_has_the_batches_of_one(replicas: int) -> None:
    config = PAPER.with_overrides({"training.batch_size": 32})
    whole = order(config, 3, DataShares.all(4)).reshape(-1, 32)
    each = 4 // replicas
    pieces = []
    for replica in range(replicas):
        shares = DataShares(range(replica * each, (replica + 1) * each), 4)
        own = order(config, 3, shares)
        # A replica's positions count its own examples of each source count.
        size = 16_000 // 4 * each
        count, number = own // size, own % size
        pieces.append((count * 16_000 + replica * size + number).reshape(-1, 32 // replicas))
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)


def passes(config: Config, shares: DataShares, steps: int, batches: int) -> np.ndarray:
    """(batches, batch size of these shares): the positions of batches from a step on."""
    each = config.data.train_examples_used // shares.total * len(shares.numbers)
    own = len(shares.of(config.training.batch_size))
    order = endless_order(config, each * len(config.data.sources), shares, steps)
    return np.array(list(order.take(batches * own).as_numpy_iterator())).reshape(-1, own)


SHORT = parse_config(
    {
        "data": {"sources": "1-3", "train_examples": 8},
        "training": {"batch_size": 20, "steps_per_epoch": 3},
    }
)


def test_passes_follow_each_other_without_regard_to_epochs() -> None:
    # 24 examples in batches of 20: a pass ends within a batch
    order = passes(SHORT, EVERYTHING, 0, 12).ravel().reshape(-1, 24)
    assert len(order) == 10
    for one in order:
        assert np.array_equal(np.sort(one), np.arange(24))
    assert len({one.tobytes() for one in order}) == 10


def test_shares_have_passes_of_their_own() -> None:
    """Each share has 6 examples, and 5 of each batch."""
    order = passes(SHORT, DataShares.all(4), 0, 12).reshape(12, 4, 5)
    for share in range(4):
        of_share = order[:, share].ravel().reshape(-1, 6)
        own = [count * 8 + share * 2 + number for count in range(3) for number in range(2)]
        assert len(of_share) == 10
        assert all(np.array_equal(np.sort(one), own) for one in of_share)
        assert len({one.tobytes() for one in of_share}) > 5


def test_the_passes_of_replicas_make_up_those_of_one() -> None:
    whole = passes(SHORT, DataShares.all(4), 0, 7)
    pieces = []
    for first in (0, 2):
        # a replica's positions count its own 4 examples of each source count
        count, number = np.divmod(passes(SHORT, DataShares(range(first, first + 2), 4), 0, 7), 4)
        pieces.append(count * 8 + first * 2 + number)
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)


@pytest.mark.parametrize("shares", [EVERYTHING, DataShares.all(4), DataShares(range(1, 3), 4)])
def test_passes_continue_from_any_step(shares: DataShares) -> None:
    whole = passes(SHORT, shares, 0, 12)
    for step in (1, 4, 6, 11):
        assert np.array_equal(passes(SHORT, shares, step, 12 - step), whole[step:])


def test_the_seed_of_the_order_is_that_of_the_passes() -> None:
    def with_seeds(**seeds: int) -> np.ndarray:
        settings = {f"training.{name}": seed for name, seed in seeds.items()}
        return passes(SHORT.with_overrides(settings), EVERYTHING, 0, 6)

    assert np.array_equal(with_seeds(seed=7), with_seeds(seed=3, order_seed=7))
    assert not np.array_equal(with_seeds(seed=7), with_seeds(seed=7, order_seed=3))


def test_few_steps_of_a_huge_pass_need_no_other_pass() -> None:
    config = PAPER.with_overrides({"training.steps_per_epoch": 3})
    drawn = passes(config, EVERYTHING, 5 * 10_000, 3)  # each pass has 10,000 batches
    assert np.array_equal(drawn.ravel(), order(PAPER, 5)[: 3 * 32])
