"""Each kind of surrogate: near or far, its bounds hold, also in its SavedModel."""

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.data.dataset import DatasetConfig
from diffkeras.errors import PhysicsError, RunError
from diffkeras.surrogates.saved_model import export_saved_model
from tests.helpers.drawn_problems import drawn_problems, exact_fields
from tests.helpers.surrogate_kinds import KINDS, scaled, untrained

# of rounds of conjugate gradients that know the equation: mean error relative to the mean field
NEAR = {"cells": 0.01, "sides": 0.01}
DESCRIBED = {  # in the description of a SavedModel
    "one medium": ("u = source image", "decay"),
    "lengths": ("u = source image", "diffusion_length"),
    "production": ("+ γx", "decay"),
    "tissue": ("∇·(D∇u)", "step"),
    "cells": ("uptake·u/(saturation + u) + production", "step"),
    "sides": ("∇·(D∇u)", "boundary"),
}
ROUNDING = 1e-6  # of exact fields and coefficients in single precision
SLOW = ("one medium",)  # which `tests/commands/test_export.py` saves


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def surrogate(kind, tiny):
    return untrained(tiny.with_overrides(KINDS[kind]))


@pytest.fixture(scope="module")
def problems(surrogate):
    return drawn_problems(surrogate.config, 2, 3)


@pytest.fixture(scope="module")
def exact(problems):
    return exact_fields(problems)


@pytest.fixture(scope="module")
def predictions(surrogate, problems):
    return surrogate.predict_many(problems)


def test_bounds_hold(kind, predictions, exact):
    shares = []
    for prediction, truth in zip(predictions, exact, strict=True):
        errors = np.abs(prediction.field - truth)
        shares.append(errors.mean() / truth.mean())
        assert prediction.field.dtype == np.float32
        assert (errors <= prediction.node_bound + 1e-9).all()
        assert prediction.error_bound == prediction.node_bound.max() < 20 * errors.max()
        corrected = prediction.corrected
        assert (np.abs(corrected.field - truth) <= corrected.node_bound + 1e-9).all()
    assert np.mean(shares) < NEAR.get(kind, np.inf)


def test_a_tolerance_is_met(surrogate, problems, exact):
    every = surrogate.predict_many(problems, tolerance=1e-5)
    alone = surrogate.predict(problems[1], tolerance=1e-5)
    for found, truth in zip([*every, alone], [*exact, exact[1]], strict=True):
        errors = np.abs(found.field - truth)
        assert (errors <= found.node_bound + 1e-9).all()
        assert errors.max() - 1e-9 <= found.error_bound <= 1e-5 * truth.max()


def test_batches_and_units_do_not_matter(kind, surrogate, problems, predictions):
    fields = np.stack([prediction.field for prediction in predictions])
    alone = surrogate.predict(problems[2]).field
    np.testing.assert_allclose(alone, fields[2], rtol=1e-5, atol=1e-6)
    for parts in (surrogate.fields(problems, batch_size=2), surrogate.fields(problems)):
        np.testing.assert_allclose(parts, fields, rtol=1e-5, atol=1e-6)
    if kind == "sides":  # what sides supply can't be scaled with the image
        return
    factors = (1.0, 40.0, 1e-3)
    found = surrogate.predict_many(map(scaled, problems, factors))
    for one, other, factor in zip(found, predictions, factors, strict=True):
        np.testing.assert_allclose(one.field / factor, other.field, rtol=1e-4, atol=1e-5)
        assert one.error_bound / factor == pytest.approx(other.error_bound, rel=0.05)


def test_lattices_may_differ(surrogate, problems):
    config = surrogate.config.with_overrides({"physics.lattice": [12, 20]})
    others = drawn_problems(config, 2, 1)
    found = surrogate.predict_many([problems[0], *others, problems[1]])
    assert [prediction.field.shape for prediction in found] == [(16, 16), (12, 20), (16, 16)]
    np.testing.assert_allclose(found[1].field, surrogate.fields(others)[0], rtol=1e-5, atol=1e-6)
    with pytest.raises(PhysicsError, match="images of one lattice"):
        surrogate.fields([problems[0], *others])
    with pytest.raises(PhysicsError, match="at least one image"):
        surrogate.fields([])


@pytest.mark.parametrize("kind", ["tissue"], indirect=True, scope="module")
def test_a_field_that_is_not_finite_is_refused(surrogate, log):
    image = np.pad([[1.0]], ((7, 8), (7, 8)))
    prediction = surrogate.predict(image, diffusivity=0.5, decay=10.0)
    assert "trained with decay from 0.05 to 0.55, and these maps have 10 to 10" in log.text
    assert np.isfinite(prediction.error_bound)
    with pytest.raises(RunError, match=r"not finite: .* choose units"):
        surrogate.predict(image, diffusivity=1e25, decay=1e25)


