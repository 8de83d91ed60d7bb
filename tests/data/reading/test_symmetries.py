from pathlib import Path

import numpy as np
import pytest

from diffkeras.config import Config
from diffkeras.data import steps_per_epoch, training_batches
from diffkeras.data.reading.symmetries import symmetry_count
from diffkeras.representation.target import unpack_target


def examples(config: Config, data_dir: Path, epochs: int) -> list[tuple[np.ndarray, ...]]:
    """Source image, field, image in the target and count of each example, in order."""
    steps = epochs * steps_per_epoch(config)
    found = []
    for x, y in training_batches(config, data_dir).take(steps).as_numpy_iterator():
        target = unpack_target(y)
        found += zip(x[..., 0], target.field, target.source_image, target.source_count, strict=True)
    return found


def views(image: np.ndarray) -> list[bytes]:
    turned = [np.rot90(image, k) for k in range(4)]
    return [view.tobytes() for t in turned for view in (t, t.T)]


@pytest.mark.parametrize("cache", [False, True])
def test_eight_passes_show_each_example_in_its_eight_symmetries(
    cache: bool, tiny: Config, data_dir: Path
) -> None:
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


def test_a_lattice_without_swaps_has_four_symmetries(tiny: Config) -> None:
    symmetric = tiny.with_overrides({"training.symmetries": True})
    assert [symmetry_count(config) for config in (tiny, symmetric)] == [1, 8]
    for key, value in (
        ("physics.lattice", [16, 18]),
        ("physics.boundary", ["absorbing", "periodic"]),
    ):
        assert symmetry_count(symmetric.with_overrides({key: value})) == 4


def test_the_symmetries_do_not_depend_on_the_number_of_replicas(
    tiny: Config, data_dir: Path
) -> None:
    from diffkeras.data import DataShares

    config = tiny.with_overrides({"training.symmetries": True})
    every = training_batches(config, data_dir, shares=DataShares.all(2)).take(4)
    parts = [
        training_batches(config, data_dir, shares=DataShares(range(k, k + 1), 2)).take(4)
        for k in (0, 1)
    ]
    together = [np.concatenate(xs) for xs in zip(*([x for x, _ in p] for p in parts), strict=True)]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in every]), np.concatenate(together))
