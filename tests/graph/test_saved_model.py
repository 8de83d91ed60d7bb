import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.errors import OutputError, PhysicsError
from diffkeras.graph import TensorSolver
from diffkeras.graph.export import solver_arguments
from diffkeras.physics import Medium, sample_sources, solve
from tests.helpers.drawn_problems import exact_fields, problems_of
from tests.helpers.rounding import same_to_rounding

LATTICE, MEDIUM = (16, 20), Medium((1.0, 2.0), 0.05, boundary=("absorbing", "periodic"))

PROGRAM = """
import numpy as np, tensorflow as tf
images, production = np.load("images.npy"), np.load("production.npy")
solver = tf.saved_model.load("solver")
signature = solver.signatures["serving_default"]
assert [*signature.structured_input_signature[1]] == ["source_images"]
certified = solver.signatures["certified"](source_images=tf.constant(images))
mapped = next(iter(tf.data.Dataset.from_tensors(images).map(lambda x: solver.refined(x, 1e-4))))
np.savez(
    "fields.npz",
    **{f"certified_{name}": value for name, value in certified.items()},
    **{f"refined_{name}": value for name, value in mapped.items()},
    serve=solver.serve(images),
    one=solver.serve(images[:1]),
    default=signature(source_images=tf.constant(images))["field"],
    fixed=solver.serve_general(images, np.ones_like(images[:1], bool), 0 * images),
    production=solver.serve_general(0 * images, 0 * images != 0, production),
    general=solver.serve_general(images, images != 0, production),
)
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "solver"
    TensorSolver(LATTICE, MEDIUM, "float32").export(path)
    return path


@pytest.fixture(scope="module")
def loaded(exported):
    return tf.saved_model.load(str(exported))


@pytest.fixture(scope="module")
def images():
    drawn = [
        sample_sources(n, LATTICE, radius=2, rng=np.random.default_rng(n)).image(LATTICE)
        for n in (1, 3)
    ]
    return np.stack(drawn)[..., None].astype(np.float32)


def test_diffusion_lengths_mean_the_same_as_those_of_a_medium():
    length, images = tf.constant([5.0, 10.0]), tf.zeros((2, *LATTICE, 1))
    decay = solver_arguments(images, "fixed_value", MEDIUM, length)["decay"]
    expected = [MEDIUM.with_diffusion_length(number).decay for number in (5.0, 10.0)]
    np.testing.assert_allclose(decay, expected, rtol=1e-14)


def test_it_runs_where_diffkeras_is_not_installed(exported, images, without_diffkeras):
    production = np.random.default_rng(0).normal(size=images.shape).astype(np.float32)
    np.save(exported.with_name("images.npy"), images)
    np.save(exported.with_name("production.npy"), production)
    without_diffkeras(PROGRAM, exported.parent)
    truth = np.stack([solve(image, medium=MEDIUM).field for image in images[..., 0]])[..., None]
    arrays = np.load(exported.with_name("fields.npz"))
    assert np.abs(arrays["serve"] - truth).max() < 2e-6
    np.testing.assert_allclose(arrays["one"], truth[:1], atol=2e-6)
    assert same_to_rounding(arrays["default"], arrays["serve"])
    np.testing.assert_array_equal(arrays["fixed"], images)  # every node is fixed
    solver, s = TensorSolver(LATTICE, MEDIUM, "float64"), production[..., 0]
    produced = solver.solve(production=s).field[..., None]
    np.testing.assert_allclose(arrays["production"], produced, atol=2e-6 * np.abs(produced).max())
    both = solver.solve(images[..., 0], production=s).field[..., None]
    np.testing.assert_allclose(arrays["general"], both, atol=2e-6 * np.abs(both).max())


def test_proofs_hold_where_diffkeras_is_not_installed(exported, images):
    """From the run of `test_it_runs_where_diffkeras_is_not_installed`."""
    arrays = np.load(exported.with_name("fields.npz"))
    truth = np.stack([solve(image, medium=MEDIUM).field for image in images[..., 0]])[..., None]
    assert same_to_rounding(arrays["certified_field"], arrays["serve"])
    for name in ("certified", "refined"):
        errors = np.abs(arrays[f"{name}_field"] - truth)
        assert (errors <= arrays[f"{name}_node_bound"]).all()
        bound = arrays[f"{name}_error_bound"]
        np.testing.assert_array_equal(bound, arrays[f"{name}_node_bound"].max((1, 2, 3)))
        assert (bound < 1e-5).all()
    errors = np.abs(arrays["certified_corrected"] - truth).max((1, 2, 3))
    assert (errors <= arrays["certified_corrected_error_bound"]).all()


def test_arrays_of_other_types_are_converted_and_tensors_must_be_float32(loaded, images):
    whole = (images != 0).astype(np.int64)
    expected = loaded.serve(np.float32(whole))
    for values in (whole, whole.astype(bool), whole.astype(float), whole.tolist()):
        np.testing.assert_array_equal(loaded.serve(values), expected)
    for dtype in (tf.float64, tf.int32, tf.bool):
        with pytest.raises((TypeError, tf.errors.InvalidArgumentError), match="float32"):
            loaded.serve(tf.cast(whole, dtype))


REFUSED = tf.errors.InvalidArgumentError
NOT_FINITE = r"must be finite.*\[nan\] \[at \[image row column\]\] \[1 2 3\]"


def test_inputs_that_are_refused(loaded, images):
    wrong, nothing = images.copy(), images[:0]
    wrong[1, 2, 3] = np.nan
    one = {
        "serve": loaded.serve,
        "serve_general": lambda x: loaded.serve_general(0 * x, 0 * x > 0, x),
        "certified": loaded.certified,
        "refined": lambda x: loaded.refined(x, 1e-3),
    }
    for name, function in one.items():
        with pytest.raises(REFUSED, match=NOT_FINITE if "serve" in name else "must be finite"):
            function(wrong)
        for shape in ((1, 20, 16, 1), (1, 1, 1, 1), (2, 16, 21, 1)):
            with pytest.raises(REFUSED, match="16×20 nodes"):
                function(np.zeros(shape, np.float32))
        assert len(tf.nest.flatten(function(nothing))[0]) == 0
    for shape in ((1, 1, 1, 1), (2, 16, 1, 1)):
        with pytest.raises(REFUSED, match="16×20 nodes"):
            loaded.serve_general(images, np.ones(shape, bool), images)
    with pytest.raises(REFUSED):
        loaded.serve_general(images, np.ones((3, *LATTICE, 1), bool), images)
    for tolerance, message in ((1e-12, "smallest that can be promised"), (0.0, "positive")):
        with pytest.raises(REFUSED, match=message):
            loaded.refined(images, tolerance)


def test_the_description_names_lattice_and_medium(exported, loaded):
    description = json.loads((exported / "diffkeras.json").read_text())
    assert (description["format"], description["kind"]) == (1, "solver")
    assert description["versions"].keys() == {"diffkeras", "tensorflow", "keras"}
    physics = description["physics"]
    assert physics.pop("lattice") == list(LATTICE)
    assert physics.pop("sources") == "fixed_value"
    assert Medium(**physics) == MEDIUM
    for name, inputs in description["functions"].items():
        assert {*loaded.signatures[name].structured_input_signature[1]} == {*inputs}


def test_sources_that_produce_are_what_a_surrogate_s_are(exported, images, tmp_path):
    solver = TensorSolver(LATTICE, MEDIUM, "float32")
    shutil.copytree(exported, tmp_path / "solver")  # an earlier export, which is replaced
    solver.export(tmp_path / "solver", sources="production")
    loaded = tf.saved_model.load(str(tmp_path / "solver"))
    produced = MEDIUM.decay * images[..., 0].astype(float)
    exact = exact_fields(problems_of(production=produced, medium=MEDIUM))
    proof, solved = loaded.certified(images), loaded.refined(images, 1e-6)
    for field in (loaded.serve(images), proof["field"], proof["corrected"], solved["field"]):
        np.testing.assert_allclose(field[..., 0], exact, rtol=0, atol=1e-6)
    error, bound = np.abs(proof["corrected"][..., 0] - exact), proof["corrected_error_bound"]
    assert (error.max((1, 2)) <= bound.numpy()).all()
    assert (bound.numpy() < 1e-7).all()
    with pytest.raises(PhysicsError, match="decay"):
        TensorSolver(LATTICE, decay=0.0).export(tmp_path, sources="production")
    with pytest.raises(PhysicsError, match="'fixed'"):
        solver.export(tmp_path, sources="fixed")


def test_nothing_but_an_earlier_export_is_replaced(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("mine")
    for place in (tmp_path, notes):
        with pytest.raises(OutputError):
            TensorSolver(LATTICE).export(place)
    assert [*tmp_path.iterdir()] == [notes]
