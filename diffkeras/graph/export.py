"""SavedModels of the exact solver, and the proofs and descriptions that all exports share.

`docs/savedmodel.md` has the functions of SavedModels, and the keys of `diffkeras.json`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import keras
import numpy as np
import tensorflow as tf

from diffkeras._version import __version__
from diffkeras.errors import PhysicsError
from diffkeras.graph.checks import checked, exact_numbers
from diffkeras.graph.proofs import TensorCertificate, TensorSolution
from diffkeras.physics import Medium
from diffkeras.physics.arguments import check_choice
from diffkeras.system.saved_models import (
    check_saved_model_output,
    named_function,
    tell_what_is_replaced,
    write_saved_model,
)

Kind = Literal["surrogate", "solver", "basis"]
SourceMeaning = Literal["fixed_value", "production"]

FORMAT = 1  # version of `diffkeras.json`: counts up when a key gets another meaning, or goes
EQUATION = "D∇²u − γu + production = 0 on the free nodes, u = source image on the fixed ones"
MEANING = {
    "fixed_value": "the nodes of source_images whose value is not 0 are fixed",
    "production": "serve, certified and refined have the production γx of source_images x",
}


class ExportedSolver(Protocol):
    """What exports use of a `TensorSolver`."""

    lattice: tuple[int, int]
    medium: Medium

    def solve(self, *arguments: Any, **options: Any) -> TensorSolution:
        """Solved fields."""

    def certify(self, *arguments: Any, **options: Any) -> TensorCertificate:
        """Bounds of fields."""


def describe_export(
    kind: Kind,
    *,
    physics: Mapping[str, Any],
    equation: str,
    functions: Mapping[str, Sequence[str]],
    input: str,
    output: str,
    proof_lattice: Sequence[int] | None = None,
    model: Mapping[str, Any] | None = None,
    trained_on: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The content of `diffkeras.json`: what an export computes, and what has made it."""
    versions = {"diffkeras": __version__, "tensorflow": tf.__version__, "keras": keras.__version__}
    return {
        "format": FORMAT,
        "kind": kind,
        "versions": versions,
        "physics": physics,
        "equation": equation,
        "functions": functions,
        "proof_lattice": proof_lattice,
        "input": input,
        "output": output,
        "model": model,
        "trained_on": trained_on,
    }


