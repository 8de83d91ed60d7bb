"""The exact solver as a SavedModel, which runs without diffkeras."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf

from diffkeras.system.atomic_files import check_replaceable
from diffkeras.system.tensorflow_setup import SAVED_MODEL, write_saved_model
from diffkeras.tf_solver.description import describe_export
from diffkeras.tf_solver.proofs import (
    PROOFS,
    SHAPE,
    SOURCE_IMAGES,
    Sources,
    on_lattice,
    posed,
    proof_functions,
)

INPUTS = {
    "source_images": SOURCE_IMAGES,
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
MEANING = {
    "fixed_value": "the nodes of source_images whose value is not 0 are fixed",
    "production": "serve, certified and refined have the production γx of source_images x",
}


def write_solver(path: Path, solver: Any, sources: Sources, arrays: list[tf.Tensor]) -> None:
    """Write the SavedModel of a `TensorSolver`, as its `export` describes it.

    `arrays` are those that its functions share.
    """
    check_replaceable(path, SAVED_MODEL)
    module = tf.Module()
    module.arrays = arrays
    functions = _field_functions(solver, sources)
    functions |= proof_functions(functions["serve"], solver, sources)
    for name, function in functions.items():
        setattr(module, name, function)
    signatures = {**functions, "serving_default": functions["serve"]}
    rows, columns = solver.lattice
    numbers = f"float32 (batch, {rows}, {columns}, 1)"
    physics = {"lattice": solver.lattice, **asdict(solver.medium), "sources": sources}
    del physics["dimensions"]  # the lattice says it
    description = describe_export(
        "solver",
        physics=physics,
        equation=EQUATION,
        functions={**FUNCTIONS, **{name: inputs for name, (inputs, _) in PROOFS.items()}},
        inputs=f"source images, {numbers}, linear scale; fixed, bool, of the same shape or with "
        f"a batch of 1; production, {numbers}, linear scale, per unit of time; {MEANING[sources]}",
        output=f"fields, {numbers}, linear scale",
    )
    write_saved_model(path, module, signatures, description)


def _field_functions(solver: Any, sources: Sources) -> dict[str, Any]:
    """The functions that return fields alone, by their names."""

    def serve(source_images: tf.Tensor) -> tf.Tensor:
        images = on_lattice(source_images, solver.lattice)
        return tf.cast(solver.solve(**posed(images, sources, solver.medium)), tf.float32)[..., None]

    def general(
        source_images: tf.Tensor, fixed: tf.Tensor, production: tf.Tensor | None
    ) -> tf.Tensor:
        images = on_lattice(source_images, solver.lattice)[..., 0]
        fixed = tf.broadcast_to(fixed[..., 0], tf.shape(images))
        if production is not None:
            production = on_lattice(production, solver.lattice)[..., 0]
        return solver.solve(images, fixed, production=production)[..., None]

    functions = {
        "serve": serve,
        "serve_fixed": lambda source_images, fixed: general(source_images, fixed, None),
        "serve_production": lambda production: solver.solve(
            production=on_lattice(production, solver.lattice)[..., 0]
        )[..., None],
        "serve_general": general,
    }
    return {
        name: tf.function(functions[name], [INPUTS[one] for one in inputs], autograph=False)
        for name, inputs in FUNCTIONS.items()
    }
