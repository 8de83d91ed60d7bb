import keras
import numpy as np
import pytest
import tensorflow as tf

from diffkeras.nn import get_loss
from diffkeras.view.target import (
    REGIONS,
    UNKNOWN,
    pack_target,
    region_mask,
    target_and_prediction,
    unpack_target,
)

RNG = np.random.default_rng(0)
FIELD = RNG.random((3, 4, 5, 1)).astype(np.float32)
IMAGE = FIELD * (FIELD > 0.5)
COUNTS = np.array([1, 5, 20])
MISMATCH = (ValueError, TypeError, RuntimeError, tf.errors.InvalidArgumentError)
FALLING = np.array([1.0, 0.3, 1.1, 1.0, 0.2, 0.19, 0.1, 0.09, 0.05, 0.04, 0.0, -0.1])
DISC = np.array([1.0, 0.3] + [0.0] * 10)
MEMBERS = {
    "lattice": range(12),
    "sources": [0, 1],
    "field": range(2, 12),
    "r1": [3, 4],
    "r2": [5, 6],
    "r3": [7, 8],
}


@pytest.mark.parametrize("xp", [np, keras.ops, tf.experimental.numpy], ids=["np", "keras", "tf"])
@pytest.mark.parametrize("counts", [COUNTS, COUNTS.tolist(), 7, None], ids=str)
def test_a_packed_target_returns_its_parts(xp, counts):
    field, image = (a if xp is np else keras.ops.convert_to_tensor(a) for a in (FIELD, IMAGE))
    packed = pack_target(field, image, counts, xp)
    assert tuple(packed.shape) == (3, 5, 6, 2)
    assert keras.backend.standardize_dtype(packed.dtype) == "float32"
    target = unpack_target(packed)
    np.testing.assert_array_equal(target.field, FIELD[..., 0])
    np.testing.assert_array_equal(target.source_image, IMAGE[..., 0])
    expected = np.broadcast_to(UNKNOWN if counts is None else counts, 3)
    np.testing.assert_array_equal(target.source_count, expected)


def test_one_example_without_a_batch_and_a_field_alone():
    one = pack_target(FIELD[1], IMAGE[1], 5)
    np.testing.assert_array_equal(one, pack_target(FIELD, IMAGE, COUNTS)[1])
    field, *others = unpack_target(FIELD)
    np.testing.assert_array_equal(field, FIELD[..., 0])
    assert others == [None, None]


@pytest.mark.parametrize("shape", [(1, 16, 16), (2, 2, 2), (1, 1, 8), (16, 8, 1)], ids=str)
@pytest.mark.parametrize("loss", ["mae", "huber", "cosine_similarity"])
def test_a_loss_that_does_not_unpack_the_target_raises(shape, loss):
    prediction = np.ones((*shape, 1), np.float32)
    packed = pack_target(prediction, prediction, 1)
    with pytest.raises(MISMATCH):
        keras.losses.get(loss)(packed, prediction)


def test_plain_metrics_raise_in_a_model():
    model = keras.Sequential([keras.Input((None, None, 1)), keras.layers.Identity()])
    packed = pack_target(FIELD, IMAGE, COUNTS)
    model.compile("sgd", get_loss("mae"))
    assert model.evaluate(FIELD, packed, verbose=0) == 0.0
    model.compile("sgd", get_loss("mae"), metrics=["mae"])
    with pytest.raises(MISMATCH):
        model.evaluate(FIELD, packed, verbose=0)


def test_lattices_unknown_to_the_graph_are_compared_when_it_runs():
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, c)) for c in (2, 1)])
    def mean_error(y_true, y_pred):
        target, prediction = target_and_prediction(y_true, y_pred)
        return tf.reduce_mean(tf.abs(prediction - target.field))

    packed = tf.constant(pack_target(FIELD, IMAGE))
    assert float(mean_error(packed, tf.constant(FIELD))) == 0.0
    with pytest.raises(tf.errors.InvalidArgumentError):
        mean_error(packed, tf.constant(FIELD[:, :3]))


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        (np.concatenate([FIELD, IMAGE], axis=-1), FIELD),  # without the extra row and column
        (pack_target(FIELD, IMAGE)[:, :-1], FIELD),
        (pack_target(FIELD, IMAGE), FIELD[:1]),
        (FIELD[:, :1], FIELD),
        (FIELD, FIELD[:, :, :1]),
        (FIELD[..., 0], FIELD),
        (FIELD, FIELD[..., 0]),
        (FIELD, np.concatenate([FIELD, FIELD], axis=-1)),
        (np.concatenate([FIELD] * 3, axis=-1), FIELD),
    ],
)
def test_shapes_that_would_broadcast_raise(y_true, y_pred):
    with pytest.raises(ValueError, match=r"y_(true|pred) .* shape"):
        target_and_prediction(y_true, y_pred)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((FIELD[..., 0], IMAGE), "field"),
        ((FIELD, np.concatenate([IMAGE, IMAGE], axis=-1)), "source_image"),
        ((FIELD, IMAGE[:1]), "source_image"),
        ((FIELD, IMAGE, [1, 2]), "source_count"),
        ((FIELD, IMAGE, COUNTS[:, None]), "source_count"),
    ],
)
def test_parts_that_do_not_match_raise(arguments, name):
    with pytest.raises(ValueError, match=name):
        pack_target(*arguments)


@pytest.mark.parametrize("name", REGIONS)
def test_members_of_regions(name):
    tensors = (keras.ops.convert_to_tensor(values) for values in (FALLING, DISC))
    for mask in (region_mask(name, FALLING, DISC), region_mask(name, *tensors)):
        assert np.flatnonzero(mask).tolist() == list(MEMBERS[name])


def test_a_broken_target_counts_in_the_lattice_and_other_regions_are_named():
    assert region_mask("lattice", np.array([np.nan, 0.5]), None).all()
    with pytest.raises(ValueError, match="'r1' needs the source image"):
        region_mask("r1", FALLING, None)
    with pytest.raises(ValueError, match="no region is named 'r4'"):
        region_mask("r4", FALLING, DISC)
