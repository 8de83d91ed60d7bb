"""SavedModels of the exact solver, and what surrogates' have in common with them.

`docs/savedmodel.md` has their functions, and the keys of their `diffkeras.json`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import tensorflow as tf

from diffkeras.errors import PhysicsError
from diffkeras.graph.checks import checked, exact_numbers
from diffkeras.graph.description import describe_export
from diffkeras.physics import Medium
from diffkeras.physics.arguments import check_choice
from diffkeras.system.result_folders import check_replaceable
from diffkeras.system.saved_models import FILES, SAVED_MODEL, named_function, write_saved_model

if TYPE_CHECKING:
    from diffkeras.graph.results import TensorCertificate, TensorSolution
    from diffkeras.graph.solver import TensorSolver

SourceMeaning = Literal["fixed_value", "production"]

TOLERANCE_INPUT = tf.TensorSpec((), tf.float32, name="tolerance")
FUNCTIONS = {
    "serve": ["source_images"],
    "serve_fixed": ["source_images", "fixed"],
    "serve_production": ["production"],
    "serve_general": ["source_images", "fixed", "production"],
}
EQUATION = "D∇²u − γu + production = 0 on the free nodes, u = source image on the fixed ones"
MEANING = {
    "fixed_value": "the nodes of source_images whose value is not 0 are fixed",
    "production": "serve, certified and refined have the production γx of source_images x",
}


def names_of_inputs(functions: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names of the inputs of each function, for descriptions."""
    return {
        name: [spec.name for spec in function.input_signature]
        for name, function in functions.items()
    }


def check_sources(sources: SourceMeaning, medium: Medium) -> None:
    """Raise a PhysicsError for sources of another name, or whose production is 0."""
    check_choice("sources", sources, get_args(SourceMeaning))
    if sources == "production" and not np.any(medium.decay):
        raise PhysicsError(
            "sources produce decay × their value, which is 0 with the medium's decay of 0; choose "
            "a decay above 0, or sources 'fixed_value'"
        )


