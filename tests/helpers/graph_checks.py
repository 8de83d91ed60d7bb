"""What functions in graphs must do with random batches of problems.

No bound is below the error, and no field is wrong. A problem that isn't usable must raise an error
or, where XLA compiles the function, give a field of NaN and infinite bounds.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from diffkeras.graph import TensorCertificate, TensorSolution, TensorSolver
from tests.helpers.graph_batches import (
    LATTICES,
    MEDIA,
    REFERENCE,
    GraphBatch,
    Kind,
    graph_batch,
)
from tests.helpers.random_problems import promised

NEAR = 2e-5  # error of a float32 field, relative to its largest |value|
REFUSED = r"must be finite|scale the image|no node is fixed|decay must be|diffusivity must be"
Function = Callable[..., Any]
Proof = dict[str, np.ndarray]


def compiled(function: Function, inputs: dict[str, np.ndarray], xla: bool | None) -> Function:
    """A function of arguments of these names in a graph, for batches of any size.

    None for `xla` runs it without a graph.
    """
    if xla is None:
        return function
    specs = [tf.TensorSpec((None, *values.shape[1:]), values.dtype) for values in inputs.values()]
    graph = tf.function(
        lambda *values: function(**dict(zip(inputs, values, strict=True))),
        input_signature=specs,
        jit_compile=xla,
        autograph=False,
    )
    return lambda **values: graph(*(values[name] for name in inputs))


def assert_bounded(batch: GraphBatch, chosen: Any, fields: Any, bounds: Any) -> None:
    """Bounds of nodes are at least the errors of fields."""
    assert not np.isnan(bounds).any()
    most = bounds.astype(np.longdouble)
    assert np.isinf(most[~np.isfinite(fields)]).all()
    slack = REFERENCE * np.broadcast_to(batch.sizes[chosen][:, None, None], fields.shape)
    known = np.isfinite(most)
    errors = np.abs(fields[known].astype(np.longdouble) - batch.exact[chosen][known])
    assert (errors <= (most + slack)[known]).all()


def assert_proven(batch: GraphBatch, chosen: Any, proof: Proof) -> None:
    """Bounds of improved fields, and of the predicted ones where a certificate has them."""
    improved, fixed, bounds = proof["improved"], batch.fixed[chosen], proof["improved_node_bound"]
    np.testing.assert_array_equal(improved[fixed], batch.fixed_values[chosen][fixed])
    assert_bounded(batch, chosen, improved, bounds)
    np.testing.assert_array_equal(proof["bound"], bounds.max((1, 2)))
    if "node_bound" in proof:
        assert_bounded(batch, chosen, batch.predictions[chosen], proof["node_bound"])


def assert_nothing_known(proof: Proof) -> None:
    assert np.isnan(proof.pop("improved")).all()
    assert all(np.isinf(bound).all() for bound in proof.values())


def arrays(found: TensorCertificate | TensorSolution) -> Proof:
    """What a function returns, as arrays; with certificates, the bounds of predicted fields."""
    certified = isinstance(found, TensorCertificate)
    solution = found.corrected if certified else found
    proof = {"improved": solution.field, "bound": solution.error_bound}
    proof |= {"improved_node_bound": solution.node_bound}
    proof |= {"node_bound": found.node_bound} if certified else {}
    return {name: np.asarray(values) for name, values in proof.items()}


def check_proofs(function: Function, batch: GraphBatch, xla: bool | None) -> np.ndarray:
    """Certify all problems by a function of predictions and arguments; which have a bound."""
    inputs, right = {"predicted": batch.predictions, **batch.arguments}, batch.usable
    call, proven = compiled(function, inputs, xla), np.zeros(right.size, bool)
    if xla:
        proof = arrays(call(**inputs))
        assert_nothing_known({name: part[~right] for name, part in proof.items()})
        proof = {name: part[right] for name, part in proof.items()}
    else:
        for k in np.flatnonzero(~right):
            with pytest.raises(tf.errors.InvalidArgumentError, match=REFUSED):
                call(**{name: values[[k]] for name, values in inputs.items()})
        if not right.any():
            return proven
        proof = arrays(call(**{name: values[right] for name, values in inputs.items()}))
    assert_proven(batch, right, proof)
    proven[right] = np.isfinite(proof["bound"])
    assert proven[right & batch.easy].all()
    # tolerances are of what a bound leaves of the field
    proven[right] &= proof["bound"] < 0.4 * batch.sizes[right]
    return proven


def check_solved(
    function: Function, batch: GraphBatch, xla: bool | None, chosen: np.ndarray
) -> tuple[int, int]:
    """Solve chosen problems to random tolerances; numbers of those met, and refused at first.

    XLA drops the check that they are met.
    """
    least = -17 if batch.predictions.dtype == np.float64 else -9
    tolerance = 10.0 ** np.random.default_rng(chosen.size).integers(least, -1, chosen.size)
    inputs = {"predicted": batch.predictions, "tolerance": tolerance, **batch.arguments}
    call, met, refused = compiled(function, inputs, xla), 0, 0
    if xla:
        proof = arrays(call(**inputs))
        assert_nothing_known({name: part[~batch.usable] for name, part in proof.items()})
        assert_proven(batch, chosen, {name: part[chosen] for name, part in proof.items()})
        return int((proof["bound"] <= tolerance * batch.sizes)[chosen].sum()), 0
    for k in np.flatnonzero(chosen):
        own = {name: values[[k]] for name, values in inputs.items()}
        try:
            proof = arrays(call(**own))
        except tf.errors.InvalidArgumentError as error:
            refused += 1
            assert promised(error) > own["tolerance"]  # noqa: PT017 - not each is refused
            own["tolerance"] = np.array([promised(error)])
            if np.isinf(own["tolerance"]):  # of a production that hardly anything loses
                assert not batch.fixed[k].any()
                continue
            proof = arrays(call(**own))
        assert_proven(batch, [k], proof)
        assert proof["bound"] <= own["tolerance"] * batch.sizes[k] * (1 + 1e-6)
        met += 1
    return met, refused


def check_fields(function: Function, batch: GraphBatch, xla: bool | None) -> int:
    """The number of fields that a function of arguments solves, as exact as float32."""
    largest, made = (np.abs(part).max((1, 2)) for part in (batch.fixed_values, batch.production))
    least = np.maximum(largest, np.minimum(made, made / batch.medium.unit))
    call = compiled(function, batch.arguments, xla)
    right = batch.solvable & ((np.maximum(largest, made) == 0) | (least >= 0))
    if xla:
        fields = call(**batch.arguments).numpy()
        assert np.isnan(fields[~right]).all()
        fields = fields[right]
    else:
        for k in np.flatnonzero(~right):
            with pytest.raises(tf.errors.InvalidArgumentError, match=REFUSED):
                call(**batch.part([k]))
        if not right.any():
            return 0
        fields = call(**batch.part(right)).numpy()
    solved, sizes = np.isfinite(fields).all((1, 2)), batch.sizes[right]
    assert (sizes[~solved] > 1e38).all()  # too large for float32
    errors = np.abs(fields.astype(np.longdouble) - batch.exact[right]).max((1, 2))
    assert (errors <= NEAR * sizes)[solved].all()
    return int(solved.sum())


def _certified_by(solver: Any, predicted: Any, **inputs: Any) -> Any:
    return solver.certify(predicted, **inputs)


def _solved_by(solver: Any, predicted: Any, tolerance: Any, **inputs: Any) -> Any:
    return solver.solve(**inputs, initial=predicted, tolerance=tolerance)


def check(batch: GraphBatch, ways: Sequence[bool | None], precision: Any = None) -> tuple[int, int]:
    """All that a solver does with a batch; numbers of tolerances met, and refused at first."""
    solver = TensorSolver(batch.predictions.shape[1:], batch.medium, precision)
    counts = np.zeros(2, int)
    for xla in ways:
        proven = check_proofs(partial(_certified_by, solver), batch, xla)
        counts += check_solved(partial(_solved_by, solver), batch, xla, proven)
        if precision == "float32":
            check_fields(lambda **inputs: solver.solve(**inputs).field, batch, xla)
    return int(counts[0]), int(counts[1])


def check_batch(
    kind: Kind, number: int, size: int, dtype: Any, ways: Sequence[bool | None]
) -> tuple[int, int]:
    """`check` a batch of the tables' lattice and medium of a number."""
    lattice, medium = LATTICES[number // 4], MEDIA[number % len(MEDIA)]
    batch = graph_batch(kind, lattice, medium, size, [number, size], dtype)
    return check(batch, ways, np.dtype(dtype).name)
