"""The order of the training examples, the shares of replicas, and the symmetries."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.config import Config, parse_config
from diffkeras.data import mixed_dataset
from diffkeras.data.batches import (
    EVERYTHING,
    DataShares,
    endless_order,
    epoch_order,
    symmetry_count,
    training_batches,
)
from diffkeras.view.target import unpack_target

EXAMPLES = 320_000
PAPER = parse_config({})


def order(config: Config, epoch: int, shares: DataShares = EVERYTHING) -> np.ndarray:
    own = EXAMPLES // shares.total * len(shares.numbers)
    return epoch_order(config, own, shares, tf.constant(epoch, tf.int64)).numpy()


def rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's, of the places that examples have in two epochs."""
    return float(np.corrcoef(np.argsort(one), np.argsort(other))[0, 1])


def test_epochs_and_seeds_are_uncorrelated_permutations():
    assert len(PAPER.data.sources) * PAPER.data.train_examples == EXAMPLES
    other_seed = PAPER.with_overrides({"training.seed": 1})
    orders = [order(PAPER, 0), order(PAPER, 1), order(PAPER, 2), order(other_seed, 0)]
    for index, one in enumerate(orders):
        assert np.array_equal(np.sort(one), np.arange(EXAMPLES))
        assert abs(rank_correlation(one, np.arange(EXAMPLES))) < 0.01
        for other in orders[:index]:
            assert abs(rank_correlation(one, other)) < 0.01
    assert np.array_equal(order(PAPER, 1), orders[1])


def test_batches_mix_all_source_counts():
    counts = order(PAPER, 0).reshape(-1, 32) // PAPER.data.train_examples
    distinct = np.array([np.unique(batch).size for batch in counts])
    # 32 draws from 20 hit 20·(1 − 0.95³²) = 16.1 on average.
    assert distinct.mean() == pytest.approx(16.1, abs=0.1)


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


@pytest.mark.parametrize(("shares", "own"), [(EVERYTHING, 24), (DataShares(range(1, 2), 4), 6)])
def test_passes_follow_each_other_without_regard_to_epochs(shares, own):
    # 24 examples in batches of 20: a pass ends within a batch, also of each share
    order = passes(SHORT, shares, 0, 12).ravel().reshape(-1, own)
    assert len(order) == 10
    for one in order:
        assert np.array_equal(np.sort(one), np.arange(own))
    assert len({one.tobytes() for one in order}) == 10


def test_the_seed_of_the_order_is_that_of_the_passes():
    def with_seeds(**seeds: int) -> np.ndarray:
        settings = {f"training.{name}": seed for name, seed in seeds.items()}
        return passes(SHORT.with_overrides(settings), EVERYTHING, 0, 6)

    assert np.array_equal(with_seeds(seed=7), with_seeds(seed=3, order_seed=7))
    assert not np.array_equal(with_seeds(seed=7), with_seeds(seed=7, order_seed=3))


def test_few_steps_of_a_huge_pass_need_no_other_pass():
    config = PAPER.with_overrides({"training.steps_per_epoch": 3})
    drawn = passes(config, EVERYTHING, 5 * 10_000, 3)  # each pass has 10,000 batches
    assert np.array_equal(drawn.ravel(), order(PAPER, 5)[: 3 * 32])


def batches(
    config: Config, data_dir: Path, shares: DataShares, count: int, **position: int
) -> list:
    dataset = training_batches(config, data_dir, shares=shares, **position)
    return [x for x, _ in islice(dataset.as_numpy_iterator(), count)]


def test_shares_have_examples_of_their_own():
    each = [DataShares(range(s, s + 1), 3) for s in range(3)]
    assert [list(share.of(7)) for share in each] == [[0, 1], [2, 3], [4, 5]]
    assert list(DataShares(range(1, 3), 3).of(7)) == [2, 3, 4, 5]
    assert list(DataShares().of(7)) == list(range(7))