def solver_arguments(
    source_images: tf.Tensor,
    sources: SourceMeaning,
    medium: Medium,
    diffusion_length: tf.Tensor | None = None,
) -> dict[str, tf.Tensor]:
    """The arguments of a solver for source images x, (batch, rows, columns, 1).

    Sources fix the field at x, or produce γx in float64, as `physics.production_of` computes it
    from arrays. `diffusion_length`, (batch,), is that of each image, where lengths differ.
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


def certificate_outputs(certificate: "TensorCertificate") -> dict[str, tf.Tensor]:
    """A certificate as a dictionary, whose fields are (batch, rows, columns, 1)."""
    corrected = certificate.corrected
    return {
        **solution_outputs(certificate),
        "corrected": corrected.field[..., None],
        "corrected_error_bound": corrected.error_bound,
    }


def solution_outputs(solution: "TensorSolution | TensorCertificate") -> dict[str, tf.Tensor]:
    """A solution or certificate as a dictionary, whose fields are (batch, rows, columns, 1)."""
    return {
        "field": solution.field[..., None],
        "error_bound": solution.error_bound,
        "node_bound": solution.node_bound[..., None],
    }


def on_lattice(images: tf.Tensor, lattice: tuple[int, int]) -> tf.Tensor:
    """Images (batch, rows, columns, 1); an InvalidArgumentError for those of another lattice."""
    sides = tf.shape(images)[1:3]
    message = f"this function was exported for {lattice[0]}×{lattice[1]} nodes, not"
    way_out = "nodes; export it for these (--lattice)"
    images = checked(images, tf.reduce_all(sides == lattice), message, sides, way_out)
    return tf.ensure_shape(images, (None, *lattice, 1))


def proof_functions(
    predict: Callable[..., tf.Tensor],
    solver: "TensorSolver",
    sources: SourceMeaning,
    inputs: Sequence[tf.TensorSpec],
) -> dict[str, Any]:
    """The functions `certified` and `refined` of a SavedModel, by their names.

    `certified` bounds the error of the predicted field. `refined` solves from the surrogate's field
    to a tolerance.

    Args:
        predict: turns its inputs into fields (batch, rows, columns, 1), and checks them.
        solver: the `TensorSolver` of the equation, which gives the proofs.
        sources: what source images stand for.
        inputs: of `predict`: source images, and `diffusion_length` if images differ in it.
    """

    def prepared(
        source_images: tf.Tensor, lengths: dict[str, tf.Tensor]
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        source_images = on_lattice(source_images, solver.lattice)
        prediction = predict(source_images, *lengths.values())
        with tf.control_dependencies([prediction]):  # what it checks must not fail elsewhere first
            lengths = {name: tf.identity(values) for name, values in lengths.items()}
        problem = solver_arguments(source_images, sources, solver.medium, **lengths)
        return prediction[..., 0], problem

    def certified(source_images: tf.Tensor, **lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        prediction, problem = prepared(source_images, lengths)
        return certificate_outputs(solver.certify(prediction, **problem))

    def solved(
        source_images: tf.Tensor, tolerance: tf.Tensor, **lengths: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        prediction, problem = prepared(source_images, lengths)
        return solution_outputs(solver.solve(**problem, initial=prediction, tolerance=tolerance))

    return {
        "certified": named_function(certified, inputs),
        "refined": named_function(solved, [*inputs, TOLERANCE_INPUT]),
    }


def write_solver(path: Path, solver: "TensorSolver", sources: SourceMeaning) -> None:
    """Write the SavedModel of a solver, as its `export` describes it."""
    check_sources(sources, solver.medium)
    check_replaceable(path, SAVED_MODEL, FILES)
    solver, arrays = solver.with_shared_arrays()
    functions = _field_functions(solver, sources)
    serve = functions["serve"]
    functions |= proof_functions(serve, solver, sources, serve.input_signature)
    rows, columns = solver.lattice
    numbers = f"float32 (batch, {rows}, {columns}, 1)"
    physics = {"lattice": solver.lattice, **asdict(solver.medium), "sources": sources}
    del physics["dimensions"]  # the lattice says it
    description = describe_export(
        "solver",
        physics=physics,
        equation=EQUATION,
        functions=names_of_inputs(functions),
        proof_lattice=solver.lattice,
        input=f"source images, {numbers}, linear scale; fixed, bool, of the same shape or with "
        f"a batch of 1; production, {numbers}, linear scale, per unit of time; {MEANING[sources]}",
        output=f"fields, {numbers}, linear scale",
        model=None,
        trained_on=None,
    )
    write_saved_model(path, functions, arrays, description)


def _field_functions(solver: "TensorSolver", sources: SourceMeaning) -> dict[str, Any]:
    """The functions that return fields alone, by their names."""

    def general(
        source_images: tf.Tensor, fixed: tf.Tensor, production: tf.Tensor | None = None
    ) -> tf.Tensor:
        images = on_lattice(source_images, solver.lattice)[..., 0]
        fixed = tf.broadcast_to(on_lattice(fixed, solver.lattice)[..., 0], tf.shape(images))
        if production is not None:
            production = on_lattice(production, solver.lattice)[..., 0]
        return solver.solve(images, fixed, production).field[..., None]

    def serve(source_images: tf.Tensor) -> tf.Tensor:
        problem = solver_arguments(
            on_lattice(source_images, solver.lattice), sources, solver.medium
        )
        return tf.cast(solver.solve(**problem).field, tf.float32)[..., None]

    def produced(production: tf.Tensor) -> tf.Tensor:
        production = on_lattice(production, solver.lattice)[..., 0]
        return solver.solve(production=production).field[..., None]

    functions: dict[str, Callable[..., tf.Tensor]] = {
        "serve": serve,
        "serve_fixed": general,
        "serve_production": produced,
        "serve_general": general,
    }
    # sides are left open, so that the graph itself compares them and says what it expects
    types, shape = {"fixed": tf.bool}, (None, None, None, 1)
    specs = {
        name: [tf.TensorSpec(shape, types.get(one, tf.float32), name=one) for one in inputs]
        for name, inputs in FUNCTIONS.items()
    }
    return {name: named_function(functions[name], specs[name]) for name in FUNCTIONS}
