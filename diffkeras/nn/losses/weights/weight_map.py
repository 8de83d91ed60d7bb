"""Weight map, which multiplies the error of each node."""

from dataclasses import dataclass
from typing import Any

import keras

from diffkeras.nn.arguments import positive
from diffkeras.nn.registry import arguments_of


@dataclass(eq=False)
class WeightMap:
    """Base of the weight maps w(y) that a loss multiplies its errors by.

    A subclass implements `call`, stores its arguments as attributes of the same names, as a
    dataclass does, and is registered with `keras.saving.register_keras_serializable`.

    Attributes:
        needs_source_image: whether `call` reads the source image.

    Raises:
        ValueError: an argument of a dataclass is not a finite number above 0.
    """

    needs_source_image = False

    def __post_init__(self) -> None:
        for name in self.get_config():
            setattr(self, name, positive(name, getattr(self, name)))

    def __call__(self, field: Any, source_image: Any = None) -> Any:
        """Weight of each node.

        Args:
            field: y on the network's scale, (batch, height, width). A predicted field may be
                negative; weights must not be.
            source_image: on the linear scale, the shape of `field`; None if it is unknown.

        Returns:
            Weights, the shape of `field`.

        Raises:
            ValueError: the map needs the source image, which is None.
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
        return {name: getattr(self, name) for name in arguments_of(type(self))}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WeightMap":
        """The weight map with these arguments."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="diffkeras")
class UniformWeight(WeightMap):
    """w = 1 at every node, as without a weight map.

    Example:

    ```python
    AbsoluteError(weight=UniformWeight())
    ```
    """

    def call(self, field: Any, source_image: Any) -> Any:
        """Ones."""
        return keras.ops.ones_like(field)
