"""The Keras layer with which models end in proven fields."""

import doctest

import keras
import numpy as np
import pytest

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium, sample_sources, solve
from diffkeras.tf_solver import CertifiedField, layers

LATTICE, MEDIUM = (16, 20), Medium((1.0, 2.0), 0.05, boundary=("absorbing", "periodic"))


def images() -> np.ndarray:
    drawn = [sample_sources(n, LATTICE, radius=2, rng=n).image(LATTICE) for n in (1, 2, 3)]
    return np.stack(drawn)[..., None].astype(np.float32)


def model_with(layer: keras.layers.Layer) -> keras.Model:
    source_images = keras.Input((*LATTICE, 1))
    keras.utils.set_random_seed(0)
    field = keras.layers.Conv2D(1, 5, padding="same", name="network")(source_images)
    return keras.Model(source_images, layer(field, source_images))


@pytest.mark.parametrize("sources", ["production", "fixed_value"])
def test_models_end_in_proven_fields_and_survive_saving(sources, tmp_path):
    x = images()
    fixed = (x[..., 0],) if sources == "fixed_value" else ()
    produced = {} if fixed else {"production": 0.05 * x[..., 0].astype(float)}
    exact = solve(*fixed, **produced, medium=MEDIUM).field[..., None]
    model = model_with(CertifiedField(LATTICE, MEDIUM, sources))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for each, found in ((model, model(x)), (loaded, loaded.predict(x, verbose=0))):
        proof = {name: np.asarray(values) for name, values in found.items()}
        errors = np.abs(proof["corrected"] - exact)
        assert (errors.max((1, 2, 3)) <= proof["corrected_error_bound"]).all()
        prediction = keras.Model(each.input, each.get_layer("network").output)(x)
        np.testing.assert_allclose(proof["field"], prediction, rtol=0, atol=1e-6)
        assert (np.abs(proof["field"] - exact) <= proof["node_bound"]).all()
        np.testing.assert_array_equal(proof["error_bound"], proof["node_bound"].max((1, 2, 3)))


def test_a_bound_can_be_a_loss():
    model = model_with(CertifiedField(LATTICE, MEDIUM))
    bounds = keras.Model(model.inputs, model.output["error_bound"])
    # the bound itself, without a target
    bounds.compile(keras.optimizers.Adam(0.01), loss=lambda _, bound: bound, jit_compile=False)
    x = images()
    history = bounds.fit(x, np.zeros(3), epochs=10, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]


def test_half_precision_rounds_no_source_value():
    x = (1 / 3) * images()
    layer = CertifiedField(LATTICE, MEDIUM, dtype="mixed_float16")
    proof = layer(np.zeros_like(x, np.float16), x)
    assert proof["corrected"].dtype == "float32"
    np.testing.assert_array_equal(proof["corrected"].numpy()[x != 0], x[x != 0])


def test_bad_arguments_raise():
    with pytest.raises(PhysicsError, match="sources"):
        CertifiedField(16, sources="produce")
    with pytest.raises(PhysicsError, match="decay"):
        CertifiedField(16, Medium(decay=0.0), "production")
    with pytest.raises(PhysicsError, match="uniform"):
        CertifiedField(16, Medium(decay=np.ones((16, 16))))
    with pytest.raises(PhysicsError, match="CertifiedField needs the same boundary at both sides"):
        CertifiedField(16, Medium(boundary=(("absorbing", "reflecting"), "periodic")))


def test_the_example_runs():
    assert doctest.testmod(layers).attempted > 4
    assert not doctest.testmod(layers).failed
