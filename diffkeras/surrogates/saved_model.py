"""SavedModels: surrogates for TensorFlow programs that don't have diffkeras."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.graph import TensorSolver
from diffkeras.graph.checks import check_range, checked
from diffkeras.graph.export import SourceMeaning, describe_export, names_of_inputs, proof_functions
from diffkeras.graph.solver import is_solved_by_transforms
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.saved_models import (
    OUTPUT,
    named_function,
    replacing_saved_model,
)
from diffkeras.view.scales import POSITIVE_MAPS

# by name: `source_images`, and the other inputs of a surrogate
Inputs = Mapping[str, NDArray[np.float32]]
Runner = Callable[[Inputs], NDArray[np.float32]]  # runs an exported file

NOT_FINITE = (
    "the surrogate predicts values that are not finite: the source images and the medium leave the "
    "range of float32, or the model is damaged; choose units in which sources have values of about "
    "1 and the diffusivity is close to the training's"
)


def export_saved_model(
    surrogate: Surrogate, path: Path, lattice: tuple[int, int] | None = None
) -> None:
    """Write a SavedModel with the functions in `docs/savedmodel.md`, which needs TensorFlow only.

    In a uniform medium, `certified` and `refined` work on `lattice`, by default the training's.
    """
    with replacing_by_saved_model(surrogate, path, lattice):
        pass


@contextmanager
def replacing_by_saved_model(
    surrogate: Surrogate, path: Path, lattice: tuple[int, int] | None = None
) -> Iterator[Path]:
    """Yield the SavedModel in a temporary directory, which replaces `path` at the block's end."""
    serve = _serve(surrogate)
    tracked = [variable.value for variable in surrogate.model.variables]
    functions, proofs = {"serve": serve}, None
    medium = surrogate.config.view.slowest_medium
    if not surrogate.maps and is_solved_by_transforms(medium):
        proofs = lattice or surrogate.lattice
        solver, arrays = TensorSolver(proofs, medium).with_shared_arrays()
        tracked += arrays
        sources: SourceMeaning = "production" if surrogate.production else "fixed_value"
        functions |= proof_functions(serve, solver, sources, serve.input_signature)
    description = describe(surrogate, names_of_inputs(functions), proofs)
    with replacing_saved_model(path, functions, tracked, description) as partial:
        yield partial


def load_saved_model(path: Path) -> Runner:
    """The signature `serving_default` of a SavedModel, from arrays by name to fields."""
    loaded = tf.saved_model.load(str(path))

    def run(inputs: Inputs) -> Any:
        # `loaded` must stay alive: its signatures don't hold its weights
        signature = loaded.signatures["serving_default"]
        tensors = {name: tf.constant(value) for name, value in inputs.items()}
        return signature(**tensors)[OUTPUT].numpy()

    return run


def describe(
    surrogate: Surrogate,
    functions: Mapping[str, Sequence[str]] | None = None,
    proof_lattice: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """The description of an export with these functions and inputs, by default `serve` alone.

    `proof_lattice` is for `certified` and `refined`, if there are any.
    """
    config = surrogate.config
    network = {key: getattr(config.model, key) for key in config.model.keys_used}
    return describe_export(
        "surrogate",
        **config.view.described(config.physics.to_dict()),
        functions=functions or {"serve": [*config.view.names]},
        proof_lattice=proof_lattice,
        model={**network, "numbers": surrogate.model.count_params()},
    )


def _serve(surrogate: Surrogate) -> Any:
    """The graph: source images (and lengths or maps) to fields, with checks of the input."""
    model, view = surrogate.model, surrogate.config.view

    def network(x: tf.Tensor) -> tf.Tensor:
        # TensorFlow's fused convolutions refuse an empty batch, so it gets an image
        count, others = tf.shape(x)[0], [[0, 0]] * (x.shape.rank - 1)
        x = tf.pad(x, [[0, tf.cast(count == 0, tf.int32)], *others])
        return model(x, training=False)[:count]

    def fields(**inputs: tf.Tensor) -> tf.Tensor:
        usable = _usable(surrogate, inputs)
        with tf.control_dependencies([usable]):  # nothing else may fail first
            inputs = {name: tf.identity(values) for name, values in inputs.items()}
        result = view.fields(network, inputs, xp=keras.ops)
        result = checked(result, tf.reduce_all(tf.math.is_finite(result)), NOT_FINITE)
        # XLA drops the checks
        return tf.where(usable[:, None, None, None], result, np.nan)

    return named_function(fields, input_specs(surrogate))


def input_specs(surrogate: Surrogate) -> list[tf.TensorSpec]:
    """Shapes and types of a surrogate's inputs, all float32, by their names."""
    shapes = surrogate.config.view.shapes
    return [tf.TensorSpec(shape, tf.float32, name=name) for name, shape in shapes.items()]


def _usable(surrogate: Surrogate, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Which images have usable inputs, (batch,); an InvalidArgumentError if one hasn't."""
    rule, view = surrogate.config.model.lattices, surrogate.config.view
    shape = tf.shape(inputs["source_images"])
    sides = shape[1:3]
    usable = tf.reduce_all((sides % rule.divisor == 0) & (sides >= rule.shortest))
    taken = checked(sides, usable, f"source_images must have {rule}, not", sides)
    with tf.control_dependencies([taken]):  # before their values
        inputs = {name: tf.identity(values) for name, values in inputs.items()}
    for name, values in inputs.items():
        own = tf.shape(values)
        if name == "diffusion_length":
            (low, high), wanted = view.ranges[name], "give one diffusion length, or one for each"
            as_many = (own[0] == shape[0]) | (own[0] == 1)
            found = own[0], "for", shape[0], "images"
            values = checked(values, as_many, f"{wanted} source image, not", *found)
            inside = (values >= np.float32(low)) & (values <= np.float32(high))
            message = f"{name} must lie within {low:g} to {high:g}, not"
            usable &= checked(inside, tf.reduce_all(inside), message, values)
        else:
            same = tf.reduce_all(own == shape)
            message = f"{name} must have the shape of source_images, not"
            values = checked(values, same, message, own)
            usable &= same & check_range(name, values[..., 0], positive=name in POSITIVE_MAPS)
    return usable
