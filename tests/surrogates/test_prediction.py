"""Predictions with proven bounds, and what a surrogate takes."""

import numpy as np
import pytest
import tensorflow as tf

import diffkeras as dk
from diffkeras.errors import PhysicsError
from diffkeras.physics import Equations
from diffkeras.surrogates.build import build_model
from diffkeras.surrogates.saved_model import _usable as usable
from diffkeras.surrogates.saved_model import describe, export_saved_model
from diffkeras.surrogates.surrogate import Surrogate
from tests.helpers.rounding import same_to_rounding
from tests.helpers.surrogate_kinds import KINDS, untrained


@pytest.fixture(scope="module")
def surrogate(tiny):
    return Surrogate(build_model(tiny), tiny)


@pytest.fixture(scope="module")
def images():
    stack = np.zeros((3, 16, 16))
    for index, image in enumerate(stack):
        image[3:6, 3 + index : 6 + index] = 1
        image[11, 5 + index] = 0.5
    return stack


def test_equations_are_set_up_once_when_bounds_are_read(surrogate, images, monkeypatch):
    set_up, counted = Equations.__init__, []
    monkeypatch.setattr(Equations, "__init__", lambda *args: counted.append(None) or set_up(*args))
    prediction = surrogate.predict(images[0])
    assert not counted
    assert 0 < prediction.relative_error_bound < np.inf
    for tolerance in (1e-3, 1e-9):
        assert prediction.within(tolerance).kind != "prediction"
    assert prediction.corrected.relative_error_bound < prediction.relative_error_bound
    assert len(counted) == 1


@pytest.mark.parametrize("tolerance", [None, "x", 2, True, [0.1]])
def test_a_tolerance_is_checked_first(tolerance, surrogate, images):
    with pytest.raises(PhysicsError, match="tolerance must"):
        surrogate.predict(images[0]).within(tolerance)


def test_a_prediction_has_a_certificate(surrogate, images):
    solution = dk.solve(images[0], medium=surrogate.medium)
    prediction = surrogate.predict(images[0])
    proof, exact = prediction.certificate, solution.field
    assert abs(proof.corrected.field - exact).max() <= proof.corrected.error_bound
    assert repr(surrogate) == "Surrogate('tiny', trained on 16×16 nodes)"
    assert repr(prediction).startswith("Prediction(field=<16×16 float32, ")
    for result in (solution, proof, prediction):
        assert len(result.plot().axes) == 4, "sources, field, and a colour bar of each"
    total = prediction.quantity(np.ones((16, 16)))
    assert abs(total.value - exact.sum()) <= total.error_bound + 1e-10
    assert total.of_field == pytest.approx(prediction.field.sum(dtype=float), rel=1e-6)


def test_a_problem_and_its_keywords_are_the_same(surrogate, images):
    problem = dk.Problem(images[0], medium=surrogate.medium)
    for made in (surrogate.problem(images[0]), surrogate.predict(images[0]).problem):
        assert made.medium == problem.medium
        np.testing.assert_array_equal(made.values, problem.values)
    of_problem, of_image = (surrogate.predict(each).field for each in (problem, images[0]))
    assert same_to_rounding(of_problem, of_image)
    with pytest.raises(PhysicsError, match="give either a Problem or decay: a Problem holds"):
        surrogate.predict(problem, decay=0.1)


def test_a_surrogate_of_several_media_has_no_single_one(tiny):
    varying = untrained(tiny.with_overrides(KINDS["lengths"]))
    with pytest.raises(PhysicsError, match="1 to 20"):
        _ = varying.medium


@pytest.fixture(scope="module")
def served(surrogate, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "surrogate"
    export_saved_model(surrogate, path)
    return tf.saved_model.load(str(path))


@pytest.mark.parametrize("value", [-1e-3, np.nan, np.inf])
def test_values_that_are_none_of_a_source_raise_errors(surrogate, served, images, value):
    wrong = images.copy()
    wrong[1, 2, 2] = value
    with pytest.raises(PhysicsError, match=f"{value:g}"):
        surrogate.fields(wrong)
    message = rf"source_images must be .*not\] \[{value:g}\] .*\[1 2 2\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        served.serve(wrong[..., None].astype(np.float32))


def test_without_checks_wrong_values_give_no_field(served, images):
    """XLA drops the checks."""
    wrong = images.astype(np.float32)[[0, 0, 0, 0, 1], ..., None]
    wrong[:4, 2, 2, 0] = -1e-3, np.nan, np.inf, 1e-40
    fields = tf.function(lambda x: served.serve(x), jit_compile=True)(tf.constant(wrong))
    assert np.isnan(fields[:4]).all()
    np.testing.assert_allclose(fields[4:], served.serve(wrong[4:]), rtol=1e-4, atol=1e-6)


def test_a_description_lists_what_the_network_uses(tiny):
    changes = {"model.architecture": "fourier_neural_operator", "model.modes": 4}
    config = tiny.with_overrides(changes)
    surrogate = Surrogate(build_model(config), config)
    model = describe(surrogate)["model"]
    unused = {"pad", "initial_weights", "arguments"}
    assert model.keys() == config.model.to_dict().keys() - unused | {"numbers"}
    assert model["numbers"] == surrogate.model.count_params()


SHAPES = {(16,): "a source image has", (16, 17): "17", (3, 16, 16): "a stack .* goes to `fields`"}


@pytest.mark.parametrize("shape", SHAPES)
def test_other_shapes_are_refused(surrogate, shape):
    with pytest.raises(PhysicsError, match=SHAPES[shape]):
        surrogate.predict(np.zeros(shape))


def test_fields_take_a_stack_with_or_without_a_channel(surrogate):
    images = np.stack([np.eye(16), np.eye(16)[::-1]])
    np.testing.assert_array_equal(surrogate.fields(images), surrogate.fields(images[..., None]))
    with pytest.raises(PhysicsError, match=r"\(batch, rows, columns\), not \(16, 16\)"):
        surrogate.fields(images[0])
    images[1, 3, 4] = np.nan
    with pytest.raises(PhysicsError, match=r"image 1: .* nan"):
        surrogate.fields(images)


def test_a_saved_model_refuses_lattices_that_the_network_does_not_take(served, tiny):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"multiples of 2, not.*16 17"):
        served.serve(np.zeros((1, 16, 17, 1), np.float32))
    spectral = {"architecture": "fourier_neural_operator", "modes": 6}
    surrogate = untrained(tiny.with_overrides({"model": spectral}))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at least 11 nodes, not.*8 16"):
        usable(surrogate, {"source_images": tf.zeros((1, 8, 16, 1))})
