"""The shares of all replicas together are the batches of one."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.data import DataShares, mixed_dataset, raw_dataset, steps_per_epoch, training_batches


def batches(
    config: Config, data_dir: Path, shares: DataShares, count: int, **position: int
) -> list:
    dataset = training_batches(config, data_dir, shares=shares, **position)
    return [x for x, _ in islice(dataset.as_numpy_iterator(), count)]


def test_shares_have_examples_of_their_own() -> None:
    each = [DataShares(range(s, s + 1), 3) for s in range(3)]
    assert [list(share.of(7)) for share in each] == [[0, 1], [2, 3], [4, 5]]
    assert list(DataShares(range(1, 3), 3).of(7)) == [2, 3, 4, 5]
    assert list(DataShares().of(7)) == list(range(7))


@pytest.mark.parametrize("stream", [False, True])
def test_parts_of_replicas_make_up_the_batches_of_one(
    stream: bool, tiny: Config, data_dir: Path
) -> None:
    config = tiny.with_overrides({"data.stream": stream})
    whole = batches(config, data_dir, DataShares.all(4), 7)
    parts = [batches(config, data_dir, DataShares(range(s, s + 2), 4), 7) for s in (0, 2)]
    for batch, pieces in zip(whole, zip(*parts, strict=True), strict=True):
        assert [len(piece) for piece in pieces] == [2, 2]
        np.testing.assert_allclose(np.concatenate(pieces), batch, atol=1e-5)


def test_a_stream_is_the_same_in_any_number_of_parts(tiny: Config, data_dir: Path) -> None:
    config = tiny.with_overrides({"data.stream": True})
    one, two = (batches(config, data_dir, DataShares.all(shares), 5) for shares in (1, 2))
    np.testing.assert_allclose(np.stack(one), np.stack(two), atol=1e-5)


def test_parts_go_on_at_any_position(tiny: Config, data_dir: Path) -> None:
    part = DataShares(range(1, 2), 2)
    steps = steps_per_epoch(tiny, shares=2)
    through = batches(tiny, data_dir, part, 2 * steps)
    later = batches(tiny, data_dir, part, steps - 2, epoch=1, step=2)
    np.testing.assert_array_equal(np.stack(through[steps + 2 :]), np.stack(later))


def test_an_epoch_has_each_share_once(tiny: Config, data_dir: Path) -> None:
    steps = steps_per_epoch(tiny, shares=2)
    assert steps == 2 * 12 // 4
    own = np.concatenate(batches(tiny, data_dir, DataShares(range(1), 2), steps))
    stored = [
        example["source_image"]
        for count in (1, 2)
        for example in islice(raw_dataset(tiny, count, "train", data_dir).as_numpy_iterator(), 6)
    ]
    images = tiny.model.get_transform().forward(np.stack(stored))
    assert sorted(float(x.sum()) for x in own) == pytest.approx(
        sorted(float(x.sum()) for x in images)
    )


def test_shares_fill_whole_batches_alone(tiny: Config) -> None:
    config = tiny.with_overrides({"data.train_examples": 5, "training.batch_size": 6})
    assert steps_per_epoch(config) == 2  # 6 and 4
    assert steps_per_epoch(config, shares=2) == 1  # 4 of each share: one of 3 and 3


def test_validation_parts_have_batches_of_the_same_sizes(tiny: Config, data_dir: Path) -> None:
    parts = [
        mixed_dataset(tiny, "validation", data_dir, shares=shares)
        for shares in (DataShares(range(1), 2), DataShares(range(1, 2), 2))
    ]
    sizes = [[len(x) for x, _ in part.as_numpy_iterator()] for part in parts]
    assert sizes == [[2, 2], [2, 2]]
