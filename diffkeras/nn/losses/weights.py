"""Weight maps, which multiply the error of each node, and objects from configurations."""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import keras

from diffkeras.physics.arguments import check_positive
from diffkeras.system.messages import short


@dataclass(eq=False)
class WeightMap:
    """Base of the weight maps w(y) that a loss multiplies its errors by.

    A subclass implements `call`, is a dataclass, and is registered with
    `keras.saving.register_keras_serializable`.

    Attributes:
        needs_source_image: whether `call` reads the source image.

    Raises:
        ValueError: an argument is not a finite number above 0.
    """

    needs_source_image = False

    def __post_init__(self) -> None:
        for name, value in self.get_config().items():
            setattr(self, name, check_positive(name, value))

    def __call__(self, field: Any, source_image: Any = None) -> Any:
        """Weights of the shape of `field`, y on the network's scale, (batch, height, width).

        A predicted field may be negative; weights must not be. Raises a ValueError if the map needs
        the source image, on the linear scale and of the shape of `field`, and it is None.
        """
        if self.needs_source_image and source_image is None:
            raise ValueError(
                f"{type(self).__name__} weighs source nodes, so y_true must contain the source "
                "image: make it with diffkeras.nn.pack_target"
            )
        return self.call(field, source_image)

    def call(self, field: Any, source_image: Any) -> Any:
        """Weights; subclasses implement it."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Constructor's arguments."""
        return asdict(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WeightMap":
        """The weight map with these arguments."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="diffkeras")
@dataclass(eq=False)
class ExponentialWeight(WeightMap):
    """w(y) = exp(−|1 − y|/b), which is 1 for y = 1 and smaller elsewhere.

    Args:
        scale: b, above 0, in units of the field on the network's scale; no value in the paper.

    Source: arXiv 2302.03786.
    """

    scale: float = 1.0

    def call(self, field: Any, source_image: Any) -> Any:
        """exp(−|1 − y|/b)."""
        return keras.ops.exp(-keras.ops.abs(1.0 - field) / self.scale)


@keras.saving.register_keras_serializable(package="diffkeras")
@dataclass(eq=False)
class TanhWeight(WeightMap):
    """w(y) = 1 + a·tanh(b·y), which is 1 for y = 0 and nearly 1 + a for large b·y.

    For y < 0 it is 1, because the formula would give negative weights there.

    Args:
        amplitude: a, above 0.
        rate: b, above 0, in units of 1/field on the network's scale.

    Source: arXiv 2302.03786.
    """

    amplitude: float = 2000.0
    rate: float = 1.0

    def call(self, field: Any, source_image: Any) -> Any:
        """1 + a·tanh(b·y), and 1 for y < 0."""
        return 1.0 + self.amplitude * keras.ops.tanh(self.rate * keras.ops.maximum(field, 0.0))


@keras.saving.register_keras_serializable(package="diffkeras")
@dataclass(eq=False)
class StepWeight(WeightMap):
    """w = a on the nodes of sources (x > 0) and 1 elsewhere.

    The map reads the source image x, so `y_true` must be a packed target (see `pack_target`).

    Args:
        amplitude: a, above 0.

    It is diffkeras' own; the "step" of arXiv 2302.03786 is `TanhWeight`.
    """

    amplitude: float
    needs_source_image = True

    def call(self, field: Any, source_image: Any) -> Any:
        """The amplitude on the sources, 1 elsewhere."""
        ones = keras.ops.ones_like(field)
        return keras.ops.where(source_image > 0, self.amplitude * ones, ones)


WEIGHTS: dict[str, type[WeightMap]] = {
    "exponential": ExponentialWeight,
    "tanh": TanhWeight,
    "step": StepWeight,
}


def get_weight(config: WeightMap | Mapping[str, Any] | str | None) -> WeightMap | None:
    """The weight map that a configuration describes.

    Args:
        config: a key of `WEIGHTS`, or a mapping with that key as "name" and the parameters of the
            class; a weight map, or its form by `keras.saving.serialize_keras_object`; or None for
            no weight.

    Raises:
        ValueError: unknown name or parameter, or a parameter that is missing or out of range.

    Example:
        >>> get_weight({"name": "step", "amplitude": 100}).amplitude
        100.0
    """
    if isinstance(config, Mapping) and "class_name" in config:
        config = keras.saving.deserialize_keras_object(dict(config))
    if config is None or isinstance(config, WeightMap):
        return config
    return build("weight", "name", WEIGHTS, config)


def build(kind: str, key: str, table: Mapping[str, type], config: Any) -> Any:
    """Make an object of a class of `table`, from a name or a mapping with the name at `key`.

    Raises a ValueError for an unknown name or argument, or a missing one; `kind` is what the table
    contains, for messages.
    """
    if isinstance(config, str):
        config = {key: config}
    if not isinstance(config, Mapping):
        raise ValueError(f"{kind} must be a name or a mapping, got {config!r}")
    arguments = dict(config)
    if key not in arguments:
        where = key if kind == key else f"{kind}.{key}"
        others = short(list(arguments))
        raise ValueError(f"{where} is missing next to {others}; choose one of {', '.join(table)}")
    name = arguments.pop(key)
    if not isinstance(name, str) or name not in table:
        raise ValueError(f"no {kind} is named {name!r}; choose one of {', '.join(table)}")
    known = {k: value for k, value in arguments_of(table[name]).items() if k != "name"}  # Keras'
    if unknown := [argument for argument in arguments if argument not in known]:
        takes = ", ".join(known)
        raise ValueError(f"{kind} {name!r} has no parameter {unknown[0]!r}; it takes {takes}")
    required = [k for k, parameter in known.items() if parameter.default is parameter.empty]
    if missing := [argument for argument in required if argument not in arguments]:
        raise ValueError(f"{kind} {name!r} needs a value for {', '.join(missing)}")
    return table[name](**arguments)


def arguments_of(cls: type) -> dict[str, inspect.Parameter]:
    """Arguments of a class. If it has `**options`, they are its base class's."""
    arguments = inspect.signature(cls).parameters
    named = {name: p for name, p in arguments.items() if p.kind is not p.VAR_KEYWORD}
    if cls.__base__ and len(named) < len(arguments):
        named |= arguments_of(cls.__base__)
    return named
