"""SavedModel functions that return fields with proofs, for surrogates and the solver alike."""

from collections.abc import Callable
from typing import Any, Literal, Protocol, get_args

import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium
from diffkeras.tf_solver.certificate import TensorCertificate
from diffkeras.tf_solver.images import checked, normal_numbers
from diffkeras.tf_solver.refinement import TensorRefinement

Sources = Literal["fixed_value", "production"]

# sides are left open, so that the graph itself compares them and says what it expects
SHAPE = (None, None, None, 1)
SOURCE_IMAGES = tf.TensorSpec(SHAPE, tf.float32, name="source_images")
TOLERANCE = tf.TensorSpec((), tf.float32, name="tolerance")
PROOFS = {
    "certified": (["source_images"], ["field", "error_bound", "node_bound", "prediction"]),
    "refined": (["source_images", "tolerance"], ["field", "error_bound", "rounds"]),
}


class Solver(Protocol):
    """What the functions need of a `TensorSolver`."""

    lattice: tuple[int, int]
    medium: Medium

    def solve(self, *args: Any, **kwargs: Any) -> tf.Tensor: ...  # noqa: D102
    def certify(self, *args: Any, **kwargs: Any) -> TensorCertificate: ...  # noqa: D102
    def refine(self, *args: Any, **kwargs: Any) -> TensorRefinement: ...  # noqa: D102


def check_sources(sources: Sources, medium: Medium) -> None:
    """Raise a PhysicsError for sources of another name, or whose production is 0."""
    if sources not in get_args(Sources):
        raise PhysicsError(f"sources must be {' or '.join(get_args(Sources))}, not {sources!r:.60}")
    if sources == "production" and not medium.decay:
        raise PhysicsError("sources produce decay × their value, which is 0 with decay 0")


def posed(source_images: tf.Tensor, sources: Sources, medium: Medium) -> dict[str, tf.Tensor]:
    """The arguments of `TensorSolver.solve` for source images x, (batch, rows, columns, 1).

    Sources hold the field at x, or produce γx, which is float64.
    """
    images = source_images[..., 0]
    if sources == "fixed_value":
        return {"source_images": images}
    return {"production": tf.cast(normal_numbers(images), tf.float64) * float(medium.decay)}


def on_lattice(images: tf.Tensor, lattice: tuple[int, int]) -> tf.Tensor:
    """Images (batch, rows, columns, 1); an InvalidArgumentError for those of another lattice."""
    sides = tf.shape(images)[1:3]
    message = f"this function was exported for {lattice[0]}×{lattice[1]} nodes, not"
    images = checked(images, tf.reduce_all(sides == lattice), message, sides)
    return tf.ensure_shape(images, (None, *lattice, 1))


def proof_functions(
    predict: Callable[[tf.Tensor], tf.Tensor], solver: Solver, sources: Sources
) -> dict[str, Any]:
    """The functions `certified` and `refined` of a SavedModel, by their names.

    `predict` turns source images (batch, rows, columns, 1) into fields of the same shape.
    """

    @tf.function(input_signature=[SOURCE_IMAGES], autograph=False)
    def certified(source_images: tf.Tensor) -> dict[str, tf.Tensor]:
        source_images = on_lattice(source_images, solver.lattice)
        prediction = predict(source_images)
        problem = posed(source_images, sources, solver.medium)
        field, error_bound, node_bound = solver.certify(prediction[..., 0], **problem)
        return {
            "field": field[..., None],
            "error_bound": error_bound,
            "node_bound": node_bound[..., None],
            "prediction": tf.identity(prediction),
        }

    @tf.function(input_signature=[SOURCE_IMAGES, TOLERANCE], autograph=False)
    def refined(source_images: tf.Tensor, tolerance: tf.Tensor) -> dict[str, tf.Tensor]:
        source_images = on_lattice(source_images, solver.lattice)
        problem = posed(source_images, sources, solver.medium)
        field, error_bound, rounds = solver.refine(
            predict(source_images)[..., 0], **problem, tolerance=tolerance
        )
        return {"field": field[..., None], "error_bound": error_bound, "rounds": rounds}

    return {"certified": certified, "refined": refined}
