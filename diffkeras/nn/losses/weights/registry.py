"""Weight maps by the names that configurations use."""

from collections.abc import Mapping
from typing import Any

import keras

from diffkeras.nn.losses.weights.exponential import ExponentialWeight
from diffkeras.nn.losses.weights.step import StepWeight
from diffkeras.nn.losses.weights.tanh import TanhWeight
from diffkeras.nn.losses.weights.weight_map import UniformWeight, WeightMap
from diffkeras.nn.registry import build

WEIGHTS: dict[str, type[WeightMap]] = {
    "uniform": UniformWeight,
    "exponential": ExponentialWeight,
    "tanh": TanhWeight,
    "step": StepWeight,
}


def get_weight(config: WeightMap | Mapping[str, Any] | str | None) -> WeightMap | None:
    """The weight map that a configuration describes.

    Args:
        config: a key of `WEIGHTS`, or a mapping with that key as "name" and the parameters of the
            class. Also accepted are a weight map, its serialized form
            (`keras.saving.serialize_keras_object`), and None.

    Returns:
        The weight map; None if `config` is None, which means no weight.

    Raises:
        ValueError: unknown name or parameter, or a parameter that is missing or out of range.

    Example:

    ```python
    get_weight("tanh")
    get_weight({"name": "step", "amplitude": 100})
    ```
    """
    if isinstance(config, Mapping):
        if "class_name" in config:
            config = keras.saving.deserialize_keras_object(dict(config))
        elif config.get("name") == "alternating":
            raise ValueError(
                "weights do not alternate, losses do: instead of a weight named 'alternating' "
                "write a loss with error: alternating, whose first and second are losses"
            )
    if config is None or isinstance(config, WeightMap):
        return config
    return build("weight", "name", WEIGHTS, config)
