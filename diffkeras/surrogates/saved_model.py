"""SavedModels: surrogates for TensorFlow programs that don't have diffkeras."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from diffkeras.graph import TensorSolver
from diffkeras.graph.checks import check_range, checked
from diffkeras.graph.export import (
    SourceMeaning,
    describe_export,
    names_of_inputs,
    proof_functions,
)
from diffkeras.graph.solver import is_solved_by_transforms
from diffkeras.physics.sampling.discs import check_radius
from diffkeras.surrogates.surrogate import Surrogate
from diffkeras.system.result_folders import check_replaceable
from diffkeras.system.saved_models import (
    FILES,
    OUTPUT,
    SAVED_MODEL,
    check_loadable,
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
    """Write a SavedModel: source images in, fields out, both on the linear scale.

    Its `serve` function, which is also the default signature, takes float32 (batch, height, width,
    1) and returns the same shape. It needs TensorFlow only. If the surrogate was trained on several
    diffusion lengths, `serve` takes them as well, as float32 (batch,), and if it was trained on
    media that vary, the maps of `surrogate.maps`, some of `diffusivity`, `decay`, `uptake`,
    `saturation` and `production`, of the shape of the images. The graph checks its input: source
    values that are negative or not finite, sides that the network doesn't divide, diffusion lengths
    outside the trained range, and maps of another shape or with values that no medium has raise
    `tf.errors.InvalidArgumentError`. Fields are those of `Surrogate.predict`. `diffkeras.json` in
    the same directory names the physics that the surrogate was trained for.

    In a uniform medium there are also the functions and signatures `certified` and `refined` of
    `TensorSolver.export`, with the inputs of `serve`. They work on `lattice`, by default the one
    that it was trained on.
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
    description = describe(surrogate, functions, proofs)
    with replacing_saved_model(path, functions, tracked, description) as partial:
        yield partial


def check_saved_model_output(path: Path) -> None:
    """Raise an OutputError, before the work, if no SavedModel can be written to a path."""
    check_loadable(path)
    check_replaceable(path, SAVED_MODEL, FILES)


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
    functions: Mapping[str, Any] | None = None,
    proof_lattice: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """The description of an export with these functions, by default `serve` alone.

    `proof_lattice` is that of `certified` and `refined`, if there are any.
    """
    config, view = surrogate.config, surrogate.config.view
    physics = {**config.physics.to_dict(), "lattice": surrogate.lattice}
    images, further = "float32 (batch, rows, columns, 1), linear scale", ""
    if "diffusion_length" in view.varying:
        del physics["decay"]  # each image has its own, D/ℓ²
        physics["diffusion_length"] = list(view.ranges["diffusion_length"])
        further = (
            "; diffusion_length, float32 (batch,), in the unit of step, within the range in physics"
        )
    if view.maps:
        physics = {name: part for name, part in physics.items() if name not in view.maps}
        further = f"; {' and '.join(view.maps)}, of the shape of the source images"
    content = f"source images, {images}{further}"
    inputs = {"serve": [spec.name for spec in input_specs(surrogate)]}
    network = {key: getattr(config.model, key) for key in config.model.keys_used}
    return describe_export(
        "surrogate",
        physics=physics,
        equation=_equation(surrogate),
        functions=inputs if functions is None else names_of_inputs(functions),
        proof_lattice=proof_lattice,
        input=content,
        output=f"fields, {images}",
        model={**network, "numbers": surrogate.model.count_params()},
        trained_on={
            "source_counts": list(config.data.sources),
            "radii": list(check_radius(config.data.radius)),
            "divide_by_maximum": config.data.divide_by_maximum,
            "tissue": config.data.tissue and asdict(config.data.tissue),
        },
    )


def _equation(surrogate: Surrogate) -> str:
    """What fields satisfy, in words."""
    if surrogate.production:
        return "D∇²u − γu + γx = 0 with the source image x"
    balance = "D∇²u − γu"
    if surrogate.maps:
        balance = "∇·(D∇u) − γu"
        balance += " − uptake·u/(saturation + u)" if "uptake" in surrogate.maps else ""
        balance += " + production" if "production" in surrogate.maps else ""
    return f"{balance} = 0 outside sources, u = source image on them"


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
    """Shapes and types of a surrogate's inputs, all float32, by their names.

    `source_images` (batch, rows, columns, 1); then `diffusion_length`, (batch,) [length], or maps
    of the shape of the images.
    """
    shapes = {"diffusion_length": (None,)}
    return [
        tf.TensorSpec(shapes.get(name, (None, None, None, 1)), tf.float32, name=name)
        for name in surrogate.config.view.names
    ]


def _usable(surrogate: Surrogate, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Which images have usable inputs, (batch,); an InvalidArgumentError if one hasn't."""
    rule, view = surrogate.config.model.lattices, surrogate.config.view
    images = inputs["source_images"]
    shape, sides = tf.shape(images), tf.shape(images)[1:3]
    is_taken = tf.reduce_all((sides % rule.divisor == 0) & (sides >= rule.shortest))
    images = checked(images, is_taken, f"source_images must have {rule}, not", sides)
    usable = is_taken & check_range("source_images", images[..., 0])
    for name in view.maps:
        values = inputs[name]
        same = tf.reduce_all(tf.shape(values) == shape)
        message = f"{name} must have the shape of source_images, not"
        values = checked(values, same, message, tf.shape(values))
        usable &= same & check_range(name, values[..., 0], positive=name in POSITIVE_MAPS)
    if (name := "diffusion_length") in view.varying:
        (low, high), lengths = view.ranges[name], inputs[name]
        count, wanted = tf.shape(lengths)[0], "give one diffusion length, or one for each source"
        as_many = (count == shape[0]) | (count == 1)
        lengths = checked(
            lengths, as_many, f"{wanted} image, not", count, "for", shape[0], "images"
        )
        inside = (lengths >= np.float32(low)) & (lengths <= np.float32(high))
        message = f"{name} must lie within {low:g} to {high:g}, not"
        usable &= checked(inside, tf.reduce_all(inside), message, lengths)
    return usable
