"""SavedModel functions that return fields with proofs, for surrogates and the solver alike."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, get_args

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.physics import Medium
from diffkeras.system.tensorflow_setup import named_function
from diffkeras.tf_solver.bounds.certificate import TensorCertificate
from diffkeras.tf_solver.bounds.refinement import TensorRefinement
from diffkeras.tf_solver.images import Part, checked, exact_numbers

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
    """What the functions need of a `TensorSolver` or `VaryingSolver`."""

    lattice: tuple[int, int]
    medium: Medium

    def certify(self, *args: Any, **kwargs: Any) -> TensorCertificate: ...  # noqa: D102
    def refine(self, *args: Any, **kwargs: Any) -> TensorRefinement: ...  # noqa: D102


def check_sources(sources: Sources, medium: Medium) -> None:
    """Raise a PhysicsError for sources of another name, or whose production is 0."""
    if sources not in get_args(Sources):
        raise PhysicsError(f"sources must be {' or '.join(get_args(Sources))}, not {sources!r:.60}")
    if sources == "production" and not medium.decay:
        raise PhysicsError("sources produce decay × their value, which is 0 with decay 0")


def posed(
    source_images: tf.Tensor,
    sources: Sources,
    medium: Medium,
    media: Mapping[str, tf.Tensor] | None = None,
) -> dict[str, tf.Tensor]:
    """The arguments of a solver for source images x, (batch, rows, columns, 1).

    Sources hold the field at x, or produce γx, which is float64. `media` are what differs between
    images: `diffusion_length`, (batch,), or the maps `diffusivity` and `decay`, of the shape of x.
    """
    images, decay = source_images[..., 0], medium.decay
    given = dict(media or {})
    if "diffusion_length" in given:
        length = tf.cast(given["diffusion_length"], tf.float64)
        given = {"decays": float(medium.diffusivities[0]) / length**2}
        decay = given["decays"][:, None, None]
    else:
        given = {name: values[..., 0] for name, values in given.items()}
    if sources == "fixed_value":
        return {"source_images": images, **given}
    values, exact = exact_numbers(Part("source images", images))
    return {"production": tf.where(exact, values * decay, np.nan), **given}


def on_lattice(images: tf.Tensor, lattice: tuple[int, int]) -> tf.Tensor:
    """Images (batch, rows, columns, 1); an InvalidArgumentError for those of another lattice."""
    sides = tf.shape(images)[1:3]
    message = f"this function was exported for {lattice[0]}×{lattice[1]} nodes, not"
    images = checked(images, tf.reduce_all(sides == lattice), message, sides)
    return tf.ensure_shape(images, (None, *lattice, 1))


def proof_functions(
    predict: Callable[..., tf.Tensor],
    solver: Solver,
    sources: Sources,
    media: Sequence[tf.TensorSpec] = (),
) -> dict[str, Any]:
    """The functions `certified` and `refined` of a SavedModel, by their names.

    Args:
        predict: turns source images (batch, rows, columns, 1), and what else `media` lists, into
            fields of the same shape, and checks its arguments.
        solver: of the equation, which gives the proofs.
        sources: what source images stand for.
        media: the inputs that say how the media of images differ, for `posed`.
    """

    def prepared(
        source_images: tf.Tensor, values: Sequence[tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        source_images = on_lattice(source_images, solver.lattice)
        prediction = predict(source_images, *values)
        with tf.control_dependencies([prediction]):  # what it checks must not fail elsewhere first
            given = {spec.name: tf.identity(v) for spec, v in zip(media, values, strict=True)}
        return prediction, posed(source_images, sources, solver.medium, given)

    def certified(source_images: tf.Tensor, *values: tf.Tensor) -> dict[str, tf.Tensor]:
        prediction, problem = prepared(source_images, values)
        field, error_bound, node_bound = solver.certify(prediction[..., 0], **problem)
        return {
            "field": field[..., None],
            "error_bound": error_bound,
            "node_bound": node_bound[..., None],
            "prediction": tf.identity(prediction),
        }

    def refined(source_images: tf.Tensor, *others: tf.Tensor) -> dict[str, tf.Tensor]:
        *values, tolerance = others
        prediction, problem = prepared(source_images, values)
        field, error_bound, rounds = solver.refine(
            prediction[..., 0], **problem, tolerance=tolerance
        )
        return {"field": field[..., None], "error_bound": error_bound, "rounds": rounds}

    inputs = [SOURCE_IMAGES, *media]
    return {
        "certified": named_function(certified, inputs),
        "refined": named_function(refined, [*inputs, TOLERANCE]),
    }
