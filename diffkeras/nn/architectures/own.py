"""An architecture of one's own: a function that a configuration names as `module:function`."""

import os
import re
import sys
from collections.abc import Iterable
from functools import partial
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from diffkeras.errors import ConfigurationError, PhysicsError
from diffkeras.nn.architectures.architecture import Architecture
from diffkeras.system.messages import short

if TYPE_CHECKING:
    import keras

KEY = "model.architecture"
ANSI = re.compile(r"\x1b\[\d+m")
FRAME = ("Exception encountered when calling", "Could not automatically infer")


def check_place(place: str) -> None:
    """Raise a ValueError if a text isn't `module:function`; nothing is imported."""
    module, _, function = place.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), *function.split("."))):
        raise ValueError(f"{short(place)} is not module:function, such as my_module:build")
    if module.partition(".")[0] in sys.stdlib_module_names:
        raise ValueError(f"{place} is part of Python; name a function that builds a network")


def own_architecture(place: str) -> Architecture:
    """The architecture of a function; its module is imported when a network is built."""
    needs = ("channels", "lattice")
    return Architecture(place, "of your own", partial(_build, place), {}, needs)


def check_lattice(model: "keras.Model", lattice: Iterable[int]) -> None:
    """Raise a PhysicsError if a network makes no field on a lattice of so many rows and columns."""
    import keras

    rows, columns = lattice
    words = f"the network takes no lattice of {rows}×{columns} nodes"
    try:
        image = keras.KerasTensor((1, rows, columns, model.inputs[0].shape[-1]))
        (field,) = keras.tree.flatten(model(image))  # of models in training, a list
    except Exception as error:
        raise PhysicsError(f"{words}: {_in_words(error)}") from error
    if tuple(field.shape) != (1, rows, columns, 1):
        raise PhysicsError(f"{words}: its output has the shape {(None, *field.shape[1:])}")


def _build(
    place: str, /, *, channels: int, lattice: Iterable[int], **arguments: Any
) -> "keras.Model":
    """The network that a function returns, as a functional model whose field is float32."""
    import keras

    function = _imported(place)
    call = f"{KEY}: {place} with {short({'channels': channels, **arguments})}"
    try:
        model = function(channels=channels, **arguments)
    except Exception as error:
        raise ConfigurationError(f"{call} raised {_in_words(error)}") from error
    if not isinstance(model, keras.Model):
        raise ConfigurationError(f"{call} returned {short(model)}, not a keras.Model")
    inputs, outputs = (getattr(model, name, None) or [] for name in ("inputs", "outputs"))
    shapes = [tuple(tensor.shape) for tensor in (*inputs, *outputs)]
    if shapes != [(None, None, None, channels), (None, None, None, 1)]:
        found = f"{shapes[: len(inputs)]} to {shapes[len(inputs) :]}" if shapes else "none"
        raise ConfigurationError(
            f"{call} must return a functional or sequential model from one input of shape (None, "
            f"None, None, {channels}) to one output of shape (None, None, None, 1); its shapes "
            f"are {found}"
        )
    field = outputs[0]
    if field.dtype != "float32":  # in mixed precision
        field = keras.layers.Activation("linear", dtype="float32")(field)
    model = keras.Model(inputs[0], field, name=model.name)
    try:
        check_lattice(model, lattice)
    except PhysicsError as error:
        raise ConfigurationError(f"{call}: {error}") from error
    return model


def _imported(place: str) -> Any:
    """The function, of a module on Python's path or in the current directory."""
    module, _, function = place.partition(":")
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)  # at the end, where it hides no package
    try:
        found = attrgetter(function)(import_module(module))
    except (Exception, SystemExit) as error:
        raise ConfigurationError(
            f"{KEY}: importing {place} raised {_in_words(error)}; modules are looked for on "
            f"Python's path and in {here}"
        ) from error
    if not callable(found):
        raise ConfigurationError(f"{KEY}: {place} is {short(found)}, not a function")
    return found


def _in_words(error: BaseException) -> str:
    """The type of an error, and the first line of its message that isn't Keras' frame."""
    lines = [line.strip(" *") for line in ANSI.sub("", str(error)).splitlines()]
    first = next((line for line in lines if line and not line.startswith(FRAME)), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
