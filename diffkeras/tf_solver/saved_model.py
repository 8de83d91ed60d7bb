"""The exact solver as a SavedModel, which needs TensorFlow and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.physics import Medium
from diffkeras.system.atomic_files import check_replaceable
from diffkeras.system.saved_model import MARK, write_saved_model


def export_solver(
    solve: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
    lattice: tuple[int, int],
    medium: Medium,
    path: Path,
) -> None:
    """Write a solver with the signatures that `TensorSolver.export` describes.

    Args:
        solve: float32 source images and bool fixed nodes → fields, each (batch, rows, columns).
        lattice: (rows, columns).
        medium: of the solver; recorded in `diffkeras.json`.
        path: the directory.

    Raises:
        OutputError: the directory can't be written, or contains something other than a SavedModel.
    """
    check_replaceable(path, MARK)
    # sides are left open, so that the graph itself compares them and says what it expects
    image = (None, None, None, 1)
    images = tf.TensorSpec(image, tf.float32, name="source_images")

    def fields(source_images: tf.Tensor, fixed: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([_assert_lattice(source_images, lattice)]):
            values = tf.identity(source_images)
        values.set_shape((None, *lattice, 1))
        return solve(values[..., 0], tf.broadcast_to(fixed, tf.shape(values))[..., 0])[..., None]

    module = tf.Module()
    module.serve = tf.function(
        lambda source_images: fields(source_images, source_images != 0.0), [images]
    )
    mask = tf.TensorSpec(image, tf.bool, name="fixed")
    module.serve_fixed = tf.function(fields, [images, mask])
    serve, serve_fixed = (f.get_concrete_function() for f in (module.serve, module.serve_fixed))
    signatures = {"serving_default": serve, "serve": serve, "serve_fixed": serve_fixed}
    write_saved_model(path, module, signatures, _description(lattice, medium))


def _assert_lattice(images: tf.Tensor, lattice: tuple[int, int]) -> tf.Operation:
    sides = tf.shape(images)[1:3]
    message = f"the solver was exported for source images of {lattice[0]}×{lattice[1]} nodes, not"
    return tf.debugging.Assert(tf.reduce_all(sides == lattice), [message, sides])


def _description(lattice: tuple[int, int], medium: Medium) -> dict[str, Any]:
    images = f"float32 (batch, {lattice[0]}, {lattice[1]}, 1), linear scale"
    return {
        "physics": {
            "lattice": lattice,
            "step": medium.step,
            "diffusivity": medium.diffusivity,
            "decay": medium.decay,
            "boundary": medium.boundary,
        },
        "input": f"source images, {images}; for serve_fixed also the fixed nodes, bool",
        "output": f"fields, {images}",
    }
