"""The reduced basis as a Keras model: the same fields, gradients, and files."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.nn.architectures.reduced_basis import REDUCED_BASIS
from diffkeras.physics.families.family.rows import rows_of_values
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


def untrained(**changes):
    """The network of the table, as a configuration builds it."""
    family = tissue_family(16)
    arguments = {"width": 8, "depth": 2, "modes": 6, "regression": "network", "examples": 9}
    return family, REDUCED_BASIS.build(**{**arguments, "family": family, **changes})


@pytest.mark.parametrize("regression", ["network", "kernel"])
def test_an_untrained_basis_has_the_fixed_values_of_its_rows(regression, tmp_path):
    family, model = untrained(regression=regression)
    assert (model.name, model.input.name) == ("reduced_basis", "parameters")
    basis = model.get_layer("basis")
    rows = np.concatenate([np.zeros((7, 256)), rows_of_values(family)])
    basis.set_weights([rows])
    points = family.draw(3, seed=0)
    field = np.asarray(model(points.astype("f")))
    assert (field.shape, field.dtype) == ((3, 16, 16, 1), np.float32)
    for point, each in zip(points, field[..., 0], strict=True):
        problem = family.problem_at(point)
        np.testing.assert_allclose(each, problem.values * problem.fixed, rtol=1e-6)
    model.save(tmp_path / "basis.keras")
    loaded = keras.saving.load_model(tmp_path / "basis.keras")
    np.testing.assert_array_equal(loaded(points.astype("f")), field)


def test_a_network_sees_inputs_without_units_and_trains_its_dense_layers_alone():
    family, model = untrained()
    names = {variable.path.split("/")[0] for variable in model.trainable_variables}
    assert names == {"dense_0", "dense_1", "coefficients"}
    assert untrained(regression="kernel")[1].trainable_variables == []
    inputs = keras.Model(model.input, model.get_layer("inputs").output)
    point = family.draw(1, seed=1)
    np.testing.assert_allclose(inputs(point), family.scaling.inputs(point), rtol=1e-5)
    scaled = point * np.array([2.0, 2.0, 2.0, 1.0, 2.0])  # concentrations in another unit
    np.testing.assert_allclose(inputs(scaled), inputs(point), rtol=1e-5)
    own = np.random.default_rng(0).random((7, 256))
    model.get_layer("basis").set_weights([np.concatenate([own, rows_of_values(family)])])
    twice = np.asarray(model(scaled.astype("f")))
    np.testing.assert_allclose(twice, 2 * np.asarray(model(point.astype("f"))), rtol=1e-4)


def test_what_is_no_basis_makes_no_model():
    with pytest.raises(ValueError, match=r"one of a ReducedBasis, not of 3: train one"):
        dk.nn.reduced_basis(3)


def test_bad_arguments_of_an_untrained_basis():
    for name in ("width", "depth", "modes"):
        with pytest.raises(ValueError, match=f"{name} must be a whole number from 1"):
            untrained(**{name: 0})
    with pytest.raises(ValueError, match="examples must be a whole number"):
        untrained(regression="kernel", examples=0)
