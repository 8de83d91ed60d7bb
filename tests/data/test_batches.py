import numpy as np
import pytest
import tensorflow as tf

from diffkeras.data import mixed_dataset, raw_dataset
from diffkeras.data.batches import training_batches
from diffkeras.errors import DataError
from diffkeras.physics import ExampleRecipe
from diffkeras.view.scales import TRANSFORMS, get_transform
from diffkeras.view.target import unpack_target


def counts_of(batches: tf.data.Dataset) -> np.ndarray:
    """Number of sources of each example, which is also the number of values in its image."""
    found = []
    for _, y in batches.as_numpy_iterator():
        _, images, counts = unpack_target(y)
        assert [np.unique(image).size - 1 for image in images] == counts.tolist()
        found += counts.tolist()
    return np.array(found)


def order(batches: tf.data.Dataset) -> list[bytes]:
    return [x.tobytes() for xs, _ in batches.as_numpy_iterator() for x in xs]


def test_each_source_count_has_the_same_number(tiny, data_dir):
    for split, number in (("train", 12), ("validation", 4), ("test", 5)):
        counts = counts_of(mixed_dataset(tiny, split, data_dir))
        assert [(counts == n).sum() for n in (1, 2)] == [number, number]
    assert counts.tolist() == [1, 2] * 5  # so has any part of the test split


@pytest.mark.parametrize("cache", [False, True])
def test_the_training_seed_and_the_epoch_decide_the_order(tiny, data_dir, cache):
    config = tiny.with_overrides({"data.cache": cache})
    epochs, steps = mixed_dataset(config, "train", data_dir), config.steps_per_epoch
    first, second = order(epochs), order(epochs)
    assert order(training_batches(config, data_dir).take(2 * steps)) == first + second
    again = mixed_dataset(config, "train", data_dir)
    assert [order(again), order(again)] == [first, second]
    assert first != second
    assert sorted(first) == sorted(second)
    other = config.with_overrides({"training.seed": 1})
    assert order(mixed_dataset(other, "train", data_dir)) != first


def test_a_graph_iterates_over_batches_that_were_made_outside(tiny, data_dir):
    outside = mixed_dataset(tiny, "train", data_dir)
    count = tf.function(lambda dataset: dataset.reduce(0, lambda n, pair: n + 1))
    assert count(outside) == 6
    with pytest.raises(DataError, match="call mixed_dataset outside"):
        tf.function(lambda: mixed_dataset(tiny, "train", data_dir).cardinality())()


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_network_sees_its_scale_and_the_loss_the_sources(tiny, data_dir, name):
    config = tiny.with_overrides({"model.transform": name, "training.batch_size": 10})
    x, y = next(mixed_dataset(config, "test", data_dir).as_numpy_iterator())
    assert (x.shape, y.shape, x.dtype, y.dtype) == (
        (10, 16, 16, 1),
        (10, 17, 17, 2),
        np.float32,
        np.float32,
    )
    stored = list(raw_dataset(tiny, 1, "test", data_dir).as_numpy_iterator())
    images = np.stack([example["source_image"] for example in stored])
    fields = np.stack([example["field"] for example in stored])
    forward = get_transform(name).forward
    np.testing.assert_allclose(x[::2], forward(images), rtol=1e-6, atol=1e-7)
    target = unpack_target(y[::2])
    np.testing.assert_allclose(target.field, forward(fields[..., 0]), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(target.source_image, images[..., 0])


def test_threads_dont_change_the_order(tiny, data_dir):
    orders = {
        threads: order(mixed_dataset(tiny, "train", data_dir, threads=threads))
        for threads in (1, 3, None)
    }
    assert orders[1] == orders[3] == orders[None]


def test_examples_are_read_by_their_numbers(tiny, data_dir):
    recipe = ExampleRecipe(2, (16, 16), tiny.physics.medium, 2.0, 3)
    numbers = range(1, 4)
    stored = raw_dataset(tiny, 2, "test", data_dir, numbers=numbers)
    for k, example in zip(numbers, stored.as_numpy_iterator(), strict=True):
        np.testing.assert_array_equal(example["sources"]["rows"], recipe.sources("test", k).rows)
    for beyond in (range(10, 20), range(3, 8)):
        with pytest.raises(DataError, match=r"has 5 test examples, not all of range\("):
            raw_dataset(tiny, 2, "test", data_dir, numbers=beyond)
