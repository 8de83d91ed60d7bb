"""Random problems in graphs, compiled by XLA and not: no bound is below the error, no field wrong.

A problem that isn't usable must raise an error or, where XLA compiles the function, give a field of
NaN and infinite bounds.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from graph_problems import REFERENCE, GraphBatch, Kind, compiled, graph_batch
from random_problems import promised

from diffkeras.physics import Medium
from diffkeras.tf_solver import CertifiedField, TensorCertificate, TensorSolution, TensorSolver

MEDIA = [
    Medium(decay=0.02),
    Medium((1.0, 2.0), 1e-6, 0.5, ("reflecting", "periodic")),
    Medium(3.0, 0.0, boundary="reflecting"),
    Medium(1e-9, 1e-12, 2.0, ("periodic", "absorbing")),
]
VARYING = [MEDIA[0], Medium(3.0, 1e-3, boundary="reflecting"), MEDIA[3]]
LATTICES = [(9, 14), (1, 1), (1, 11), (12, 7), (2, 2), (16, 11)]
UNIFORM: list[Kind] = ["fixed", "masked", "produced"]
NEAR = 2e-5  # error of a float32 field, relative to its largest |value|
TOLERANCE = 1e-3
REFUSED = r"must be finite|scale the image|no node is fixed|decay must be|diffusivity must be"
# tracing and compiling by XLA takes most of the time
XLA = pytest.mark.parametrize(
    "xla", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["graph", "xla"]
)

Function = Callable[..., Any]
Proof = dict[str, np.ndarray]


def assert_bounded(batch: GraphBatch, chosen: np.ndarray, fields: Any, bounds: Any) -> None:
    """Bounds, (n, 1, 1) or node by node, are at least the errors of fields."""
    assert not np.isnan(bounds).any()
    most = np.broadcast_to(bounds, fields.shape).astype(np.longdouble)
    assert np.isinf(most[~np.isfinite(fields)]).all()
    slack = REFERENCE * np.broadcast_to(batch.sizes[chosen][:, None, None], fields.shape)
    known = np.isfinite(most)
    errors = np.abs(fields[known].astype(np.longdouble) - batch.exact[chosen][known])
    assert (errors <= (most + slack)[known]).all()


def assert_proven(batch: GraphBatch, chosen: np.ndarray, proof: Proof) -> None:
    """Bounds of improved fields, and of the predicted ones where a certificate has them."""
    assert_bounded(batch, chosen, proof["improved"], proof["bound"][:, None, None])
    fixed = batch.fixed[chosen]
    np.testing.assert_array_equal(proof["improved"][fixed], batch.fixed_values[chosen][fixed])
    if "node_bound" in proof:
        assert_bounded(batch, chosen, batch.predictions[chosen], proof["node_bound"])


def assert_nothing_known(proof: Proof) -> None:
    assert np.isnan(proof["improved"]).all()
    assert np.isinf(proof["bound"]).all()
    assert np.isinf(proof.get("node_bound", np.inf)).all()


def arrays(proof: Any) -> Proof:
    """What a function returns, as arrays; with certificates, the bounds of predicted fields."""
    if isinstance(proof, TensorCertificate):
        improved, bound, _ = proof.corrected
        result = {"improved": improved, "bound": bound, "node_bound": proof.node_bound}
    elif isinstance(proof, TensorSolution):
        result = {"improved": proof.field, "bound": proof.error_bound}
    elif "corrected" in proof:
        result = {"improved": proof["corrected"], "bound": proof["corrected_error_bound"]}
        result |= {name: proof[name] for name in ("node_bound",) if name in proof}
    else:
        result = {"improved": proof["field"], "bound": proof["error_bound"]}
    return {n: v.numpy()[..., 0] if len(v.shape) == 4 else v.numpy() for n, v in result.items()}


def outcome(call: Function, batch: GraphBatch, chosen: Any) -> Any:
    """The proof of some problems, as arrays, or the error."""
    try:
        return arrays(call(batch.predictions[chosen], **batch.part(np.array(chosen))))
    except tf.errors.InvalidArgumentError as error:
        return error


def check_proofs(function: Function, batch: GraphBatch, xla: bool) -> int:
    """The number of problems that a function, of predictions and arguments, has proven."""
    call, right = compiled(function, batch, xla), batch.usable
    if xla:
        proof = arrays(call(batch.predictions, **batch.arguments))
        assert_nothing_known({name: part[~right] for name, part in proof.items()})
        proof = {name: part[right] for name, part in proof.items()}
    else:
        for k in np.flatnonzero(~right):
            assert re.search(REFUSED, str(outcome(call, batch, [k])))
        if not right.any():
            return 0
        proof = arrays(call(batch.predictions[right], **batch.part(right)))
    assert_proven(batch, right, proof)
    return int(np.isfinite(proof["bound"]).sum())


def check_solved(function: Function, batch: GraphBatch, xla: bool) -> int:
    """The number of problems whose tolerance is met; XLA drops the check that it is."""
    if xla:
        return check_proofs(function, batch, xla)
    call, right, met = compiled(function, batch, xla), batch.usable, 0
    for k in np.flatnonzero(right):
        proof = outcome(call, batch, [k])
        if isinstance(proof, Exception):
            assert promised(proof) > TOLERANCE
            continue
        assert_proven(batch, np.array([k]), proof)
        assert proof["bound"] <= TOLERANCE * batch.sizes[k] * (1 + 1e-6)
        met += 1
    return met


def check_fields(function: Function, batch: GraphBatch, xla: bool) -> int:
    """The number of fields that a function of predictions and arguments solves."""
    largest, made = (np.abs(part).max((1, 2)) for part in (batch.fixed_values, batch.supply))
    least = np.maximum(largest, np.minimum(made, made / batch.medium.unit))
    call = compiled(function, batch, xla)
    right = batch.solvable & ((np.maximum(largest, made) == 0) | (least >= 1e-32))
    if xla:
        fields = call(batch.predictions, **batch.arguments).numpy()
        assert np.isnan(fields[~right]).all()
        fields = fields[right]
    else:
        for k in np.flatnonzero(~right):
            with pytest.raises(tf.errors.InvalidArgumentError, match=REFUSED):
                call(batch.predictions[[k]], **batch.part([k]))
        if not right.any():
            return 0
        fields = call(batch.predictions[right], **batch.part(right)).numpy()
    solved, sizes = np.isfinite(fields).all((1, 2)), batch.sizes[right]
    assert (sizes[~solved] > 1e38).all()  # too large for float32
    errors = np.abs(fields.astype(np.longdouble) - batch.exact[right]).max((1, 2))
    assert (errors <= NEAR * sizes)[solved].all()
    return int(solved.sum())


def check_uniform(
    kinds: list[Kind],
    lattice: tuple[int, int],
    medium: Medium,
    size: int,
    seed: int,
    by_xla: Sequence[Kind] = UNIFORM,
) -> None:
    """All functions of a `TensorSolver`, on `size` problems of each kind, some also by XLA."""
    solver, solved = TensorSolver(lattice, medium, "float32"), 0
    functions: list[tuple[Any, Function]] = [
        (check_proofs, lambda predicted, **inputs: solver.certify(predicted, **inputs)),
        (check_solved, partial(solved_by, solver)),
        (check_fields, lambda _, **inputs: solver.solve(**inputs).field),
    ]
    for number, kind in enumerate(kinds):
        batch = graph_batch(kind, lattice, medium, size, (seed, number))
        for check, function in functions:
            # the ring systems of fixed values can't be compiled
            compiles = check is check_proofs or kind == "produced"
            ways = [False, True] if compiles and kind in by_xla else [False]
            solved += sum(check(function, batch, xla) for xla in ways)
    unsolvable = medium.is_closed and not medium.decay and kinds == ["produced"]
    assert solved > size or unsolvable


def solved_by(solver: Any, prediction: tf.Tensor, **inputs: tf.Tensor) -> Any:
    return solver.solve(**inputs, initial=prediction, tolerance=TOLERANCE)


QUICK: list[tuple[list[Kind], tuple[int, int], Medium]] = [
    (["fixed"], (9, 14), MEDIA[0]),
    (["masked"], (1, 11), MEDIA[1]),
]


@pytest.mark.parametrize(("kinds", "lattice", "medium"), QUICK, ids=range(len(QUICK)))
def test_no_function_is_silently_wrong(kinds, lattice, medium):
    # XLA compiles for seconds, and with a mask compiles all that it does without
    check_uniform(kinds, lattice, medium, 12, 0, by_xla=["masked"])


@pytest.mark.slow
@pytest.mark.parametrize("lattice", LATTICES, ids=str)
@pytest.mark.parametrize("medium", MEDIA, ids=range(len(MEDIA)))
def test_no_function_is_silently_wrong_in_ten_thousand_problems(lattice, medium):
    check_uniform(UNIFORM, lattice, medium, 140, 1)


def check_varying(lattice: tuple[int, int], medium: Medium, size: int, xla: bool) -> None:
    batch, solver = graph_batch("varying", lattice, medium, size, 2), TensorSolver(lattice, medium)
    assert check_proofs(lambda predicted, **inputs: solver.certify(predicted, **inputs), batch, xla)
    if not xla:
        assert check_solved(partial(solved_by, solver), batch, xla)


@XLA
def test_no_function_of_media_that_vary_is_silently_wrong(xla):
    check_varying((5, 6), MEDIA[0], 25, xla)


@pytest.mark.slow
@XLA
@pytest.mark.parametrize("lattice", LATTICES, ids=str)
@pytest.mark.parametrize("medium", VARYING, ids=range(3))
def test_no_function_of_media_that_vary_is_silently_wrong_in_many_problems(lattice, medium, xla):
    check_varying(lattice, medium, 60, xla)


def layer_of(layer: keras.layers.Layer, prediction: tf.Tensor, source_images: tf.Tensor) -> Any:
    return layer(prediction[..., None], source_images[..., None])


@XLA
def test_layers_prove_nothing_wrong(xla):
    for kind, sources in (("fixed", "fixed_value"), ("released", "production")):
        batch = graph_batch(kind, (7, 9), MEDIA[0], 25, 3)
        layer = CertifiedField((7, 9), MEDIA[0], sources, "float32")
        assert check_proofs(partial(layer_of, layer), batch, xla) > 5


def loaded_proof(model: Any, name: str, images: tf.Tensor) -> dict[str, tf.Tensor]:
    options = {"tolerance": TOLERANCE} if name == "refined" else {}
    proof = getattr(model, name)(images[..., None], **options)
    # the predicted field is the model's own
    return {key: values for key, values in proof.items() if key != "node_bound"}


@pytest.mark.slow  # quick: `test_saved_model.py`
@pytest.mark.parametrize("xla", [False, True], ids=["graph", "xla"])
def test_exported_solvers_prove_nothing_wrong(xla, tmp_path):
    lattice, medium = (7, 9), MEDIA[0]
    solver = TensorSolver(lattice, medium, "float32")
    solver.export(tmp_path / "solver", sources="production")
    model = tf.saved_model.load(tmp_path / "solver")
    batch = graph_batch("released", lattice, medium, 25, 4)
    for name, check in (("certified", check_proofs), ("refined", check_solved)):
        function = partial(loaded_proof, model, name)
        assert check(lambda _, source_images, f=function: f(source_images), batch, xla) > 5
    batch = graph_batch("produced", lattice, medium, 25, 5)

    def served(_: tf.Tensor, production: tf.Tensor) -> tf.Tensor:
        return model.serve_production(production[..., None])[..., 0]

    assert check_fields(served, batch, xla) > 5
