"""The reduced basis as a Keras model: the same fields, gradients, and files."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from tests.helpers.random_families import random_family, tissue_family


@functools.cache
def trained():
    basis = dk.ReducedBasis.train(tissue_family(16), 30)
    return basis, dk.nn.reduced_basis(basis)


def test_it_predicts_the_same_fields():
    basis, model = trained()
    points = basis.family.draw(5, seed=1)
    fields = basis.fields(points)
    got = model.predict_on_batch(points)
    assert got.shape == (5, 16, 16)
    np.testing.assert_allclose(got, fields, atol=1e-5 * fields.max())
    fixed = basis.family.problem.fixed
    np.testing.assert_allclose(got[:, fixed], fields[:, fixed], rtol=1e-6)


@pytest.mark.parametrize("seed", range(8))
def test_it_predicts_the_same_fields_in_families_of_any_kind(seed):
    basis = dk.ReducedBasis.train(random_family(seed), 8)
    points = basis.family.draw(3, seed=1)
    fields = basis.fields(points)
    got = np.asarray(dk.nn.reduced_basis(basis)(points))
    np.testing.assert_allclose(got, fields, atol=1e-5 * np.abs(fields).max())


def test_it_has_gradients_with_respect_to_parameters():
    basis, model = trained()
    point = tf.constant(basis.family.draw(1, seed=2), tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(point)
        total = tf.reduce_sum(model(point))
    gradient = np.asarray(tape.gradient(total, point))[0]
    for number, value in enumerate(point.numpy()[0]):
        step = np.zeros(5)
        step[number] = 1e-3 * value
        up, down = (basis.fields(point.numpy()[0] + sign * step).sum() for sign in (1.0, -1.0))
        difference = (up - down) / (2 * step[number])
        assert gradient[number] == pytest.approx(difference, rel=0.02)


def test_files_hold_it(tmp_path):
    basis, model = trained()
    points = basis.family.draw(3, seed=4).astype(np.float32)
    wanted = model.predict_on_batch(points)
    model.save(tmp_path / "basis.keras")
    loaded = keras.saving.load_model(tmp_path / "basis.keras")
    np.testing.assert_array_equal(loaded.predict_on_batch(points), wanted)
    model.export(tmp_path / "saved", verbose=False)
    saved = tf.saved_model.load(str(tmp_path / "saved"))
    np.testing.assert_allclose(saved.serve(points), wanted, rtol=1e-6, atol=1e-7)