def names_of_inputs(functions: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names of the inputs of each function, for descriptions."""
    return {
        name: [spec.name for spec in function.input_signature]
        for name, function in functions.items()
    }


def solver_arguments(
    source_images: tf.Tensor,
    sources: SourceMeaning,
    medium: Medium,
    diffusion_length: tf.Tensor | None = None,
) -> dict[str, tf.Tensor]:
    """The arguments of a solver for source images x, (batch, rows, columns, 1).

    Sources fix the field at x, or produce γx in float64 (see `physics.production_of`).
    `diffusion_length`, (batch,), belongs to each image, where lengths differ.
    """
    images, decay, arguments = source_images[..., 0], medium.decay, {}
    if diffusion_length is not None:
        length = tf.cast(diffusion_length, tf.float64)
        arguments = {"decay": float(max(medium.diffusivities)) / length**2}
        decay = arguments["decay"][:, None, None]
    if sources == "fixed_value":
        return {"source_images": images, **arguments}
    exact = exact_numbers("source images", images)[:, None, None]
    production = tf.cast(images, tf.float64) * decay
    return {"production": tf.where(exact, production, np.nan), **arguments}


def proof_functions(
    predict: Callable[..., tf.Tensor],
    solver: ExportedSolver,
    sources: SourceMeaning,
    inputs: Sequence[tf.TensorSpec],
) -> dict[str, Any]:
    """The functions `certified` and `refined` of a SavedModel, by their names.

    `certified` bounds the error of the field that `predict` returns for `inputs`, source images and
    perhaps `diffusion_length`; `refined` solves from it to a tolerance.
    """

    def prepared(source_images: tf.Tensor, lengths: dict[str, tf.Tensor]) -> tuple[Any, Any]:
        source_images = on_lattice(source_images, solver.lattice)
        prediction = predict(source_images, *lengths.values())
        with tf.control_dependencies([prediction]):  # what it checks must not fail elsewhere first
            lengths = {name: tf.identity(values) for name, values in lengths.items()}
        problem = solver_arguments(source_images, sources, solver.medium, **lengths)
        return prediction[..., 0], problem

    def certified(source_images: tf.Tensor, **lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        prediction, problem = prepared(source_images, lengths)
        certificate = solver.certify(prediction, **problem)
        return {
            **_outputs(certificate),
            "corrected": certificate.corrected.field[..., None],
            "corrected_error_bound": certificate.corrected.error_bound,
        }

    def refined(
        source_images: tf.Tensor, tolerance: tf.Tensor, **lengths: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        prediction, problem = prepared(source_images, lengths)
        return _outputs(solver.solve(**problem, initial=prediction, tolerance=tolerance))

    tolerance = tf.TensorSpec((), tf.float32, name="tolerance")
    return {
        "certified": named_function(certified, inputs),
        "refined": named_function(refined, [*inputs, tolerance]),
    }


def write_solver(
    path: Path, solver: ExportedSolver, arrays: Sequence[tf.Tensor], sources: SourceMeaning
) -> None:
    """Write the SavedModel of a solver whose graphs share arrays, as `TensorSolver.export` does."""
    check_choice("sources", sources, get_args(SourceMeaning))
    if sources == "production" and not np.any(solver.medium.decay):
        raise PhysicsError(
            "sources produce decay × their value, which is 0 with the medium's decay of 0; choose "
            "a decay above 0, or sources 'fixed_value'"
        )
    check_saved_model_output(path)
    tell_what_is_replaced(path)
    functions = _field_functions(solver, sources)
    serve = functions["serve"]
    functions |= proof_functions(serve, solver, sources, serve.input_signature)
    rows, columns = solver.lattice
    numbers = f"float32 (batch, {rows}, {columns}, 1)"
    physics = {"lattice": solver.lattice, **asdict(solver.medium), "sources": sources}
    description = describe_export(
        "solver",
        physics=physics,
        equation=EQUATION,
        functions=names_of_inputs(functions),
        proof_lattice=solver.lattice,
        input=f"source images, {numbers}, linear scale; fixed, bool, of the same shape or with "
        f"a batch of 1; production, {numbers}, linear scale, per unit of time; {MEANING[sources]}",
        output=f"fields, {numbers}, linear scale",
    )
    write_saved_model(path, functions, arrays, description)


def _field_functions(solver: ExportedSolver, sources: SourceMeaning) -> dict[str, Any]:
    """The functions that return fields alone, by their names."""

    def serve(source_images: tf.Tensor) -> tf.Tensor:
        images = on_lattice(source_images, solver.lattice)
        problem = solver_arguments(images, sources, solver.medium)
        return tf.cast(solver.solve(**problem).field, tf.float32)[..., None]

    def general(**given: tf.Tensor) -> tf.Tensor:
        parts = {name: on_lattice(part, solver.lattice)[..., 0] for name, part in given.items()}
        parts["fixed"] = tf.broadcast_to(parts["fixed"], tf.shape(parts["source_images"]))
        return solver.solve(**parts).field[..., None]

    # sides are left open, so that the graph itself compares them and says what it expects
    types = {"source_images": tf.float32, "fixed": tf.bool, "production": tf.float32}
    specs = [tf.TensorSpec((None, None, None, 1), kind, name) for name, kind in types.items()]
    return {
        "serve": named_function(serve, specs[:1]),
        "serve_general": named_function(general, specs),
    }


def on_lattice(images: tf.Tensor, lattice: tuple[int, int]) -> tf.Tensor:
    """Images (batch, rows, columns, 1); an InvalidArgumentError for another lattice."""
    sides = tf.shape(images)[1:3]
    message = f"this function was exported for {lattice[0]}×{lattice[1]} nodes, not"
    way_out = "nodes; export it for these (--lattice)"
    images = checked(images, tf.reduce_all(sides == lattice), message, sides, way_out)
    return tf.ensure_shape(images, (None, *lattice, 1))


def _outputs(proof: TensorSolution | TensorCertificate) -> dict[str, tf.Tensor]:
    """A solution or certificate as a dictionary, whose fields are (batch, rows, columns, 1)."""
    return {
        "field": proof.field[..., None],
        "error_bound": proof.error_bound,
        "node_bound": proof.node_bound[..., None],
    }
