"""Weight map, which multiplies the error of each node."""

from typing import Any, ClassVar

import keras


class WeightMap:
    """Base of the weight maps w(y) that a loss multiplies its errors by.

    A subclass implements `call`, stores its constructor's arguments as attributes, lists their
    names in `parameters`, and is registered with `keras.saving.register_keras_serializable`.

    Attributes:
        parameters: names of the constructor's arguments.
        needs_source_image: whether `call` reads the source image.
    """

    parameters: ClassVar[tuple[str, ...]] = ()

    @property
    def needs_source_image(self) -> bool:
        """Whether the map depends on the source image."""
        return False

    def __call__(self, field: Any, source_image: Any = None) -> Any:
        """Weight of each node.

        Args:
            field: y on the network's scale, (batch, height, width).
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
        return {name: getattr(self, name) for name in self.parameters}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "WeightMap":
        """The weight map with these arguments."""
        return cls(**config)


@keras.saving.register_keras_serializable(package="diffkeras")
class UniformWeight(WeightMap):
    """w = 1 at every node, for use in `AlternatingWeight`.

    Example:

    ```python
    AlternatingWeight(UniformWeight(), TanhWeight())
    ```
    """

    def call(self, field: Any, source_image: Any) -> Any:
        """Ones."""
        return keras.ops.ones_like(field)
