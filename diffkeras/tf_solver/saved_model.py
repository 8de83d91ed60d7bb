"""The exact solver as a SavedModel, which runs without diffkeras."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.physics import Medium
from diffkeras.system.atomic_files import check_replaceable
from diffkeras.system.tensorflow_setup import SAVED_MODEL, write_saved_model
from diffkeras.tf_solver.images import checked

# sides are left open, so that the graph itself compares them and says what it expects
SHAPE = (None, None, None, 1)
INPUTS = {
    "source_images": tf.TensorSpec(SHAPE, tf.float32, name="source_images"),
    "fixed": tf.TensorSpec(SHAPE, tf.bool, name="fixed"),
    "production": tf.TensorSpec(SHAPE, tf.float32, name="production"),
}
FUNCTIONS = {
    "serve": ["source_images"],
    "serve_fixed": ["source_images", "fixed"],
    "serve_production": ["production"],
    "serve_general": ["source_images", "fixed", "production"],
}
EQUATION = "D∇²u − γu + production = 0 on the free nodes, u = source image on the fixed ones"


def write_solver(
    path: Path,
    solve: Callable[..., tf.Tensor],
    lattice: tuple[int, int],
    medium: Medium,
    arrays: list[tf.Tensor],
) -> None:
    """Write the SavedModel of a `TensorSolver.solve`, as `TensorSolver.export` describes it.

    `arrays` are those that its functions share.
    """
    check_replaceable(path, SAVED_MODEL)
    rows, columns = lattice

    def on_lattice(images: tf.Tensor | None) -> tf.Tensor | None:
        if images is None:
            return None
        sides = tf.shape(images)[1:3]
        message = f"the solver was exported for {rows}×{columns} nodes, not"
        images = checked(images, tf.reduce_all(sides == lattice), message, sides)
        return tf.ensure_shape(images, (None, *lattice, 1))[..., 0]

    def fields(
        source_images: tf.Tensor | None, fixed: tf.Tensor | None, production: tf.Tensor | None
    ) -> tf.Tensor:
        images = on_lattice(source_images)
        if fixed is not None:
            fixed = tf.broadcast_to(fixed[..., 0], tf.shape(images))
        return solve(images, fixed, production=on_lattice(production))[..., None]

    functions = {
        "serve": lambda source_images: fields(source_images, None, None),
        "serve_fixed": lambda source_images, fixed: fields(source_images, fixed, None),
        "serve_production": lambda production: fields(None, None, production),
        "serve_general": fields,
    }
    module, signatures = tf.Module(), {}
    module.arrays = arrays
    for name, inputs in FUNCTIONS.items():
        function = tf.function(functions[name], [INPUTS[one] for one in inputs])
        setattr(module, name, function)
        signatures[name] = function.get_concrete_function()
    signatures["serving_default"] = signatures["serve"]
    numbers = f"float32 (batch, {rows}, {columns}, 1)"
    description: dict[str, Any] = {
        "physics": {"lattice": lattice, **asdict(medium)},
        "equation": EQUATION,
        "functions": FUNCTIONS,
        "input": f"source images, {numbers}, linear scale; fixed, bool, of the same shape or with "
        f"a batch of 1; production, {numbers}, linear scale, per unit of time",
        "output": f"fields, {numbers}, linear scale",
    }
    write_saved_model(path, module, signatures, description)
