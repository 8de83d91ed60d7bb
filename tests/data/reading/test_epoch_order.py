"""The order of the training examples, at the paper's size, where no data are needed."""

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.config import Config, parse_config
from diffkeras.data import DataShares, steps_per_epoch
from diffkeras.data.reading.batches import epoch_order
from diffkeras.data.reading.data_shares import EVERYTHING

EXAMPLES = 320_000
PAPER = parse_config({})


def order(config: Config, epoch: int, shares: DataShares = EVERYTHING) -> np.ndarray:
    own = EXAMPLES // shares.total * len(shares.numbers)
    steps = steps_per_epoch(config, shares=shares.total)
    return epoch_order(config, own, steps, shares, tf.constant(epoch, tf.int64)).numpy()


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