@pytest.fixture(scope="module")
def exported(surrogate, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "saved_model"
    export_saved_model(surrogate, path)
    return path


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else ()) for kind in KINDS],
    indirect=True,
    scope="module",
)
def test_the_saved_model_does_the_same(kind, exported, surrogate, problems, exact):
    media = surrogate.config.view.inputs(problems)
    images = media.pop("source_images")
    loaded = tf.saved_model.load(str(exported))
    signature = loaded.signatures["serving_default"]
    assert {*signature.structured_input_signature[1]} == {"source_images", *media}
    served = loaded.serve(images, **media)[..., 0]
    np.testing.assert_allclose(served, surrogate.fields(problems), rtol=1e-4, atol=1e-5)
    # in media that vary, `dk.certify` proves
    functions = [loaded.serve] if surrogate.maps else [loaded.serve, loaded.certified]
    assert hasattr(loaded, "certified") == hasattr(loaded, "refined") == (not surrogate.maps)
    if not surrogate.maps:
        assert_proven(loaded, {"source_images": images, **media}, served, exact)
    for function in functions:
        for name, values in media.items():
            with pytest.raises(tf.errors.InvalidArgumentError, match=name):
                function(images, **{**media, name: -values})
            if surrogate.maps:
                with pytest.raises(tf.errors.InvalidArgumentError, match=name):
                    function(images, **{**media, name: values[:1]})
    described = json.loads((exported / "diffkeras.json").read_text())
    equation, key = DESCRIBED[kind]
    assert equation in described["equation"]
    assert key in described["physics"]
    assert described["physics"]["lattice"] == [16, 16]
    assert not set(surrogate.maps) & {*described["physics"]}
    given = {"decay", "diffusion_length"} & media.keys()  # by image
    assert ("decay" in described["physics"]) != bool(given)
    assert all(name in described["input"] for name in media)


def assert_proven(loaded: Any, inputs: Any, served: tf.Tensor, exact: np.ndarray) -> None:
    """`certified` and `refined` of a SavedModel bound the errors of their fields."""
    proof, refined = loaded.certified(**inputs), loaded.refined(**inputs, tolerance=1e-5)
    np.testing.assert_allclose(proof["field"][..., 0], served, rtol=1e-5, atol=1e-6)
    for proven in (proof, refined):
        errors = np.abs(proven["field"][..., 0] - exact)
        assert (errors <= proven["node_bound"][..., 0] + ROUNDING).numpy().all()
        assert (errors.max((1, 2)) <= proven["error_bound"] + ROUNDING).numpy().all()
    largest = np.abs(proof["field"][..., 0] - exact).max((1, 2))
    assert (proof["error_bound"] <= 1.2 * largest + ROUNDING).numpy().all()
    errors = np.abs(proof["corrected"][..., 0] - exact).max((1, 2))
    assert (errors <= proof["corrected_error_bound"] + ROUNDING).numpy().all()
    assert (refined["error_bound"] <= 1e-5 * exact.max((1, 2))).numpy().all()


@pytest.mark.parametrize("kind", ["lengths"], indirect=True, scope="module")
def test_the_saved_model_checks_lengths(exported, surrogate, problems):
    media = surrogate.config.view.inputs(problems)
    images = media.pop("source_images")
    loaded, lengths = tf.saved_model.load(str(exported)), media["diffusion_length"]
    fields, one = loaded.serve(images, lengths), loaded.serve(images, lengths[:1])  # one for all
    np.testing.assert_allclose(one[0], fields[0], rtol=0, atol=1e-5)
    for length in (0.5, 21.0, float("nan")):
        with pytest.raises(tf.errors.InvalidArgumentError, match="must lie within 1 to 20, not"):
            loaded.serve(images, np.full_like(lengths, length))
    for function in (loaded.serve, loaded.certified):
        with pytest.raises(tf.errors.InvalidArgumentError, match="one for each source image"):
            function(images, np.concatenate([lengths, lengths]))
    alike = loaded.certified(images, lengths[:1])  # one for all
    each = loaded.certified(images, np.full_like(lengths, lengths[0]))
    np.testing.assert_allclose(alike["error_bound"], each["error_bound"], rtol=1e-3)


OVERLAP = {"physics.sources": "production", "data.placement.overlap": True}


@pytest.mark.parametrize("overrides", [*KINDS.values(), {**OVERLAP, "model.transform": "linear"}])
def test_a_network_sees_in_predictions_what_it_is_trained_on(tiny, overrides):
    config = tiny.with_overrides(overrides)
    count = config.data.sources[-1]
    dataset, view = DatasetConfig.of(count, config), config.view
    for number in range(10):
        example = dataset.example("train", number)
        x, y = view.pair(example, tf.experimental.numpy)
        inputs = view.inputs([view.recipe.problem_of(example)])
        seen = []

        def network(given: Any, seen: list = seen, y: Any = y) -> np.ndarray:
            seen.append(given)
            return y.numpy()[None, :-1, :-1, :1]

        found = view.fields(network, inputs, divided=True)
        np.testing.assert_allclose(seen[0][0], x, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found[0], example["field"], rtol=1e-5, atol=1e-6)