@pytest.mark.parametrize(
    "changes",
    [
        {"data.cache": True},
        {"data.stream": True},
        {"training.symmetries": True},
        {"training.batch_size": 20, "training.steps_per_epoch": 3},
    ],
)
def test_parts_of_replicas_make_up_the_batches_of_one(changes, tiny, data_dir):
    config = tiny.with_overrides(changes)
    whole = batches(config, data_dir, DataShares(range(4), 4), 7)
    parts = [batches(config, data_dir, DataShares(range(s, s + 2), 4), 7) for s in (0, 2)]
    for batch, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert [len(piece) for piece in pieces] == [len(batch) // 2] * 2
        np.testing.assert_array_equal(np.concatenate(pieces), batch)


@pytest.mark.parametrize(
    ("changes", "shares"),
    [
        ({"training.batch_size": 5}, EVERYTHING),  # the last batch of an epoch is smaller
        ({"training.batch_size": 5, "training.steps_per_epoch": 7}, EVERYTHING),
        ({"training.batch_size": 20, "training.steps_per_epoch": 3}, DataShares(range(1, 3), 4)),
        ({"data.stream": True}, EVERYTHING),
        ({}, DataShares(range(1, 2), 2)),
    ],
)
def test_batches_go_on_at_any_position(tiny, data_dir, changes, shares):
    config = tiny.with_overrides(changes)
    steps = config.steps_per_epoch_in(shares.total)
    whole = batches(config, data_dir, shares, 3 * steps)
    epochs = [np.concatenate(whole[e * steps : (e + 1) * steps]) for e in range(3)]
    for epoch, step in ((0, 2), (2, steps - 1)):
        first = epoch * steps + step
        rest = batches(config, data_dir, shares, 3 * steps - first, epoch=epoch, step=step)
        for one, other in zip(rest, whole[first:], strict=True):
            np.testing.assert_array_equal(one, other)
    assert not np.array_equal(epochs[0], epochs[1])
    if "training.steps_per_epoch" in changes:
        own = len(shares.of(config.training.batch_size))
        assert all(len(batch) == own for batch in whole)
        return
    # each epoch has another order, and the same examples unless it is a stream
    sums = [sorted(epoch.sum(axis=(1, 2, 3))) for epoch in epochs]
    assert (sums[0] == sums[1]) is not config.data.stream


def test_validation_parts_have_batches_of_the_same_sizes(tiny, data_dir):
    parts = [
        mixed_dataset(tiny, "validation", data_dir, shares=shares)
        for shares in (DataShares(range(1), 2), DataShares(range(1, 2), 2))
    ]
    sizes = [[len(x) for x, _ in part.as_numpy_iterator()] for part in parts]
    assert sizes == [[2, 2], [2, 2]]


def examples(config: Config, data_dir: Path, epochs: int) -> list[tuple[np.ndarray, ...]]:
    """Source image, field, image in the target and count of each example, in order."""
    steps = epochs * config.steps_per_epoch
    found = []
    for x, y in training_batches(config, data_dir).take(steps).as_numpy_iterator():
        target = unpack_target(y)
        found += zip(x[..., 0], target.field, target.source_image, target.source_count, strict=True)
    return found


def views(image: np.ndarray) -> list[bytes]:
    turned = [np.rot90(image, k) for k in range(4)]
    return [view.tobytes() for t in turned for view in (t, t.T)]


@pytest.mark.parametrize("cache", [False, True])
def test_eight_passes_show_each_example_in_its_eight_symmetries(cache, tiny, data_dir):
    # two sources of different values, so that no example is another one mirrored
    plain = tiny.with_overrides(
        {"data.cache": cache, "data.sources": "2", "model.transform": "linear"}
    )
    original = {x.tobytes(): (x, u, n) for x, u, _, n in examples(plain, data_dir, 1)}
    seen: dict[bytes, set[bytes]] = {key: set() for key in original}
    owner = {view: key for key, (x, _, _) in original.items() for view in views(x)}
    shown = examples(plain.with_overrides({"training.symmetries": True}), data_dir, 8)
    for x, u, image, count in shown:
        key = owner[x.tobytes()]
        x_before, u_before, count_before = original[key]
        np.testing.assert_array_equal(x, image)
        assert count == count_before
        places = [k for k, view in enumerate(views(x_before)) if view == x.tobytes()]
        assert u.tobytes() in {views(u_before)[k] for k in places}
        seen[key].add(x.tobytes())
    assert {key: len(set(views(x))) for key, (x, _, _) in original.items()} == {
        key: len(found) for key, found in seen.items()
    }


def test_a_lattice_without_swaps_has_four_symmetries(tiny):
    symmetric = tiny.with_overrides({"training.symmetries": True})
    assert [symmetry_count(config) for config in (tiny, symmetric)] == [1, 8]
    same = {"physics.boundary": {"value": 0.5}}
    assert symmetry_count(symmetric.with_overrides(same)) == 8
    for key, value in (
        ("physics.lattice", [16, 18]),
        ("physics.boundary", ["absorbing", "periodic"]),
        ("physics.boundary", [{"value": 0.5}, {"value": 0.25}]),
    ):
        assert symmetry_count(symmetric.with_overrides({key: value})) == 4
