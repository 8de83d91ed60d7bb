"""A reduced basis as a SavedModel: from parameters to fields, for programs without diffkeras.

It computes `ReducedBasis.fields`. The kernel's weights cancel each other, so the coefficients are
computed in double precision; the product with the basis is in single precision.
"""

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from diffkeras.graph.checks import checked
from diffkeras.graph.export import describe_export
from diffkeras.physics import Family, ReducedBasis
from diffkeras.physics.problem.given_sides import plain_sides
from diffkeras.physics.problem.parts import parts_of
from diffkeras.system.saved_models import (
    check_saved_model_output,
    named_function,
    tell_what_is_replaced,
    write_saved_model,
)

EQUATION = "∇·(D∇u) − γu − φ(u) + s = 0 on the free nodes, with the family's parts"


def export_basis(basis: ReducedBasis, path: Path) -> None:
    """Write the SavedModel of a basis; see `ReducedBasis.export`."""
    check_saved_model_output(path)
    tell_what_is_replaced(path)
    family, regression = basis.family, basis.regression
    names, lattice, scaling = family.names, family.problem.lattice, family.scaling
    low, high = family.low, family.high
    # parameters may be rounded to single precision before
    slack = np.finfo(np.float32).eps * np.maximum(np.abs(low), np.abs(high))
    message = f"parameters {', '.join(names)} must lie within {low} to {high}, not"

    def variable(values: Any, kind: Any) -> tf.Variable:
        return tf.Variable(values, trainable=False, dtype=kind)

    rows = variable(np.concatenate([basis.rows, family.rows_of_values()]), tf.float32)
    lengths = regression.spread * regression.lengths
    kernel = (regression.centre, lengths, regression.points, regression.weights)
    centre, divisor, points, weights = (variable(each, tf.float64) for each in kernel)

    def serve(parameters: tf.Tensor) -> tf.Tensor:
        inside = tf.reduce_all((parameters >= low - slack) & (parameters <= high + slack), axis=1)
        values = checked(parameters, tf.reduce_all(inside), message, parameters)
        normal = (scaling.inputs(values, tnp) - centre) / divisor
        # not |x|² + |y|² − 2x·y, whose gradient is inexact where points are near
        squares = tf.reduce_sum(tf.square(normal[:, None] - points), axis=2)
        coefficients = tf.exp(-0.5 * squares) @ weights
        scale, one = scaling.scales(values, tnp), tf.ones_like(values[:, :1])
        factors = tf.concat([scale * coefficients, scale, values, one], axis=1)
        fields = tf.reshape(tf.cast(factors, tf.float32) @ rows, (-1, *lattice))
        # XLA drops the check
        return tf.where(tf.reshape(inside, (-1, *[1] * len(lattice))), fields, np.float32(np.nan))

    spec = tf.TensorSpec((None, len(names)), tf.float64, name="parameters")
    ranges = zip(names, zip(low.tolist(), high.tolist(), strict=True), strict=True)
    description = describe_export(
        "basis",
        physics={
            "lattice": list(lattice),
            **_fixed_medium(family),
            "parameters": {name: list(ends) for name, ends in ranges},
        },
        equation=EQUATION,
        functions={"serve": ["parameters"]},
        input=f"parameters, float64 (batch, {len(names)}), in the order of physics.parameters",
        output="fields, float32 (batch, *lattice)",
    )
    functions = {"serve": named_function(serve, [spec])}
    write_saved_model(path, functions, [rows, centre, divisor, points, weights], description)


def _fixed_medium(family: Family) -> dict[str, Any]:
    """What of the medium is the same for all parameters, without maps, for `diffkeras.json`."""
    problem, medium = family.problem, family.problem.medium
    varying = {parameter.part for parameter in family.parameters}
    maps = {name for name, part in parts_of(problem).items() if np.ndim(part)}
    left_out = {name.partition(".")[0] for name in varying | maps}
    content = {
        "step": medium.step,
        "diffusivity": medium.diffusivity,
        "decay": medium.decay,
        "boundary": plain_sides(medium.boundary),
    }
    return {name: part for name, part in content.items() if name not in left_out}
